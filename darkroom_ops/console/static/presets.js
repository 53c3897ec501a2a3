// The page of the presets: what they would make of an image is shown while they change, and what was
// shown to change is hidden as soon as it is no longer what would be deployed.

import { preview } from "./preview.js";

const $ = (selector) => document.querySelector(selector);
const input = $("#presets");
const image = $("[data-image]");
const changed = () => $("[data-change]")?.remove();

input.addEventListener("input", changed);
if (input.value !== input.defaultValue) changed(); // typed before this script was there

async function newest() {
  try {
    return (await (await fetch("/presets/images")).json()).images;
  } catch {
    return null;
  }
}

const keys = await newest();
if (keys?.length) {
  image.replaceChildren(...keys.map((key) => new Option(key)));
  $("[data-of]").hidden = false;
  const more = () => ({ key: image.value });
  preview($("[data-preview]"), $("[data-warnings]"), input, { path: "/presets/preview", more });
  image.addEventListener("change", () => input.dispatchEvent(new Event("image")));
} else {
  const none = "What they would make is shown here of the newest images, of which there is none yet.";
  $("[data-preview] [data-said]").textContent = keys ? none : "No preview, as the console did not answer.";
}
