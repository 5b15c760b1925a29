// Show times in the reader's time zone. Without this script they are shown in UTC; UTC stays in the title.
const STYLES = {
  date: { dateStyle: "long" },
  time: { timeStyle: "short" },
  moment: { dateStyle: "long", timeStyle: "medium" },
};
const showLocalTimes = (root) => {
  root.querySelectorAll("time[data-local]").forEach((time) => {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.textContent = new Intl.DateTimeFormat("en-GB", STYLES[time.dataset.local]).format(at);
    }
  });
};
document.addEventListener("DOMContentLoaded", () => showLocalTimes(document));
document.addEventListener("htmx:load", (event) => showLocalTimes(event.detail.elt));
