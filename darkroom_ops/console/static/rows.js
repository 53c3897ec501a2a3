// Rows that are chosen, and what can be done to all of them. What is chosen stays so, also when new
// rows push it off the page.

const form = document.querySelector("[data-chosen]");
const list = () => document.getElementById("list");
const boxes = () => [...list().querySelectorAll("input[name=execution]")];
const everyone = form.querySelector("[data-all]");
const chosen = new Set();
let all = false; // all that match, on whatever page
let last = null;

function total() {
  const facet = document.querySelector("#pager [data-total]");
  return facet ? Number(facet.dataset.total) : null;
}

function show() {
  for (const box of boxes()) {
    box.checked = all || chosen.has(box.value);
    box.disabled = all;
  }
  const page = list().querySelector("[data-page]");
  const marked = boxes().filter((box) => box.checked).length;
  if (page) {
    page.checked = marked > 0 && marked === boxes().length;
    page.indeterminate = marked > 0 && !page.checked;
    page.disabled = all;
  }
  const many = total();
  const number = all ? many : chosen.size;
  form.hidden = !all && !chosen.size;
  form.querySelector("[data-count]").textContent =
    number === null ? "All that match are chosen" : `${number.toLocaleString("en")} chosen`;
  everyone.hidden = all || (many !== null && many <= chosen.size);
  everyone.textContent = many === null ? "Choose all that match" : `Choose all ${many.toLocaleString("en")}`;
}

function mark(box, on) {
  if (on) chosen.add(box.value);
  else chosen.delete(box.value);
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("#list input[name=execution]");
  if (!box) return;
  const rows = boxes();
  const [from, to] = [rows.findIndex((each) => each.value === last), rows.indexOf(box)];
  // With Shift, all between the last one and this one.
  const range = event.shiftKey && from >= 0 ? rows.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
  for (const each of range) mark(each, box.checked);
  last = box.value;
  show();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("#list [data-page]")) return;
  for (const box of boxes()) mark(box, event.target.checked);
  show();
});

everyone.addEventListener("click", () => {
  all = true;
  show();
});

form.querySelector("[data-none]").addEventListener("click", () => {
  all = false;
  chosen.clear();
  show();
});

// The boxes of the page are the form's own, and come and go with what is live: what is chosen counts.
form.addEventListener("formdata", ({ formData }) => {
  formData.delete("execution");
  if (all) formData.append("all", "1");
  else for (const name of chosen) formData.append("execution", name);
});

document.addEventListener("parts", show);
// What a browser remembered, or a person chose before this script came.
for (const box of boxes()) if (box.checked) chosen.add(box.value);
show();
