// What every page does: live parts, the chosen state. Without this script the
// pages can be read and their forms work.

import { ask } from "./alive.js";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

function toast(text) {
  const place = $("[data-toast]");
  place.textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (place.textContent = ""), 6000);
}

// ---------------------------------------------------------------------------- live parts

function live(element) {
  const pulse = $("[data-live]");
  let source;
  function open() {
    element.setAttribute("aria-busy", "true"); // until it is as it is now
    source = new EventSource(element.dataset.stream);
    source.addEventListener("open", () => (pulse.className = "pulse on"));
    source.addEventListener("error", () => {
      pulse.className = "pulse off";
      ask();
    });
    source.addEventListener("parts", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) bring(id, html);
      element.setAttribute("aria-busy", "false");
      document.dispatchEvent(new CustomEvent("parts"));
    });
    source.addEventListener("problem", (event) => toast(JSON.parse(event.data).message));
    source.addEventListener("done", () => {
      element.setAttribute("aria-busy", "false");
      close();
      element.removeAttribute("data-stream");
      document.removeEventListener("visibilitychange", turn);
    });
  }
  function close() {
    source?.close();
    source = undefined;
    pulse.className = "pulse";
  }
  // Browsers allow few connections to one server: a hidden page gives its own back.
  function turn() {
    if (document.hidden) close();
    else if (!source) open();
  }
  document.addEventListener("visibilitychange", turn);
  // A look that takes long is a person's to end: what was found stays.
  element.addEventListener("click", (event) => {
    const place = event.target.closest("[data-stop-looking]")?.parentElement;
    if (!place) return;
    close();
    document.removeEventListener("visibilitychange", turn);
    element.setAttribute("aria-busy", "false");
    place.remove();
  });
  document.addEventListener("alive", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    close();
    turn();
  });
  addEventListener("pagehide", close);
  turn();
}

function bring(id, html) {
  const old = document.getElementById(id);
  if (old && !(id === "list" && held(old, html))) morph(old, html, "outerHTML");
}

// New rows wait while the pointer or the focus is on the list: nothing moves under a person's hand.
function held(list, html) {
  const rows = (within) => $$("tr[id]", within).map((row) => row.id);
  const known = new Set(rows(list));
  const next = new DOMParser().parseFromString(html, "text/html");
  const fresh = rows(next).filter((id) => !known.has(id)).length;
  const busy = list.matches(":hover, :focus-within") && known.size;
  const news = $("[data-news]");
  news.replaceChildren();
  if (!fresh || !busy) return false;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `${fresh} new`;
  button.addEventListener("click", () => {
    news.replaceChildren();
    morph(list, html, "outerHTML");
  });
  news.append(button);
  return true;
}

function morph(old, html, morphStyle) {
  window.Idiomorph.morph(old, html, {
    morphStyle,
    ignoreActiveValue: true,
    callbacks: {
      // What a person opened stays open; what cannot be done now, disabled.
      beforeAttributeUpdated: (name, node) =>
        !(name === "open" && node.tagName === "DETAILS") && name !== "disabled",
      // Pictures that could not be shown say so in their place; a log stands until it is read anew.
      beforeNodeMorphed: (node) => {
        if (node.nodeType !== 1) return true;
        if (node.dataset.loaded) node.dataset.load = node.dataset.loaded;
        return !(node.dataset.loaded || node.classList.contains("gone-frame"));
      },
    },
  });
}

// ---------------------------------------------------------------------------- pictures that are gone

async function gone(image) {
  const thumb = image.closest(".thumb");
  if (thumb) {
    thumb.innerHTML = '<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-image"></use></svg>';
    thumb.classList.add("gone-frame");
    return;
  }
  const answer = await fetch(image.src).catch(() => null);
  const frame = image.closest(".frame");
  if (!frame) return;
  const said = document.createElement("span");
  said.className = "gone";
  said.textContent = answer?.status === 404 ? await answer.text() : "It cannot be shown.";
  frame.replaceChildren(said);
  frame.removeAttribute("href");
  frame.classList.remove("developing");
  frame.classList.add("gone-frame");
}

function pictures() {
  // Errors of pictures do not bubble. Those that are over before this script runs are asked for anew.
  const shown = (image) => image instanceof HTMLImageElement && "picture" in image.dataset;
  const come = (event) => shown(event.target) && event.target.closest(".frame")?.classList.remove("developing");
  document.addEventListener("load", come, true);
  document.addEventListener("error", (event) => shown(event.target) && gone(event.target), true);
  for (const image of $$("[data-picture]")) {
    if (image.complete && !image.naturalWidth) image.src = image.src;
    if (!image.complete) image.closest(".frame")?.classList.add("developing");
  }
}

// ---------------------------------------------------------------------------- the chosen state

async function load(within) {
  for (const place of $$("[data-load]", within)) {
    const address = place.dataset.load;
    place.removeAttribute("data-load");
    place.dataset.loaded = address;
    try {
      const answer = await fetch(address, { headers: { accept: "text/html-part" } });
      if (!answer.ok) throw new Error((await answer.json()).message);
      morph(place, await answer.text(), "innerHTML");
    } catch (error) {
      place.textContent = `The log could not be read: ${error.message}`;
    }
  }
}

let turns = 0;

// Shows a passage through a state, and returns whether; null if another answer is awaited by now. What
// is scrolled and opened stays, where it is the same one.
async function choose(id) {
  const panel = $("#state");
  const base = $("[data-base]").dataset.base;
  const turn = ++turns;
  const asked = { headers: { accept: "text/html-part" } };
  const answer = await fetch(`${base}/states/${id}`, asked).catch(() => null);
  if (!answer?.ok) {
    if (!answer) ask();
    return false;
  }
  const text = await answer.text();
  if (turn !== turns) return null; // another answer is awaited meanwhile
  if (panel.dataset.chosen === String(id)) morph(panel, text, "innerHTML");
  else {
    panel.innerHTML = text;
    panel.scrollTop = 0;
  }
  panel.dataset.chosen = id;
  document.dispatchEvent(new CustomEvent("chosen", { detail: id }));
  load(panel); // a log may take seconds, and says so itself
  return true;
}

// Shows a state that the execution did not enter, as the state machine defines it.
async function define(name) {
  const panel = $("#state");
  const turn = ++turns;
  const base = $("[data-base]").dataset.base;
  const asked = { headers: { accept: "text/html-part" } };
  const answer = await fetch(`${base}/definitions/${encodeURIComponent(name)}`, asked).catch(() => null);
  if (!answer?.ok) {
    if (!answer) ask();
    return false;
  }
  const text = await answer.text();
  if (turn !== turns) return null;
  panel.innerHTML = text;
  panel.scrollTop = 0;
  panel.dataset.chosen = "";
  document.dispatchEvent(new CustomEvent("chosen", { detail: null }));
  return true;
}

// Shows that an answer is awaited, where it was asked for and where it will stand.
async function awaited(link, panel, answer) {
  link.classList.add("opening");
  panel.setAttribute("aria-busy", "true");
  const shown = await answer;
  link.classList.remove("opening");
  if (shown !== null) panel.removeAttribute("aria-busy");
  if (shown === false) toast("The state could not be read. Choose it once more.");
  return shown;
}

function goTo(panel) {
  panel.focus({ preventScroll: true });
  if (matchMedia("(max-width: 900px)").matches) panel.scrollIntoView({ block: "start" });
  // From the timeline, far below, the panel is out of sight.
  if (panel.getBoundingClientRect().bottom < 160) panel.scrollIntoView({ block: "start" });
}

// Returns how a passage fares, as far as the page tells: what has ended never differs again.
function fares(overlay, id) {
  const passages = Object.values(overlay.nodes).flatMap((node) => node.passages);
  return JSON.stringify(passages.find((each) => String(each.id) === String(id)) ?? null);
}

function states() {
  const panel = $("#state");
  const overlay = () => JSON.parse($("#overlay").textContent);
  let picked = new URLSearchParams(location.search).has("state");
  let asked = null; // what is shown, or will be once its answer is here
  let seen = null;
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-state], [data-definition]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const id = link.dataset.state;
    picked = true;
    if (!id) {
      if (await awaited(link, panel, define(link.dataset.definition))) goTo(panel);
      return;
    }
    asked = id;
    seen = fares(overlay(), id);
    if (!(await awaited(link, panel, choose(id)))) return;
    history.replaceState(null, "", `${$("[data-base]").dataset.base}?state=${id}`);
    goTo(panel);
  });
  const shown = $("#graph").dataset.selected;
  if (shown) asked = panel.dataset.chosen = shown;
  seen = fares(overlay(), shown);
  load(panel);
  // Until a person chooses, what runs is shown, and in the end what failed.
  document.addEventListener("parts", async () => {
    const now = overlay();
    const id = String((picked ? null : now.follow) ?? asked ?? "");
    if (!id || (id === asked && fares(now, id) === seen)) return;
    asked = id;
    seen = fares(now, id);
    // Refused, and nothing else asked for meanwhile: the next news ask again.
    if ((await choose(id)) === false && asked === id) asked = panel.dataset.chosen ?? null;
  });
}

// ---------------------------------------------------------------------------- everywhere

document.addEventListener("submit", (event) => {
  const { confirm: question, why } = event.target.dataset;
  if (question && !confirm(question)) event.preventDefault();
  if (!why) return;
  const { reason } = event.target.elements;
  const said = prompt(why, reason.value);
  if (said === null) event.preventDefault();
  else reason.value = said;
});

document.addEventListener("click", (event) => {
  const place = event.target.closest("[data-again]")?.closest("[data-loaded]");
  if (!place) return;
  place.dataset.load = place.dataset.loaded;
  load(place.parentElement);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  toast("Copied.");
});

$("[data-theme-switch]").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage may be forbidden; then the choice holds for this page.
  }
});

pictures();
$$("[data-stream]").forEach(live);
if ($("#state")) states();
