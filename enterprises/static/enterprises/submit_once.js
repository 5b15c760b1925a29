// Submit a form with button[data-once] only once: a double click would launch the Admin Portal twice.
// data-busy and data-slow are its label while it waits, and when it waits for long.
// Longer than a launch takes. After that, a person who stopped the navigation can press again.
const UNLOCK_AFTER_MS = 12_000;
const SLOW_AFTER_MS = 4_000;
let isLeaving = false;
let opensNewTab = false;
let slowTimer;
const relabel = (button, text) => {
  if (!text) return;
  button.dataset.label ??= button.textContent;
  button.textContent = text;
};
const unlock = () => {
  isLeaving = false;
  clearTimeout(slowTimer);
  document.querySelectorAll("button[data-once]").forEach((button) => {
    button.removeAttribute("aria-disabled");
    button.removeAttribute("aria-busy");
    if (button.dataset.label !== undefined) button.textContent = button.dataset.label;
  });
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
  if (button.dataset.busy) {
    button.setAttribute("aria-busy", "true");
    relabel(button, button.dataset.busy);
    slowTimer = setTimeout(() => {
      relabel(button, button.dataset.slow);
      const status = document.querySelector("[role=status]");
      if (status) status.textContent = button.dataset.slow;
    }, SLOW_AFTER_MS);
  }
  setTimeout(unlock, UNLOCK_AFTER_MS);
});
// A polled update must not replace the button that was just pressed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isLeaving) event.detail.shouldSwap = false;
});
// After the browser's back button, the page may come from its cache with the button still disabled.
window.addEventListener("pageshow", unlock);
