// JSON that is folded has a field to search it; what is found is marked in place.

const marked = "highlights" in CSS;

function rangesOf(pre, text) {
  const found = [];
  if (!text) return found;
  const walker = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const within = node.data.toLowerCase();
    for (let at = within.indexOf(text); at >= 0; at = within.indexOf(text, at + text.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + text.length);
      found.push(range);
    }
  }
  return found;
}

function search(details, field, said) {
  const pre = details.querySelector("pre");
  const text = field.value.trim().toLowerCase();
  const found = rangesOf(pre, text);
  CSS.highlights.set("found", new Highlight(...found));
  said.textContent = text ? (found.length ? `${found.length} found` : "Not found") : "";
  if (!found.length) return;
  const [first, place] = [found[0].getBoundingClientRect(), pre.getBoundingClientRect()];
  pre.scrollTop += first.top - place.top - place.height / 3;
}

function equip(details) {
  const pre = details.querySelector("pre");
  if (!pre || details.querySelector(".json-search")) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "search", className: "json-search", placeholder: "Search in it", spellcheck: false });
  field.setAttribute("aria-label", `Search in ${pre.getAttribute("aria-label")}`);
  const said = document.createElement("p");
  said.className = "matches";
  said.setAttribute("role", "status");
  field.addEventListener("input", () => search(details, field, said));
  pre.before(field, said);
}

// The event `toggle` does not bubble.
if (marked) {
  document.addEventListener(
    "toggle",
    (event) => event.target.matches?.("details[data-json][open]") && equip(event.target),
    true,
  );
}
