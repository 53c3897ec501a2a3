// The keyboard: what each key does is in the page's list of keys; Ctrl + K finds whatever the page
// offers by a part of its name.

const keys = document.getElementById("keys-help");
const palette = document.getElementById("palette");
const field = palette.querySelector("input");
const options = palette.querySelector("ul");
const ROWS = "#list .whole, #messages li a, #timeline li > a";
const OFFERED = "header nav a, nav[aria-label] a, .facets a, .actions a, .actions button, .actions label, .tabs a, .facts a, .pager a, [data-theme-switch]";

const seen = (element) => element.getClientRects().length > 0;

function step(by) {
  const rows = [...document.querySelectorAll(ROWS)].filter(seen);
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest(ROWS));
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

function rerun() {
  const row = document.activeElement.closest("#list .whole");
  const link = document.querySelector('.tabs a[href$="/rerun"]');
  if (row) location.assign(`${row.getAttribute("href")}/rerun`);
  else link?.click();
}

function pick() {
  document.activeElement.closest("#list tr")?.querySelector("input[name=execution]")?.click();
}

const DO = {
  j: () => step(1),
  k: () => step(-1),
  r: rerun,
  x: pick,
  "/": () => document.getElementById("go").focus(),
  "?": () => keys.showModal(),
};

// ---------------------------------------------------------------------------- the palette

let offered = [];
let at = 0;

function collect() {
  const named = new Map();
  const led = new Set(); // where links lead: two to one place are one
  for (const element of document.querySelectorAll(OFFERED)) {
    if (!seen(element) || element.disabled) continue;
    const filter = element.closest('nav[aria-label^="Filter"]') ? "Filter:" : "";
    const menu = element.closest(".facet")?.querySelector("summary").firstChild.data ?? filter;
    const said = `${menu} ${element.getAttribute("aria-label") ?? element.textContent}`;
    const text = said.replace(/\s+/g, " ").trim();
    const known = named.has(text) || led.has(element.href);
    if (text && !known) named.set(text, () => element.click());
    if (element.href) led.add(element.href);
  }
  named.set("Show the shortcuts", () => keys.showModal());
  return [...named].map(([text, run]) => ({ text, run }));
}

function draw() {
  const typed = field.value.trim();
  const wanted = typed.toLowerCase().split(/\s+/);
  const fits = collected.filter(({ text }) => wanted.every((part) => text.toLowerCase().includes(part)));
  const find = () => location.assign(`/find?q=${encodeURIComponent(typed)}`);
  offered = typed ? [...fits, { text: `Find “${typed}”`, run: find }] : fits;
  at = Math.min(at, offered.length - 1);
  options.replaceChildren(
    ...offered.map(({ text }, number) => {
      const option = document.createElement("li");
      Object.assign(option, { id: `option-${number}`, textContent: text });
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", String(number === at));
      option.addEventListener("click", () => choose(number));
      return option;
    }),
  );
  field.setAttribute("aria-activedescendant", `option-${at}`);
  options.children[at]?.scrollIntoView({ block: "nearest" });
}

let collected = [];

function choose(number) {
  palette.close();
  offered[number].run();
}

function openPalette() {
  if (palette.open) return;
  collected = collect();
  field.value = "";
  at = 0;
  draw();
  palette.showModal();
}

field.addEventListener("input", () => {
  at = 0;
  draw();
});

field.addEventListener("keydown", (event) => {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move) {
    at = (at + move + offered.length) % offered.length;
    draw();
  } else if (event.key === "Enter") choose(at);
  else return;
  event.preventDefault();
});

document.querySelector("[data-keys]").addEventListener("click", () => keys.showModal());

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    openPalette();
    return;
  }
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open], [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !DO[event.key]) return;
  event.preventDefault();
  DO[event.key]();
});
