// Files that are dropped or chosen: sent four at a time, with one line for each.

import { beforeLeaving } from "./alive.js";
import { send as post } from "./send.js";
import { plain } from "./text.js";

const AT_ONCE = 4;
const place = document.querySelector("[data-uploads]");
const list = place.querySelector("ul");
const waiting = [];
const counts = { all: 0, good: 0, bad: 0 };
let sending = 0;

const left = () => waiting.length + sending;

function count() {
  const said = [`${counts.good} of ${counts.all} uploaded`];
  if (counts.bad) said.push(`${counts.bad} not`);
  if (left()) said.push(`${left()} to go`);
  place.querySelector("summary").textContent = said.join(", ");
  place.hidden = false;
}

function say(line, file, kind, text) {
  line.className = kind;
  line.textContent = `${plain(file.name)}: ${text}`;
}

function button(line, text, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = text;
  made.addEventListener("click", action);
  line.append(made);
}

function add(file, line) {
  say(line, file, "", "waits");
  waiting.push([file, line]);
}

async function one(file, line) {
  say(line, file, "", "uploading …");
  try {
    const said = await post("/uploads", file);
    say(line, file, "good", "uploaded");
    counts.good++;
    if (!said.page) return null;
    const link = document.createElement("a");
    link.href = said.page;
    link.target = "_blank";
    link.textContent = "Open its execution";
    line.append(link);
    return said.page;
  } catch (error) {
    say(line, file, "bad", error.message);
    counts.bad++;
    if (error.again) button(line, "Send again", () => {
      counts.bad--;
      add(file, line);
      work();
    });
    return null;
  }
}

async function work() {
  count();
  while (sending < AT_ONCE && waiting.length) {
    sending++;
    one(...waiting.shift()).then((page) => {
      sending--;
      work();
      // A single file is what a person waits for.
      if (page && counts.all === 1 && !left()) location.assign(page);
    });
    count();
  }
}

function send(files) {
  for (const file of files) {
    const line = document.createElement("li");
    list.append(line);
    counts.all++;
    add(file, line);
  }
  place.open = true;
  work();
}

addEventListener("beforeunload", (event) => {
  if (left()) event.preventDefault();
});
beforeLeaving(() => !left());

const input = document.querySelector("[data-files]");
function chosen() {
  send([...input.files]);
  input.value = ""; // so that the same files can be chosen once more
}
input.addEventListener("change", chosen);
if (input.files.length) chosen(); // before this script was there
let depth = 0;
const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (event) => {
  if (carries(event)) document.body.classList.toggle("dropping", ++depth > 0);
});
addEventListener("dragleave", (event) => {
  if (carries(event)) document.body.classList.toggle("dropping", --depth > 0);
});
addEventListener("dragover", (event) => carries(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dropping");
  send([...event.dataTransfer.files]);
});
