// What was typed and not started or deployed stays in this browser, by the page.

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

function recall(name) {
  const found = all()[name];
  return typeof found?.text === "string" ? found : null;
}

function remember(name, text, at = Date.now()) {
  keep({ ...all(), [name]: { text, at } });
  return at;
}

export function forget(name) {
  const { [name]: gone, ...others } = all();
  if (gone) keep(others);
}

function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

// Keeps what is typed in place of `first`, says so, and takes it back when asked. What was kept is
// put in, unless something was typed already: before the script was there, or by who sent the form.
export function draft(input, name, first) {
  const said = document.querySelector("[data-draft]");
  const put = (text) => {
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const tell = (at) => {
    said.hidden = at === null;
    if (at !== null) said.querySelector("span").textContent = `Draft of ${clock(at)}`;
  };
  input.addEventListener("input", () => {
    if (input.value !== first) tell(remember(name, input.value));
    else {
      forget(name);
      tell(null);
    }
  });
  said.querySelector("[data-discard]").addEventListener("click", () => {
    put(first);
    input.focus();
  });
  const kept = recall(name);
  if (input.value !== first) put(input.value);
  else if (kept) {
    put(kept.text);
    tell(remember(name, kept.text, kept.at)); // as old as it is
  }
}
