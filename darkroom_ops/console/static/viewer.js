// Source and rendition, one over the other and zoomed alike: the slider says how much is the source.

const viewer = document.querySelector("[data-viewer]");
const $ = (selector) => viewer.querySelector(selector);
const stage = $("[data-stage]");
const sheet = $("[data-sheet]");
const source = $("[data-source]");
const rendition = $("[data-rendition]");
const slider = $("[data-slider]");
const divider = $("[data-divider]");
const said = $("[data-said]");
const [width, height] = [Number(viewer.dataset.width), Number(viewer.dataset.height)];
const STEP = Math.SQRT2;
const MOST = 16; // for one of the rendition, and of the source

// Parts of large pictures, which are shown reduced, in all their pixels.
const layers = [...viewer.querySelectorAll("[data-tiles]")];
const TILE = Number(viewer.dataset.tile);

let zoom = 1; // pixels of the screen for one of the rendition

const onScreen = () => zoom / devicePixelRatio;
const fitting = () =>
  Math.min(stage.clientWidth / width, stage.clientHeight / height) * devicePixelRatio;
// Of the source itself, also where fewer of its pixels are shown.
const sources = () => width / Number(viewer.dataset.own);

// Shows the left of the window from the source, and the right from the rendition.
function divide() {
  const share = slider.value / 100;
  const from = sheet.getBoundingClientRect().left;
  const at = stage.getBoundingClientRect().left + stage.clientLeft + share * stage.clientWidth;
  const cut = Math.min(1, Math.max(0, (at - from) / sheet.offsetWidth));
  for (const each of [source, ...layers.filter((layer) => "ofSource" in layer.dataset)]) {
    each.style.clipPath = `inset(0 ${(1 - cut) * 100}% 0 0)`;
  }
  divider.style.left = `${share * 100}%`;
}

// Zooms, and keeps the point of the picture where it is that lies under a point of the window.
function to(next, point) {
  const box = stage.getBoundingClientRect();
  const [x, y] = point ?? [box.left + stage.clientWidth / 2, box.top + stage.clientHeight / 2];
  const before = sheet.getBoundingClientRect();
  const [right, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
  zoom = Math.min(MOST * Math.max(1, 1 / sources()), Math.max(Math.min(fitting(), 1) / 4, next));
  sheet.style.width = `${width * onScreen()}px`;
  sheet.style.height = `${height * onScreen()}px`;
  rendition.style.imageRendering = zoom > 2 ? "pixelated" : "auto";
  const after = sheet.getBoundingClientRect();
  stage.scrollLeft += after.left + right * after.width - x;
  stage.scrollTop += after.top + down * after.height - y;
  tell();
  divide();
  layAll();
}

function tell() {
  if (said.classList.contains("bad")) return;
  const loading = layers.some((layer) => layer.querySelector("img:not([data-there])"));
  said.textContent = `Rendition at ${Math.round(zoom * 100)} %, source at ${Math.round(zoom * sources() * 100)} %${loading ? " · loading every pixel …" : ""}`;
}

// Lays the tiles that the window shows over a reduced picture, where that has too few pixels.
function lay(layer) {
  const [across, down] = [Number(layer.dataset.width), Number(layer.dataset.height)];
  const scale = sheet.offsetWidth / across; // pixels of the page for one of the picture, both ways
  const wanted = new Map();
  if (scale * devicePixelRatio > Number(layer.dataset.viewed) / across) {
    const [left, top] = [stage.scrollLeft, stage.scrollTop].map((at) => Math.floor(at / scale / TILE) * TILE);
    const [right, bottom] = [stage.scrollLeft + stage.clientWidth, stage.scrollTop + stage.clientHeight].map((at) => at / scale);
    for (let y = top; y < Math.min(down, bottom); y += TILE) {
      for (let x = left; x < Math.min(across, right); x += TILE) {
        wanted.set(`${layer.dataset.tiles}/${x}/${y}`, [x, y]);
      }
    }
  }
  for (const image of [...layer.children]) {
    if (!wanted.delete(image.dataset.address)) image.remove();
  }
  for (const [address, [x, y]] of wanted) {
    const image = new Image();
    Object.assign(image, { alt: "", draggable: false });
    image.dataset.address = address;
    image.style.left = `${(100 * x) / across}%`;
    image.style.top = `${(100 * y) / down}%`;
    image.style.width = `${(100 * Math.min(TILE, across - x)) / across}%`;
    image.style.height = `${(100 * Math.min(TILE, down - y)) / down}%`;
    layer.append(image);
  }
  load(layer);
  layer.style.imageRendering = scale * devicePixelRatio > 2 ? "pixelated" : "auto";
}

// One after the other, as a browser has few connections to a server and other questions for it.
async function load(layer) {
  if (layer.querySelector("[src]:not([data-there])")) return;
  const image = layer.querySelector(":not([src])");
  if (!image) return;
  image.src = image.dataset.address;
  await image.decode().then(
    () => (image.dataset.there = ""),
    () => image.isConnected && gone(image),
  );
  tell();
  load(layer);
}

let laying = 0;
// Not while it moves: tiles that have passed when they come were made for nothing.
function layAll() {
  clearTimeout(laying);
  laying = setTimeout(() => (layers.forEach(lay), tell()), 100);
}

const ZOOMS = {
  out: () => zoom / STEP,
  in: () => zoom * STEP,
  fit: fitting,
  rendition: () => 1,
  source: () => 1 / sources(),
};
const KEYS = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "rendition" };

viewer.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (button) to(ZOOMS[button.dataset.zoom]());
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input:not([type=range]), textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in KEYS) {
    event.preventDefault();
    to(ZOOMS[KEYS[event.key]]());
  }
  if (event.target === slider) return; // there, arrows move the slider
  const leads = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = leads && document.querySelector(`a[rel=${leads}]`);
  if (link) {
    event.preventDefault();
    link.click();
  }
});

stage.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    to(zoom * Math.exp(-event.deltaY / 300), [event.clientX, event.clientY]);
  },
  { passive: false },
);

let held = null;
stage.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || event.button) return; // fingers scroll by themselves
  held = [event.clientX, event.clientY];
  stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", (event) => {
  if (!held) return;
  stage.scrollLeft -= event.clientX - held[0];
  stage.scrollTop -= event.clientY - held[1];
  held = [event.clientX, event.clientY];
});
stage.addEventListener("pointerup", () => (held = null));
stage.addEventListener("scroll", () => {
  divide();
  layAll();
});
slider.addEventListener("input", divide);
// What filled the window fills it also when a phone is turned.
let fitted = fitting();
addEventListener("resize", () => {
  const fits = zoom === fitted || zoom === Math.min(fitted, 1);
  fitted = fitting();
  if (fits) to(zoom > 1 ? fitted : Math.min(fitted, 1));
  else to(zoom);
});

async function gone(image) {
  const answer = await fetch(image.src).catch(() => null);
  said.className = "bad";
  said.textContent = answer?.status === 404 ? await answer.text() : "It cannot be shown.";
  image.hidden = true;
}

for (const image of [source, rendition]) {
  image.decode().then(tell, () => gone(image));
}
for (const layer of layers) layer.style.aspectRatio = `${layer.dataset.width} / ${layer.dataset.height}`;
to(Math.min(fitting(), 1));
