// What was typed and not started stays, by the execution, in this browser.

const KEY = "drafts";
const KEPT = 10;

function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage may be forbidden, or hold what is none of ours
  }
}

function keep(drafts) {
  const newest = Object.entries(drafts).sort(([, a], [, b]) => b.at - a.at);
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(newest.slice(0, KEPT))));
  } catch {
    // Then a draft lives as long as its page.
  }
}

export function recall(name) {
  const found = all()[name];
  return typeof found?.text === "string" ? found : null;
}

export function remember(name, text, at = Date.now()) {
  keep({ ...all(), [name]: { text, at } });
  return at;
}

export function forget(name) {
  const { [name]: gone, ...others } = all();
  if (gone) keep(others);
}

export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
