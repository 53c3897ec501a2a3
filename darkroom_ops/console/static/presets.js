// The page of the presets: what they would make of an image is shown while they change, and what was
// shown to change is hidden as soon as it is no longer what would be deployed.

import { draft, forget } from "./draft.js";
import { preview } from "./preview.js";
import { plain } from "./text.js";

const $ = (selector) => document.querySelector(selector);
const input = $("#presets");
const image = $("[data-image]");
const NAME = "presets";

if (location.hash === "#deployed") {
  forget(NAME);
  history.replaceState(null, "", location.pathname);
}
const shown = input.defaultValue;
draft(input, NAME, input.dataset.deployed);

function changed() {
  if (input.value === shown) return;
  $("[data-change]")?.remove();
  $("#said")?.remove();
  input.removeAttribute("aria-invalid");
}

input.addEventListener("input", changed);
changed(); // typed before this script was there, or a draft

async function newest() {
  try {
    return (await (await fetch("/presets/images")).json()).images;
  } catch {
    return null;
  }
}

const keys = await newest();
if (keys?.length) {
  image.replaceChildren(...keys.map((key) => new Option(plain(key), key)));
  $("[data-of]").hidden = false;
  const more = () => ({ key: image.value });
  preview($("[data-preview]"), $("[data-warnings]"), input, { path: "/presets/preview", more });
  image.addEventListener("change", () => input.dispatchEvent(new Event("image")));
} else {
  const none = "What they would make is shown here of the newest images, of which there is none yet.";
  $("[data-preview] .frame").hidden = true;
  $("[data-preview] [data-said]").textContent = keys ? none : "No preview, as the console did not answer.";
}
