// Answers of the mapper as elements of a page. Texts are set as texts: nothing that was pasted becomes markup.

/** An element with attributes and children. */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

/** One answer of `translate`. */
export function drawn(answer) {
  const raw = element("details", {}, element("summary", {}, "As JSON"), element("pre", {}, JSON.stringify(answer, null, 2)));
  if (answer.tag === "err") {
    const { code, rule, reason } = answer.val;
    return [element("article", {}, element("h3", {}, `Nothing is said: ${code}`), pairs([["rule", rule], ["reason", reason]])), raw];
  }
  if (answer.val.length === 0) return [element("article", {}, element("h3", {}, "Nothing is said.")), raw];
  return [...answer.val.map(proposal), raw];
}

function proposal({ rule, effect, omitted }) {
  const told = effect.tag === "convert" ? event(effect.val) : [[effect.tag, JSON.stringify(effect.val)]];
  const left = omitted.map(({ field, reason }) => [`without ${field}`, reason]);
  const title = effect.tag === "convert" ? effect.val.name : effect.tag;
  return element("article", {}, element("h3", {}, title), pairs([["rule", rule], ...told, ...left]));
}

function event(event) {
  const person = Object.entries(event["user-data"]).map(([field, value]) => [field, Array.isArray(value) ? value.map(short).join(", ") : value]);
  const custom = event["custom-data"].map(([key, value]) => [key, String(value.val)]);
  return [
    ["id", event.id],
    ["when", new Date(event["occurred-at"]).toISOString()],
    ["where", event["action-source"]],
    ["page", event["source-url"]],
    ["value", event.value === undefined ? undefined : `${event.value} ${event.currency}`],
    ["limited data use", event["limited-data-use"] ? "asked for" : undefined],
    ...person,
    ...custom,
  ];
}

const short = (hash) => `${hash.slice(0, 12)}…`;

function pairs(list) {
  const told = list.filter(([, value]) => value !== undefined && value !== "");
  return element("dl", {}, ...told.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
}

/** Mistakes in the settings, each under its line. */
export function mistakes(settings, problems) {
  const lines = settings.split("\n");
  return problems.map(({ line, column, length, message, hint }) => {
    const caret = `${lines[line - 1] ?? ""}\n${" ".repeat(column - 1)}${"^".repeat(Math.max(1, length))}`;
    const help = hint ? [element("p", {}, hint)] : [];
    return element("article", {}, element("h3", { class: "bad" }, `Line ${line}, column ${column}: ${message}`), element("pre", {}, caret), ...help);
  });
}
