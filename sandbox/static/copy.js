// Without this script every value is still there to select; with it, one press copies.
"use strict";
for (const holder of document.querySelectorAll(".copy")) {
  const field = holder.querySelector("input");
  const label = document.querySelector(`label[for="${field.id}"]`).textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${label}`);
  const said = document.createElement("span");
  said.className = "unseen";
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
    said.textContent = `${label} copied`;
    setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2000);
  });
  holder.append(button, said);
}
