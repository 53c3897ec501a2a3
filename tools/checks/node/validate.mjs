// Two checkers of the Amazon States Language on one definition, which comes as JSON from stdin.
// Prints one finding a line, and ends with 1 if there was any.

import { readFileSync } from "node:fs";
import aslValidator from "asl-validator";
import languageService from "amazon-states-language-service";

const definition = JSON.parse(readFileSync(0, "utf8"));
const findings = [];

// asl-validator refuses line breaks inside `{% … %}`, which JSONata and Step Functions allow.
const onOneLine = JSON.parse(JSON.stringify(definition), (_, value) =>
  typeof value === "string" && value.trim().startsWith("{%") ? value.trim().replace(/\s+/g, " ") : value,
);
const { errors } = aslValidator(onOneLine);
for (const error of errors ?? []) {
  findings.push(`asl-validator: ${error.path ?? error.instancePath ?? ""} ${error.Message ?? error.message}`);
}

const text = JSON.stringify(definition, null, 2);
const service = languageService.getLanguageService({});
const document = languageService.TextDocument.create("file:///definition.asl.json", "asl", 1, text);
const parsed = service.parseJSONDocument(document);
for (const finding of await service.doValidation(document, parsed)) {
  const line = text.split("\n")[finding.range.start.line].trim().slice(0, 80);
  findings.push(`amazon-states-language-service: ${finding.message} At: ${line}`);
}

for (const finding of findings) console.log(finding);
process.exitCode = findings.length ? 1 : 0;
