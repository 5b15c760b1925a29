// A form is sent once: a second click while the browser is on its way would open a second portal.
// Longer than any launch takes; whoever stopped the browser in between may press again.
const PATIENCE = 12_000;
let leaving = false;
let elsewhere = false;
const stay = () => {
  leaving = false;
  document.querySelectorAll("button[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
};
// Into a tab of its own: this one stays, and its buttons with it.
document.addEventListener("click", (event) => {
  elsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
});
document.addEventListener("submit", (event) => {
  if (!event.target.querySelector("button[data-once]")) return;
  if (leaving) {
    event.preventDefault();
    return;
  }
  if (elsewhere) return;
  leaving = true;
  const button = event.submitter ?? event.target.querySelector("button[data-once]");
  button.setAttribute("aria-disabled", "true");
  setTimeout(stay, PATIENCE);
});
// News may not replace the button that was just pressed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (leaving) event.detail.shouldSwap = false;
});
// Whoever comes back with the browser's own button may press it again.
window.addEventListener("pageshow", stay);
