// Changes in the kit's form, one a line, become results, one a line: node translate.mjs [SETTINGS] < changes.ndjson

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { mapper as mapperOf } from "./mapper.mjs";
import * as rules from "./rules/rules.js";

const mapper = mapperOf(rules);
const settings = process.argv[2] ? readFileSync(process.argv[2], "utf8") : "";
const configured = mapper.configure(settings);
if (configured.tag === "err") {
  for (const { line, column, message, hint } of configured.val) {
    console.error(`${process.argv[2]}:${line}:${column}: ${message}${hint ? ` (${hint})` : ""}`);
  }
  process.exit(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) console.log(JSON.stringify(mapper.translate([JSON.parse(line)])[0]));
}
