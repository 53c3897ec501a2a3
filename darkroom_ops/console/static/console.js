// What every page does: live parts, uploads, the chosen state, the editor. Without this script the
// pages can be read and their forms work.

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
    source.addEventListener("error", () => (pulse.className = "pulse off"));
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
  addEventListener("pagehide", close);
  turn();
}

function bring(id, html) {
  const old = document.getElementById(id);
  if (!old) return;
  window.Idiomorph.morph(old, html, {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      // Pictures that could not be shown say so in their place, and what a person opened stays open.
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
      beforeNodeMorphed: (node) => !(node.nodeType === 1 && node.classList.contains("gone-frame")),
    },
  });
}

// ---------------------------------------------------------------------------- pictures that are gone

async function gone(image) {
  if (image.closest(".thumb")) {
    image.remove();
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
  frame.classList.add("gone-frame");
}

function pictures() {
  // Errors of pictures do not bubble. Those that are over before this script runs are asked for anew.
  const shown = (image) => image instanceof HTMLImageElement && "picture" in image.dataset;
  document.addEventListener("error", (event) => shown(event.target) && gone(event.target), true);
  for (const image of $$("[data-picture]")) {
    if (image.complete && !image.naturalWidth) image.src = image.src;
  }
}

// ---------------------------------------------------------------------------- uploads

async function send(files) {
  const list = $("[data-uploads]");
  let page = null;
  for (const file of files) {
    const line = document.createElement("li");
    line.textContent = `${file.name}: uploading …`;
    list.append(line);
    try {
      const answer = await fetch(`/uploads?name=${encodeURIComponent(file.name)}`, {
        method: "POST",
        headers: { accept: "application/json" },
        body: file,
      });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.message);
      line.className = "good";
      line.textContent = `${file.name}: uploaded`;
      page = said.page;
      if (page) {
        const link = document.createElement("a");
        link.href = page;
        link.textContent = "Open its execution";
        line.append(link);
      }
    } catch (error) {
      line.className = "bad";
      line.textContent = `${file.name}: ${error.message}`;
      page = null;
    }
  }
  if (files.length === 1 && page) location.assign(page);
}

function uploads() {
  const input = $("[data-files]");
  input.addEventListener("change", () => send([...input.files]));
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
}

// ---------------------------------------------------------------------------- the chosen state

async function load(within) {
  for (const place of $$("[data-load]", within)) {
    try {
      const answer = await fetch(place.dataset.load, { headers: { accept: "text/html-part" } });
      const text = answer.ok ? await answer.text() : null;
      if (text === null) throw new Error((await answer.json()).message);
      place.innerHTML = text;
    } catch (error) {
      place.textContent = `The log could not be read: ${error.message}`;
    }
    place.removeAttribute("data-load");
  }
}

async function choose(id, { move = true } = {}) {
  const panel = $("#state");
  const base = $("[data-base]").dataset.base;
  const answer = await fetch(`${base}/states/${id}`, { headers: { accept: "text/html-part" } });
  if (!answer.ok) return;
  panel.innerHTML = await answer.text();
  panel.dataset.chosen = id;
  history.replaceState(null, "", `${base}?state=${id}`);
  document.dispatchEvent(new CustomEvent("chosen", { detail: id }));
  if (move) {
    panel.focus({ preventScroll: true });
    if (matchMedia("(max-width: 900px)").matches) panel.scrollIntoView({ block: "start" });
    else panel.scrollTop = 0;
    // From the timeline, far below, the panel is out of sight.
    const box = panel.getBoundingClientRect();
    if (box.bottom < 160) panel.scrollIntoView({ block: "start" });
  }
  await load(panel);
}

function states() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-state]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    choose(link.dataset.state);
  });
  const shown = $("#graph").dataset.selected;
  if (shown) $("#state").dataset.chosen = shown;
  load($("#state"));
  // What is chosen may have gone on.
  document.addEventListener("parts", () => {
    const { chosen } = $("#state").dataset;
    if (chosen) choose(chosen, { move: false });
  });
}

// ---------------------------------------------------------------------------- the editor

function editor(form) {
  const input = $("#input", form);
  const verdict = $("[data-verdict]", form);
  const first = input.value;
  let timer;
  async function check() {
    try {
      const answer = await fetch("/check", { method: "POST", body: input.value });
      const { message, command } = await answer.json();
      verdict.textContent = message ?? "This input is valid.";
      verdict.className = `verdict ${message ? "bad" : "good"}`;
      input.setAttribute("aria-invalid", String(Boolean(message)));
      if (command) $("[data-command]", form).textContent = command;
    } catch {
      verdict.textContent = "The console does not answer. Does it still run?";
      verdict.className = "verdict bad";
    }
  }
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(check, 250);
  });
  function set(text) {
    input.value = text;
    check();
  }
  for (const button of $$("[data-set]", form)) {
    button.addEventListener("click", () => {
      let value;
      try {
        value = JSON.parse(input.value);
      } catch {
        toast("Make the input valid JSON first.");
        return;
      }
      set(JSON.stringify({ ...value, ...JSON.parse(button.dataset.set) }, null, 2));
    });
  }
  $("[data-reset]", form).addEventListener("click", () => set(first));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

// ---------------------------------------------------------------------------- everywhere

document.addEventListener("submit", (event) => {
  const { confirm: question } = event.target.dataset;
  if (question && !confirm(question)) event.preventDefault();
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

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    $("#go").focus();
  }
});

pictures();
$$("[data-stream]").forEach(live);
if ($("[data-drop]")) uploads();
if ($("#state")) states();
$$("[data-editor]").forEach(editor);
