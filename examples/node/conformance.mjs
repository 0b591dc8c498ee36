// Runs the conformance kit: node conformance.mjs CASES [TRANSPILED MODULE]
// The module is ./rules/rules.js unless another is named; `npm run transpile` makes it.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { conform, mapper as mapperOf } from "./mapper.mjs";

const [cases, path = join(import.meta.dirname, "rules/rules.js")] = process.argv.slice(2);
const text = (...names) => readFileSync(join(cases, ...names), "utf8");
const json = (...names) => JSON.parse(text(...names));

const started = performance.now();
let mapper;
try {
  mapper = mapperOf(await import(pathToFileURL(resolve(path))));
} catch (error) {
  console.error(`${path}: ${error.message}`);
  process.exit(2);
}
console.log(`loaded in ${Math.round(performance.now() - started)} ms`);

let [answers, wrong] = [0, 0];
for (const set of json("index.json")) {
  const changes = json(set, "changes.json");
  const ran = conform(mapper, { settings: text(set, "settings.toml"), changes, results: json(set, "results.json") });
  answers += ran.answers;
  wrong += ran.differences.length;
  console.log(`${ran.differences.length ? "DIFFERS" : "equal  "} ${set}: ${ran.answers} answers`);
  ran.differences.forEach((difference) => console.log(`  ${difference}`));
}

mapper.configure("");
const changes = json("default", "changes.json");
const [since, rounds] = [process.cpuUsage(), 200];
for (let round = 0; round < rounds; round++) mapper.translate(changes);
const { user, system } = process.cpuUsage(since);
console.log(`${((user + system) / (rounds * changes.length)).toFixed(0)} µs of CPU time a change, JSON form included`);
console.log(wrong ? `${wrong} of ${answers} answers differ` : `conformant: ${answers} answers are equal`);
process.exitCode = wrong ? 1 : 0;
