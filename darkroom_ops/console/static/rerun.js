// The page of a re-run: the input is checked while it changes, the form follows it, and what is
// started is what was checked.

import { ask } from "./alive.js";
import { draft, forget } from "./draft.js";
import { form } from "./form.js";
import { preview } from "./preview.js";

const CHECK_AFTER = 250;

const editor = document.querySelector("[data-editor]");
const $ = (selector) => editor.querySelector(selector);
const input = $("#input");
const verdict = $("[data-verdict]");

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
let turn = 0; // a check says nothing once the input has changed or is started

async function check() {
  const mine = turn;
  try {
    const answer = await fetch("/check", { method: "POST", body: input.value });
    const { message, command } = await answer.json();
    if (mine !== turn) return;
    judge(message);
    if (command) $("[data-command]").textContent = command;
  } catch {
    if (mine === turn) silent();
  }
}

function uncheck() {
  clearTimeout(timer);
  turn += 1;
}

input.addEventListener("input", () => {
  uncheck();
  timer = setTimeout(check, CHECK_AFTER);
});

// ---------------------------------------------------------------------------- the start

editor.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) editor.requestSubmit();
});

let starting = false;

// Sent by this script, so that nothing that was typed is lost where it does not start.
editor.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (starting) return;
  starting = true;
  uncheck();
  try {
    const answer = await fetch(editor.action, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams({ input: input.value }),
    });
    const { message, page } = await answer.json();
    if (!answer.ok) judge(message);
    else {
      forget(editor.dataset.editor);
      location.assign(page);
    }
  } catch {
    silent();
  }
  starting = false;
});

const look = preview($("[data-preview]"), $("[data-warnings]"), input);
form($("[data-form]"), input);

$("[data-rows]").addEventListener("focusin", (event) => {
  look(event.target.closest("li")?.querySelector("[data-at=name]").value);
});

draft(input, editor.dataset.editor, input.defaultValue);
