// A launch that failed leads to #failure. Also after a reload, where browsers do not focus it.
if (location.hash === "#failure") document.getElementById("failure")?.focus();
// Copy buttons work only with this script, and only where the browser allows it.
const showCopyButtons = (root) => {
  if (!navigator.clipboard) return;
  root.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
  });
};
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.firstChild;
  const before = label.textContent;
  if (button.classList.contains("done")) return;
  label.textContent = button.dataset.copied;
  button.classList.add("done");
  setTimeout(() => {
    label.textContent = before;
    button.classList.remove("done");
  }, 2_000);
});
showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.detail.elt));
// A polled update must not close what the reader has opened.
let opened = [];
document.addEventListener("htmx:beforeSwap", () => {
  opened = [...document.querySelectorAll("#status details")].map((it) => it.open);
});
document.addEventListener("htmx:afterSwap", () => {
  const all = [...document.querySelectorAll("#status details")];
  if (all.length === opened.length) all.forEach((it, number) => { it.open = opened[number]; });
});
