// One rendition of the input as it is, made by the console: asked for when the input rests, one at a
// time. What was asked for last is shown. A page may ask at another address, and say more than that.

const AFTER = 400;
const page = crypto.randomUUID();
let turns = 0; // by which the console knows the last, in whatever order they come

export function preview(root, warnings, input, { path = "/preview", more = () => ({}) } = {}) {
  const $ = (selector) => root.querySelector(selector);
  const which = $("[data-which]");
  const image = $("[data-shown]");
  const said = $("[data-said]");
  const needs = $("[data-needs]");
  let timer, asking;

  function say(text, kind = "") {
    said.textContent = text;
    said.className = `facts ${kind}`;
    needs.textContent = "";
    root.classList.toggle("stale", Boolean(kind));
  }

  function offer(names, name) {
    if (names.join() !== [...which.options].map((each) => each.value).join()) {
      which.replaceChildren(...names.map((each) => new Option(each)));
    }
    which.value = name;
    which.hidden = false;
  }

  async function show(made) {
    offer(made.names, made.name);
    const next = new Image();
    next.src = made.picture;
    const drawn = await next.decode().then(() => true, () => false);
    image.src = made.picture;
    image.alt = `Rendition ${made.name}, as it would be`;
    image.hidden = !drawn; // one that is too large to be shown is warned of
    const quality = made.quality === null ? [] : [`quality ${made.quality}`];
    const size = `${made.width} × ${made.height}`;
    say([size, made.bytes, made.format, ...quality].join(", "));
    needs.textContent = made.needs;
  }

  function warn(texts) {
    warnings.replaceChildren(
      ...texts.map((text) => {
        const line = document.createElement("li");
        line.textContent = text;
        return line;
      }),
    );
  }

  async function make() {
    asking?.abort();
    const turn = (asking = new AbortController());
    root.setAttribute("aria-busy", "true");
    try {
      const query = new URLSearchParams({ page, turn: ++turns, name: which.value, ...more() });
      const answer = await fetch(`${path}?${query}`, { method: "POST", body: input.value, signal: turn.signal });
      const made = await answer.json();
      if (turn !== asking) return;
      warn(made.warnings ?? []);
      if (answer.ok) await show(made);
      else say(made.message, "bad");
    } catch (error) {
      if (turn !== asking) return;
      say("No preview, as the console did not answer.", "bad");
    }
    root.setAttribute("aria-busy", "false");
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(make, AFTER);
  });
  which.addEventListener("change", make);
  input.addEventListener("image", make);
  make();
  // The rendition whose row is changed is the one to look at.
  return (name) => {
    const found = [...which.options].find((each) => each.value === name || each.value.startsWith(`${name}.`));
    if (!found || found.value === which.value) return;
    which.value = found.value;
    clearTimeout(timer);
    timer = setTimeout(make, AFTER);
  };
}
