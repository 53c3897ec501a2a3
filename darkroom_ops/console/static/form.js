// The form beside the JSON of a re-run. The JSON is the truth: the form shows what it knows of it,
// and changes the field that a person changes; all others stay as they are.

import { plain, pretty } from "./text.js";

const KNOWN = ["name", "width", "height", "fit", "format", "quality", "position"];
const NUMBER = /^-?(\d+\.?\d*|\.\d+)$/;

const is = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export function get(object, path) {
  return path.split(".").reduce((at, name) => (is(at) ? at[name] : undefined), object);
}

export function set(object, path, value) {
  const names = path.split(".");
  const last = names.pop();
  for (const name of names) object = is(object[name]) ? object[name] : (object[name] = {});
  if (value === undefined) delete object[last];
  else object[last] = value;
}

// Returns what stands in a field: a number where it is one, and otherwise the very text, of which
// the check says what was expected.
function typed(text, kind) {
  if (text.trim() === "") return undefined;
  return kind === "number" && NUMBER.test(text.trim()) ? Number(text) : text;
}

function read(text) {
  try {
    const value = JSON.parse(text);
    return is(value) ? value : null;
  } catch {
    return null;
  }
}

export function form(root, input) {
  const $ = (selector, within = root) => within.querySelector(selector);
  const $$ = (selector, within = root) => [...within.querySelectorAll(selector)];
  const rows = $("[data-rows]");
  const deployed = JSON.parse(root.dataset.presets);
  const blank = { name: "small", width: 300, height: 300 };

  // ------------------------------------------------------------ from the JSON

  function fill(control, object) {
    const value = control.dataset.at && get(object, control.dataset.at);
    const shown = value === undefined ? (control.dataset.default ?? "") : value;
    const text = typeof shown === "string" ? shown : JSON.stringify(shown);
    if (control.dataset.kind === "auto") control.checked = value === "auto";
    else if (control.dataset.kind === "nine") control.checked = control.value === (value ?? "bottom-right");
    else if (control.dataset.kind === "several") {
      control.checked = Array.isArray(value) && value.includes(control.value);
    } else if (control.dataset.kind === "format") pick(control, Array.isArray(value) ? "several" : text);
    else if (control.dataset.kind === "position") pick(control, is(value) ? "point" : text);
    else if (control.dataset.kind === "choice") pick(control, text);
    else if (control !== document.activeElement) {
      // What a person types is not written over, as "1." is by "1".
      const auto = "auto" in control.dataset && value === "auto";
      control.value = auto ? "" : text;
      control.disabled = auto;
    }
  }

  // A value that is none of the choices is shown all the same: the check says what is wrong with it.
  function pick(select, value) {
    for (const odd of $$("[data-odd]", select)) odd.remove();
    if (![...select.options].some((each) => each.value === value)) {
      const option = new Option(plain(value), value);
      option.dataset.odd = "";
      select.append(option);
    }
    select.value = value;
  }

  function fillRow(row, preset, index) {
    const known = is(preset) ? preset : {};
    const named = typeof known.name === "string" && known.name;
    const name = named ? plain(known.name) : `rendition ${index + 1}`;
    $("fieldset", row).disabled = !is(preset);
    $("legend", row).textContent = name;
    $("[data-remove]", row).setAttribute("aria-label", `Remove ${name}`);
    for (const control of $$("[data-at]", row)) fill(control, known);
    $("[data-several]", row).hidden = !Array.isArray(known.format);
    $("[data-cropped]", row).hidden = known.fit !== "cover" && known.position === undefined;
    $("[data-point]", row).hidden = !is(known.position);
    const others = Object.keys(known).filter((each) => !KNOWN.includes(each));
    $("[data-others]", row).textContent = others.length ? `Also in the JSON: ${plain(others.join(", "))}` : "";
  }

  function show() {
    const value = read(input.value);
    root.disabled = value === null; // it stays as it was
    if (value === null) return;
    const presets = Array.isArray(value.presets) ? value.presets : [];
    while (rows.children.length > presets.length) rows.lastElementChild.remove();
    while (rows.children.length < presets.length) rows.append($("[data-row]").content.cloneNode(true));
    presets.forEach((preset, index) => fillRow(rows.children[index], preset, index));
    const own = value.presets !== undefined;
    $("[data-deployed]").hidden = own;
    $("[data-odd]").hidden = !own || Array.isArray(value.presets);
    $("[data-own-row]").hidden = !own;
    for (const control of $$("[data-at]").filter((each) => !rows.contains(each))) fill(control, value);
    const mark = is(value.watermark) ? value.watermark : null;
    const kind = mark === null ? "" : mark.image === undefined ? "text" : "image";
    $("[data-kind=mark]").value = kind;
    $("[data-mark]").hidden = !kind;
    for (const each of $$("[data-mark-text]")) each.hidden = kind !== "text";
    $("[data-mark-image]").hidden = kind !== "image";
    $("[data-kind=pdf]").checked = is(value.pdf);
    $("[data-pdf]").hidden = !is(value.pdf);
    $("[data-kind=notify]").checked = value.notify !== false;
  }

  // ------------------------------------------------------------ into the JSON

  function change(how) {
    const value = read(input.value);
    if (value === null) return;
    how(value);
    input.value = pretty(value);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function several(control) {
    const boxes = $$("[data-kind=several]", control.closest("li"));
    return boxes.filter((each) => each.checked).map((each) => each.value);
  }

  const WRITE = {
    text: (control) => typed(control.value, "text"),
    number: (control) => typed(control.value, "number"),
    choice: (control) => control.value,
    nine: (control) => control.value,
    auto: (control) => (control.checked ? "auto" : undefined),
    several: (control) => several(control),
    format: (control, before) => {
      if (control.value !== "several") return control.value;
      return Array.isArray(before) ? before : [before ?? "auto"];
    },
    position: (control) => (control.value === "point" ? { x: 0.5, y: 0.5 } : control.value),
  };

  const WHOLE = {
    mark: (value, control) => {
      const { text, image, ...mark } = is(value.watermark) ? value.watermark : {};
      if (control.value === "") delete value.watermark;
      else if (control.value === "text") value.watermark = { text: text ?? "© Darkroom", ...mark };
      else value.watermark = { image: image ?? { bucket: value.source?.bucket ?? "", key: "" }, ...mark };
    },
    pdf: (value, control) => set(value, "pdf", control.checked ? {} : undefined),
    notify: (value, control) => set(value, "notify", control.checked ? undefined : false),
  };

  function write(control) {
    const { at, kind } = control.dataset;
    change((value) => {
      if (kind in WHOLE) WHOLE[kind](value, control);
      else {
        const row = control.closest("li");
        const within = row ? value.presets[[...rows.children].indexOf(row)] : value;
        set(within, at, WRITE[kind](control, get(within, at)));
        // A position without a crop is none.
        if (at === "fit" && within.fit !== "cover") delete within.position;
      }
    });
  }

  root.addEventListener("input", (event) => {
    if (event.target.matches("input:not([type=checkbox], [type=radio])")) write(event.target);
  });
  root.addEventListener("change", (event) => {
    if (event.target.matches("select, [type=checkbox], [type=radio]")) write(event.target);
  });
  root.addEventListener("keydown", (event) => {
    // Enter in a field starts nothing: only the button does, and Ctrl + Enter.
    if (event.key === "Enter" && event.target.matches("input, select") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
    }
  });

  function names(presets) {
    const taken = new Set(presets.map((each) => each?.name));
    for (let number = presets.length + 1; ; number++) {
      if (!taken.has(`rendition-${number}`)) return `rendition-${number}`;
    }
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("own" in button.dataset) {
      change((value) => (value.presets = deployed.length ? structuredClone(deployed) : [blank]));
      $("input", rows)?.focus();
    } else if ("usual" in button.dataset) {
      change((value) => delete value.presets);
      $("[data-own]").focus();
    } else if ("add" in button.dataset) {
      change((value) => {
        const presets = Array.isArray(value.presets) ? value.presets : [];
        value.presets = [...presets, { ...blank, name: names(presets) }];
      });
      $("input", rows.lastElementChild)?.focus();
    } else if ("remove" in button.dataset) {
      const index = [...rows.children].indexOf(button.closest("li"));
      change((value) => {
        value.presets.splice(index, 1);
        if (!value.presets.length) delete value.presets;
      });
      const next = rows.children[index] ?? rows.lastElementChild;
      (next ? $("[data-remove]", next) : $("[data-own]")).focus();
    }
  });

  input.addEventListener("input", show);
  show();
}
