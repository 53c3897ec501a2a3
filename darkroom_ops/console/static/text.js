// Text that others chose, such as the name of a file: nothing in it may break a line or deceive.

// What people do not see for what it is, as darkroom.contract.text has it.
const UNSEEN =
  /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/gu;

const unit = (code) => `\\u${code.toString(16).padStart(4, "0")}`;

// Returns a line with what is unseen escaped, as JSON may have it.
export function plain(line) {
  return line.replace(UNSEEN, (found) => found.split("").map((each) => unit(each.charCodeAt(0))).join(""));
}

// Returns JSON for reading: it says the same, with what is unseen escaped.
export function pretty(value) {
  return JSON.stringify(value, null, 2).split("\n").map(plain).join("\n");
}
