// Show times in the browser's time zone, unless the person chose one: then the server has done it. Without this
// script they are shown in UTC; UTC stays in the title.
const STYLES = {
  date: { dateStyle: "long" },
  time: { timeStyle: "short" },
  minute: { dateStyle: "long", timeStyle: "short" },
  moment: { dateStyle: "long", timeStyle: "medium" },
};
const showLocalTimes = (root) => {
  root.querySelectorAll("time[data-local]").forEach((time) => {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      // en-GB counts 24 hours.
      time.textContent = new Intl.DateTimeFormat("en-GB", STYLES[time.dataset.local]).format(at);
    }
  });
};
document.addEventListener("DOMContentLoaded", () => {
  showLocalTimes(document);
  document.querySelectorAll("[data-time-zone]").forEach((zone) => {
    zone.textContent = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  });
});
document.addEventListener("htmx:load", (event) => showLocalTimes(event.detail.elt));
