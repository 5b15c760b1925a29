// A person who was signed out, or is no longer a member, gets that answer as a page and not inside this one.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  const isStatus = new URL(xhr.responseURL).pathname.endsWith("/status/");
  if (xhr.status === 200 && isStatus) return;
  if (xhr.status >= 500) return;
  event.preventDefault();
  location.reload();
});
// Show what happened while the tab was hidden.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) htmx.trigger("#status", "poll");
});
