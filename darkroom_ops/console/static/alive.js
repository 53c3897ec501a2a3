// Whether the console, and the engine behind it, answer. Where they do not, the page says how old it
// is, what moves stands still, and nobody is sent to the browser's error page: what was typed stays.

const EVERY = 3000;
const PATIENCE = 2500;
const NOTICED = 300; // milliseconds without an answer after which a page says that it looks
const banner = document.querySelector("[data-banner]");
const began = Date.now() - Date.parse(document.body.dataset.now); // how far the clocks differ
let fresh = Date.now();
let leaving = () => true; // whether a link may take this page away

export function beforeLeaving(ask) {
  leaving = ask;
}

async function reason() {
  try {
    const answer = await fetch("/alive", { signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) return null;
    if (answer.status === 403) return "The console was started anew: open the address that it printed.";
    return (await answer.json()).message;
  } catch {
    return "The console does not answer. Start it again with darkroom up or darkroom console.";
  }
}

export async function ask() {
  const why = await reason();
  if (why === null) fresh = Date.now();
  if ((why !== null) !== document.body.classList.contains("dead")) turn(why !== null);
  const said = banner.querySelector("b");
  if (said.textContent !== (why ?? "")) said.textContent = why ?? "";
  tick();
  return why === null;
}

function turn(dead) {
  document.body.classList.toggle("dead", dead);
  banner.hidden = !dead;
  const actions = "form button[type=submit], [data-files], [data-again]";
  for (const each of document.querySelectorAll(actions)) each.disabled = dead;
  if (!dead) document.dispatchEvent(new CustomEvent("alive"));
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

// Brings clocks up to date: how long what runs has run, and how old the page is.
function tick() {
  const age = Math.round((Date.now() - fresh) / 1000);
  banner.querySelector("span").textContent = `What is shown is ${duration(age)} old.`;
  if (!banner.hidden) return;
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = (Date.now() - began - Date.parse(each.dataset.since)) / 1000;
    each.textContent = duration(Math.max(0, Math.floor(seconds)));
  }
}

// Says that a search or a choice is under way, which stays on this page until its answer is there.
let looking;
function look(by) {
  if (!by.closest("[data-looks]")) return;
  clearTimeout(looking);
  looking = setTimeout(() => {
    document.body.classList.add("looking-for");
    document.querySelector("[data-toast]").textContent = "Looking …";
  }, NOTICED);
}

// A person who comes back finds the page as it was.
addEventListener("pagehide", () => {
  clearTimeout(looking);
  if (!document.body.classList.contains("looking-for")) return;
  document.body.classList.remove("looking-for");
  document.querySelector("[data-toast]").textContent = "";
});

// These come last, after those of the page: what they have handled goes nowhere.
addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
  event.preventDefault();
  if (!leaving()) open(link.href, "_blank", "noopener");
  else if (await ask()) {
    look(link);
    location.assign(link.href);
  }
});

addEventListener("submit", async (event) => {
  if (event.defaultPrevented || event.target.method === "dialog") return;
  event.preventDefault();
  const { target, submitter } = event;
  if (!(await ask())) return;
  look(target);
  const said = document.createElement("input"); // which button it was, is not sent by submit()
  if (submitter?.name) {
    Object.assign(said, { type: "hidden", name: submitter.name, value: submitter.value });
    target.append(said);
  }
  target.submit();
  said.remove(); // a person who comes back may press another one
});

document.addEventListener("parts", tick);
setInterval(tick, 1000);
setInterval(() => document.hidden || ask(), EVERY);
tick();
