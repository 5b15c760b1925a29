// Adds a copy button to each value. Without JavaScript, the value can still be selected.
"use strict";
function addButtons(root) {
  for (const it of root.querySelectorAll(".copy")) {
    const input = it.querySelector("input");
    addButton(it, document.querySelector(`label[for="${input.id}"]`).textContent, () => {
      input.select();
      return input.value;
    });
  }
  for (const it of root.querySelectorAll("[data-copy]")) {
    addButton(it, it.dataset.copy, () => it.querySelector("code").textContent);
  }
}
function addButton(container, label, read) {
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
    await navigator.clipboard.writeText(read());
    caption.textContent = "Copied";
    status.textContent = `${label} copied`;
    setTimeout(() => { caption.textContent = "Copy"; status.textContent = ""; }, 2000);
  });
  container.append(button, status);
}
addButtons(document);
// live.js has replaced a part of the page.
document.addEventListener("refreshed", (event) => addButtons(event.detail));
