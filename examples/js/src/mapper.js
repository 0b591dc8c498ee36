// Tells the ad platform of every contact that becomes a VIP.

import { sha256 } from "./sha256.js";

/** A hash as the contract carries it: eight numbers, so that a raw value has no room. Signed: of an unsigned one above 2³¹ componentize-qjs makes 2³¹−1. */
function hashed(text) {
  const [a, b, c, d, e, f, g, h] = sha256(text).map((word) => word | 0);
  return { a, b, c, d, e, f, g, h };
}

/** An event's id depends on the change, the event's name and its place among those of that name, and on nothing else. */
function eventId(change, name, ordinal) {
  const words = sha256(`${change.id}\0${name}\0${ordinal}\0`);
  return words.map((word) => word.toString(16).padStart(8, "0")).join("").slice(0, 32);
}

function email(raw) {
  const address = raw.trim().toLowerCase();
  return /^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$/.test(address) ? address : undefined;
}

function phone(raw) {
  const digits = raw.replace(/[\s().-]/g, "");
  return /^\+[1-9]\d{7,14}$/.test(digits) ? digits.slice(1) : undefined;
}

/** The hashes of what can be used of a field's values. What cannot is named in `omitted`, never shown. */
function usable(field, values, rule, reason, omitted) {
  const given = values.filter((raw) => raw.trim() !== "");
  const normal = given.map(rule).filter((value) => value !== undefined);
  if (normal.length < given.length) omitted.push({ field, reason });
  return [...new Set(normal)].map(hashed);
}

function vip(change) {
  const { trigger, contact } = change;
  const skip = (code, rule, reason) => ({ tag: "err", val: { code, rule, reason } });
  if (trigger.tag !== "tags-changed" || !trigger.val.added.includes("vip")) {
    return skip("no-rule", undefined, "the tag `vip` was not added");
  }
  if (contact.consent.doNotDisturb) return skip("no-consent", "vip", "the contact asked not to be disturbed");
  const omitted = [];
  const emails = usable("emails", contact.emails, email, "not an e-mail address", omitted);
  const phones = usable("phones", contact.phones, phone, "no country code, and no country is known", omitted);
  if (emails.length + phones.length === 0) return skip("no-identity", "vip", "neither an e-mail address nor a phone number");
  const event = {
    id: eventId(change, "Vip", 0), name: "Vip", occurredAt: change.occurredAt, actionSource: "system-generated",
    userData: {
      emails, phones, firstNames: [], lastNames: [], genders: [], datesOfBirth: [], cities: [], states: [],
      postalCodes: [], countries: [], externalIds: [hashed(contact.id.trim())],
    },
    customData: [], limitedDataUse: false,
  };
  return { tag: "ok", val: [{ rule: "vip", effect: { tag: "convert", val: event }, omitted }] };
}

export const mapper = {
  /** Settings that nobody reads are a mistake: this mapper takes none. */
  configure(settings) {
    const line = settings.split("\n").findIndex((text) => text.trim() !== "");
    if (line >= 0) {
      const hint = "give it an empty file: `--settings /dev/null`";
      throw [{ line: line + 1, column: 1, length: 1, message: "this mapper takes no settings", hint }];
    }
    return { customFields: [], remarks: [] };
  },

  /** One answer a change, in order. */
  translate: (changes) => changes.map(vip),
};
