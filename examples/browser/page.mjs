// The page: what is typed goes through the mapper at once, and the conformance kit runs when the page is loaded.

import { conform, mapper as mapperOf } from "../node/mapper.mjs";
import { drawn, element, mistakes } from "./draw.mjs";

const SAMPLE = {
  id: "c1", location: "l1", "first-name": "Zoë", "last-name": "O’Brien", emails: [" Zoe@Example.com "], phones: ["(650) 555-1212", "n/a"],
  city: "St. Louis", state: "Missouri", "postal-code": "63101-1234", country: "US", "date-of-birth": "1990-02-16",
};
const CASES = "../../tests/cases";
const at = (id) => document.getElementById(id);

/** A change with every list it must have; a bare contact becomes one. */
function complete(value, trigger) {
  const known = value.trigger ? value : { trigger: { tag: trigger }, contact: value };
  const now = Date.now();
  const lists = { emails: [], phones: [], tags: [], "custom-fields": [], tasks: [], notes: [], appointments: [] };
  const contact = { id: "", location: "", ...lists, consent: { "do-not-disturb": false, "blocked-channels": [] }, ...known.contact };
  for (const touch of ["first-touch", "last-touch"]) if (contact[touch]) contact[touch] = { other: [], ...contact[touch] };
  return { id: "pasted", connection: "page", "occurred-at": now, "seen-at": now, ...known, contact };
}

function say(mapper) {
  const settings = at("settings").value;
  const configured = mapper.configure(settings);
  if (configured.tag === "err") return mistakes(settings, configured.val);
  let change;
  try {
    change = complete(JSON.parse(at("change").value), at("trigger").value);
  } catch (error) {
    return [element("p", { class: "bad" }, `Not JSON: ${error.message}`)];
  }
  try {
    return drawn(mapper.translate([change])[0]);
  } catch (error) {
    const broke = error instanceof WebAssembly.RuntimeError;
    const what = broke ? "The mapper broke, and its instance with it; load the page again" : "Not a change of the contract";
    return [element("p", { class: "bad" }, `${what}: ${error.message}`)];
  }
}

async function get(path) {
  const answer = await fetch(`${CASES}/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}; serve the whole repository, not this folder alone`);
  return answer.text();
}

async function kit(mapper) {
  let [answers, wrong, changes] = [0, 0, []];
  for (const set of JSON.parse(await get("index.json"))) {
    const [settings, asked, results] = await Promise.all(["settings.toml", "changes.json", "results.json"].map((file) => get(`${set}/${file}`)));
    const ran = conform(mapper, { settings, changes: JSON.parse(asked), results: JSON.parse(results) });
    if (set === "default") changes = JSON.parse(asked);
    answers += ran.answers;
    wrong += ran.differences.length;
    const verdict = ran.differences.length ? element("td", { class: "bad" }, ran.differences.join("\n")) : element("td", {}, "equal");
    at("sets").append(element("tr", {}, element("td", {}, set), element("td", {}, String(ran.answers)), verdict));
  }
  mapper.configure("");
  const [since, rounds] = [performance.now(), 50];
  for (let round = 0; round < rounds; round++) mapper.translate(changes);
  const each = ((performance.now() - since) * 1000) / (rounds * changes.length);
  at("speed").textContent = `${each.toFixed(0)} µs a change here, JSON form included.`;
  return wrong ? ["differs", `${wrong} of ${answers} answers differ from the host's`] : ["conformant", `Conformant: all ${answers} answers are the host's`];
}

async function start() {
  at("change").value = JSON.stringify(SAMPLE, null, 2);
  let module;
  try {
    module = await import("../node/rules/rules.js");
  } catch (error) {
    throw new Error(`there is no transpiled mapper to load (${error.message}); \`npm run transpile\` in examples/node makes one`);
  }
  const mapper = mapperOf(module);
  const verdict = await kit(mapper);
  const show = () => at("effects").replaceChildren(...say(mapper));
  for (const id of ["settings", "change", "trigger"]) at(id).addEventListener("input", show);
  show();
  return verdict;
}

// Set last: whoever waits for the verdict finds the page complete.
const [verdict, text] = await start().catch((error) => ["failed", error.message]);
at("verdict").textContent = text;
at("verdict").dataset.verdict = verdict;
