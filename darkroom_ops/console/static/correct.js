// A corrected copy of an image whose file was at fault: sent, and its execution opened.

import { beforeLeaving } from "./alive.js";
import { send } from "./send.js";
import { plain } from "./text.js";

let sending = false;

addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});
beforeLeaving(() => !sending);

async function correct(input) {
  const file = input?.files[0];
  if (!file || sending) return;
  const place = document.querySelector("[data-sent]");
  const name = plain(file.name);
  place.className = "corrects";
  place.textContent = `${name}: uploading …`;
  sending = true;
  try {
    const { page } = await send(input.dataset.corrects, file);
    sending = false;
    if (page) location.assign(page);
    else place.textContent = `${name}: uploaded. Its execution has not started yet.`;
  } catch (error) {
    place.className = "corrects bad";
    place.textContent = `${name}: ${error.message}`;
  }
  sending = false;
  input.value = ""; // so that the same file can be chosen once more
}

document.addEventListener("change", (event) => correct(event.target.closest("[data-corrects]")));
correct(document.querySelector("[data-corrects]")); // chosen before this script was there
