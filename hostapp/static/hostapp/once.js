// A form is sent once: a second click while the browser is on its way would open a second portal.
let leaving = false;
document.addEventListener("submit", (event) => {
  if (!event.target.querySelector("button[data-once]")) return;
  if (leaving) {
    event.preventDefault();
    return;
  }
  leaving = true;
  const button = event.submitter ?? event.target.querySelector("button[data-once]");
  button.setAttribute("aria-disabled", "true");
});
// News may not replace the button that was just pressed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (leaving) event.detail.shouldSwap = false;
});
// Whoever comes back with the browser's own button may press it again.
window.addEventListener("pageshow", () => {
  leaving = false;
  document.querySelectorAll("button[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
});
