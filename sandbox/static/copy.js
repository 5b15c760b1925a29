// Adds a copy button to each value. Without JavaScript, the value can still be selected.
"use strict";
function addButtons(root) {
  for (const container of root.querySelectorAll(".copy")) addButton(container);
}
function addButton(container) {
  const input = container.querySelector("input");
  const label = document.querySelector(`label[for="${input.id}"]`).textContent;
  const button = document.createElement("button");
  const caption = document.createElement("span");
  const hiddenLabel = document.createElement("span");
  const status = document.createElement("span");
  button.type = "button";
  caption.textContent = "Copy";
  hiddenLabel.textContent = ` ${label}`;
  hiddenLabel.className = status.className = "visually-hidden";
  status.setAttribute("role", "status");
  button.append(caption, hiddenLabel);
  button.addEventListener("click", async () => {
    input.select();
    await navigator.clipboard.writeText(input.value);
    caption.textContent = "Copied";
    status.textContent = `${label} copied`;
    setTimeout(() => { caption.textContent = "Copy"; status.textContent = ""; }, 2000);
  });
  container.append(button, status);
}
addButtons(document);
// live.js has replaced a part of the page.
document.addEventListener("refreshed", (event) => addButtons(event.detail));
