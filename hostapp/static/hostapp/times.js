// Times in the reader's own zone. Without this script they are in UTC, and say so; UTC stays in the title.
const STYLES = {
  date: { dateStyle: "long" },
  moment: { dateStyle: "long", timeStyle: "medium" },
};
const show = (root) => {
  root.querySelectorAll("time[data-local]").forEach((time) => {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.textContent = new Intl.DateTimeFormat("en-GB", STYLES[time.dataset.local]).format(at);
    }
  });
};
document.addEventListener("DOMContentLoaded", () => show(document));
document.addEventListener("htmx:load", (event) => show(event.detail.elt));
