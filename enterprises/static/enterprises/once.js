// Submit a form with a data-once button only once: a second click would open a second portal session.
// Longer than any launch takes. After that the person may have stopped the browser and want to try again.
const RESET_AFTER_MS = 12_000;
let isSubmitting = false;
let opensNewTab = false;
const reset = () => {
  isSubmitting = false;
  document.querySelectorAll("button[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
};
// With a modifier key the answer opens in a new tab: this page and its buttons stay usable.
document.addEventListener("click", (event) => {
  opensNewTab = event.ctrlKey || event.metaKey || event.shiftKey;
});
document.addEventListener("submit", (event) => {
  if (!event.target.querySelector("button[data-once]")) return;
  if (isSubmitting) {
    event.preventDefault();
    return;
  }
  if (opensNewTab) return;
  isSubmitting = true;
  const button = event.submitter ?? event.target.querySelector("button[data-once]");
  button.setAttribute("aria-disabled", "true");
  setTimeout(reset, RESET_AFTER_MS);
});
// A status update must not replace the button that was just pressed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isSubmitting) event.detail.shouldSwap = false;
});
// The back button may restore the page from the browser's cache.
window.addEventListener("pageshow", reset);
