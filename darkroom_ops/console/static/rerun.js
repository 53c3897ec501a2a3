// The page of a re-run: the input is checked while it changes, the form follows it, and what is
// started is what was checked.

import { ask } from "./alive.js";
import { form } from "./form.js";

const CHECK_AFTER = 250;

const editor = document.querySelector("[data-editor]");
const $ = (selector) => editor.querySelector(selector);
const input = $("#input");
const verdict = $("[data-verdict]");
const first = input.defaultValue;

function judge(message) {
  verdict.textContent = message ?? "This input is valid.";
  verdict.className = `verdict ${message ? "bad" : "good"}`;
  input.setAttribute("aria-invalid", String(Boolean(message)));
}

function silent() {
  verdict.textContent = "The console does not answer. Does it still run?";
  verdict.className = "verdict bad";
  ask();
}

let timer;

async function check() {
  const asked = input.value;
  try {
    const answer = await fetch("/check", { method: "POST", body: asked });
    const { message, command } = await answer.json();
    if (asked !== input.value) return; // it has changed meanwhile
    judge(message);
    if (command) $("[data-command]").textContent = command;
  } catch {
    silent();
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER);
});

function put(text) {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

$("[data-reset]").addEventListener("click", () => put(first));

editor.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) editor.requestSubmit();
});

form($("[data-form]"), input);
// Typed before this script was there, or kept by the browser when the page was loaded again.
if (input.value !== first) put(input.value);
