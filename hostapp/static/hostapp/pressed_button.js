// Send the words of the pressed button with each form: if the session has ended, the server says after the next
// sign-in what to select again.
let pressed = null;
document.addEventListener("submit", ({ submitter }) => {
  // Before other scripts change the button's words.
  pressed = submitter && submitter.textContent.trim();
}, true);
document.addEventListener("formdata", ({ target, formData }) => {
  if (pressed && target.method === "post") formData.set("pressed_button", pressed);
}, true);
