// Evaluate what standard input has, a JSON list of {expression, bindings}, with the reference of
// JSONata, and write the list of results: {value}, {} where nothing is selected, or {error}.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import jsonata from "jsonata";

// What Step Functions adds (developer guide, "Transforming data with JSONata").
const FUNCTIONS = {
  hash: (text, algorithm) => createHash(algorithm.replace("-", "")).update(text).digest("hex"),
  parse: (text) => JSON.parse(text),
  partition: (values, size) =>
    Array.from({ length: Math.ceil(values.length / size) }, (_, at) =>
      values.slice(at * size, (at + 1) * size),
    ),
  range: (first, last, step) =>
    Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => first + at * step),
};

async function evaluate({ expression, bindings }) {
  try {
    const parsed = jsonata(`(${expression}\n)`);
    for (const [name, made] of Object.entries(FUNCTIONS)) parsed.registerFunction(name, made);
    return { value: await parsed.evaluate(undefined, bindings) };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(await Promise.all(asked.map(evaluate))));
