// A transpiled mapper, spoken to in the kit's JSON form. Nothing of Node in here: the browser's page imports it too.

export const CONTRACT = "convey:pipeline/mapper@0.1.0";

/** The mapper of a module that `jco transpile` made; fails when it was built for another version of the contract. */
export function mapper(module) {
  if (!module[CONTRACT]) {
    const has = Object.keys(module).filter((name) => name.includes("/")).join(", ") || "no interface at all";
    throw new Error(`this host speaks ${CONTRACT}, and the component exports ${has}: take a component and a host of one release`);
  }
  return {
    configure: (settings) => {
      try {
        return { tag: "ok", val: written(module[CONTRACT].configure(settings)) };
      } catch (error) {
        // jco throws what a `result` calls its error; whatever else is thrown broke the instance.
        if (!Array.isArray(error.payload)) throw error;
        return { tag: "err", val: written(error.payload) };
      }
    },
    translate: (changes) => written(module[CONTRACT].translate(changes.map(read))),
  };
}

const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const kebab = (name) => name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());

/** The kit's form as jco wants it: names in camel case, times as BigInt. */
function read(value, name = "") {
  if (Array.isArray(value)) return value.map((item) => read(item));
  if (typeof value === "number") return name.endsWith("-at") ? BigInt(value) : value;
  if (value === null || typeof value !== "object") return value ?? undefined;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [camel(key), read(inner, key)]));
}

/** What jco gives, in the kit's form: no field without a value, hashes as hex. */
function written(value) {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(written);
  if (value === null || typeof value !== "object") return value;
  if ("h" in value) return [..."abcdefgh"].map((word) => value[word].toString(16).padStart(8, "0")).join("");
  const told = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(told.map(([key, inner]) => [kebab(key), written(inner)]));
}

/** Where two values of the kit's form first differ, or nothing. */
export function difference(got, wanted, place = "") {
  if (Object.is(got, wanted)) return;
  const apart = `${place}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`;
  if (got === null || wanted === null || typeof got !== "object" || typeof wanted !== "object") return apart;
  for (const key of new Set([...Object.keys(got), ...Object.keys(wanted)])) {
    const found = difference(got[key], wanted[key], `${place}/${key}`);
    if (found) return found;
  }
}

/** Runs one set of the kit: how many answers it compared, and the differences. */
export function conform(mapper, { settings, changes, results }) {
  const differences = [];
  const compare = (place, got, wanted) => {
    const found = difference(got, wanted, place);
    if (found) differences.push(found);
  };
  const configured = mapper.configure(settings);
  compare("configure", configured, results.configure);
  if (configured.tag === "ok") {
    const told = mapper.translate(changes);
    compare("answers", told.length, results.translate.length);
    changes.forEach((change, index) => compare(change.id, told[index], results.translate[index]));
  }
  return { answers: changes.length + 1, differences };
}
