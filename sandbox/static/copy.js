// Without this script every value is still there to select; with it, one press copies.
"use strict";
for (const holder of document.querySelectorAll(".copy")) {
  const field = holder.querySelector("input");
  const label = document.querySelector(`label[for="${field.id}"]`).textContent;
  const button = document.createElement("button");
  const word = document.createElement("span");
  const what = document.createElement("span");
  const said = document.createElement("span");
  button.type = "button";
  word.textContent = "Copy";
  what.textContent = ` ${label}`;
  what.className = said.className = "unseen";
  said.setAttribute("role", "status");
  button.append(word, what);
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    word.textContent = "Copied";
    said.textContent = `${label} copied`;
    setTimeout(() => { word.textContent = "Copy"; said.textContent = ""; }, 2000);
  });
  holder.append(button, said);
}
