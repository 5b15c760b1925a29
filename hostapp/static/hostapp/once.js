// A form is sent once: a second click while the browser is on its way would open a second portal.
document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button[data-once]");
  if (!button) return;
  if (button.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    return;
  }
  button.setAttribute("aria-disabled", "true");
});
// Whoever comes back with the browser's own button may press it again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("button[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
});
