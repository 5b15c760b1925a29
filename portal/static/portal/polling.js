// Whoever is signed out, or is no member any more, is shown so: not a page within the page.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  const isOurs = new URL(xhr.responseURL).pathname.endsWith("/status/");
  if (xhr.status === 200 && isOurs) return;
  if (xhr.status >= 500) return;
  event.preventDefault();
  location.reload();
});
// What happened while nobody looked is there when somebody does.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) htmx.trigger("#status", "look");
});
