// Refreshes the parts of the page that have `data-live`. Without JavaScript, reload the page.
"use strict";
const INTERVAL = 3000;
const regions = () => [...document.querySelectorAll("[data-live]")];
let paused = false;

// The message is shown once; a reload must not ask for it again.
const address = new URL(location.href);
address.searchParams.delete("message");
if (address.hash === "#message") {
  address.hash = "";
  document.getElementById("message")?.focus({ preventScroll: true });
}
history.replaceState(null, "", address);

// How to find the focused element again in a region's new content.
function describeFocus(region) {
  const it = document.activeElement;
  if (!region.contains(it) || it === region) return null;
  const same = (other) => other.tagName === it.tagName && other.getAttribute("href") === it.getAttribute("href")
    && other.id === it.id && other.textContent === it.textContent
    && other.closest("form")?.getAttribute("action") === it.closest("form")?.getAttribute("action");
  return () => [...region.querySelectorAll(it.tagName)].find(same);
}

function isInUse(region) {
  const selection = getSelection();
  return region.querySelector("details[open]") !== null
    || region.contains(document.activeElement?.closest("input, textarea, select") ?? null)
    || (!selection.isCollapsed && region.contains(selection.anchorNode));
}

function replace(region, fresh) {
  if (!fresh || isInUse(region)) return;
  // Scripts add the copy buttons, so the page's own text is compared.
  if (region.dataset.text === fresh.textContent) return;
  const find = describeFocus(region);
  const tops = [...region.querySelectorAll(".scroll, pre")].map((it) => [it.scrollLeft, it.scrollTop]);
  region.replaceChildren(...fresh.childNodes);
  region.dataset.text = region.textContent;
  [...region.querySelectorAll(".scroll, pre")].forEach((it, number) => {
    if (tops[number]) [it.scrollLeft, it.scrollTop] = tops[number];
  });
  if (find) (find() ?? document.getElementById("main")).focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("refreshed", { detail: region }));
}

async function refresh() {
  if (!paused && !document.hidden) {
    try {
      const response = await fetch(address.href.split("#")[0], { headers: { "X-Sandbox-Refresh": "1", Accept: "text/html" } });
      if (response.ok && !paused) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        for (const region of regions()) replace(region, page.getElementById(region.id));
      }
    } catch { /* The sandbox is restarting: ask again. */ }
  }
  setTimeout(refresh, INTERVAL);
}

// A page after a failed form is not what its address shows.
const isResult = document.querySelector("main > [role='alert']:not(#message)") !== null
  || !document.querySelector("main [data-live]");
if (!isResult) {
  for (const region of regions()) region.dataset.text = region.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small live";
  const show = () => { button.textContent = paused ? "Resume live updates" : "Pause live updates"; };
  button.addEventListener("click", () => { paused = !paused; show(); });
  show();
  document.querySelector(".bar-inner").append(button);
  setTimeout(refresh, INTERVAL);
}
