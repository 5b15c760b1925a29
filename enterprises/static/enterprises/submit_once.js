// Submit a form with button[data-once] only once: a double click would launch the Admin Portal twice.
// Longer than a launch takes. After that, a person who stopped the navigation can press again.
const UNLOCK_AFTER_MS = 12_000;
let isLeaving = false;
let opensNewTab = false;
const unlock = () => {
  isLeaving = false;
  document.querySelectorAll("button[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
};
// In a new tab: this page stays, and its buttons remain usable.
document.addEventListener("click", (event) => {
  opensNewTab = event.ctrlKey || event.metaKey || event.shiftKey;
});
document.addEventListener("submit", (event) => {
  if (!event.target.querySelector("button[data-once]")) return;
  if (isLeaving) {
    event.preventDefault();
    return;
  }
  if (opensNewTab) return;
  isLeaving = true;
  const button = event.submitter ?? event.target.querySelector("button[data-once]");
  button.setAttribute("aria-disabled", "true");
  setTimeout(unlock, UNLOCK_AFTER_MS);
});
// A polled update must not replace the button that was just pressed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isLeaving) event.detail.shouldSwap = false;
});
// After the browser's back button, the page may come from its cache with the button still disabled.
window.addEventListener("pageshow", unlock);
