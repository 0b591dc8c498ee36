// The page works without this. With it, what changes is loaded again by itself, and a preview follows what is typed.
"use strict";

const csrf = document.querySelector('meta[name="csrf"]')?.content;

// A one-time code stands behind the # of a link, which no server and no log sees.
const signIn = document.getElementById("sign-in");
function enter() {
  if (!signIn || location.hash.length < 2) return;
  signIn.elements.key.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  signIn.requestSubmit();
}
enter();
// Where this page is open already, a link changes only what stands behind the #.
addEventListener("hashchange", enter);

// On a phone the menu is one line that scrolls: the view that is open is in sight.
const here = document.querySelector("nav [aria-current]");
if (here) {
  const line = here.closest("ul");
  line.scrollLeft = here.offsetLeft - (line.clientWidth - here.offsetWidth) / 2;
}

// ---- live ----

const state = document.getElementById("live");
const hold = document.getElementById("hold");
let held = false;
let loading = false;
let again = false;

function say(text) {
  if (state && state.textContent !== text) state.textContent = text;
}

/** Puts the parts of a page that was just loaded in the place of ours, where they differ and nobody is typing. */
function replace(fresh) {
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const part = fresh.getElementById(old.id);
    if (!part || part.innerHTML === old.innerHTML) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    if (focused?.matches("input, select, textarea")) continue;
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const at = focused ? [...old.querySelectorAll("a, button, [tabindex]")].indexOf(focused) : -1;
    old.innerHTML = part.innerHTML;
    old.querySelectorAll("details").forEach((one, index) => { one.open = open[index] ?? one.open; });
    old.querySelectorAll(".scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] ?? 0; });
    if (at >= 0) old.querySelectorAll("a, button, [tabindex]")[at]?.focus({ preventScroll: true });
  }
}

// What a form answered stands at an address that cannot be looked at, and says which one can.
const from = document.querySelector("[data-from]")?.dataset.from ?? location.href;

async function refresh() {
  if (held) return;
  if (loading) { again = true; return; }
  loading = true;
  try {
    const answer = await fetch(from, { headers: { accept: "text/html", "x-looks-again": "1" } });
    if (answer.status === 401) { location.assign("/sign-in"); return; }
    if (answer.ok && !held) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    say("Not reachable");
  } finally {
    loading = false;
    if (again) { again = false; refresh(); }
  }
}

if (state && document.querySelector("[data-live]")) {
  const events = new EventSource("/live");
  events.addEventListener("hello", () => { say(held ? "Held still" : "Live"); refresh(); });
  events.addEventListener("changed", refresh);
  events.addEventListener("error", () => say("Not live: trying again"));
  addEventListener("pagehide", () => events.close());
  hold.hidden = false;
  hold.addEventListener("click", () => {
    held = !held;
    hold.setAttribute("aria-pressed", String(held));
    say(held ? "Held still" : "Live");
    refresh();
  });
} else if (state) {
  state.parentElement.hidden = true;
}

// ---- previews ----

for (const form of document.querySelectorAll("form[data-preview]")) {
  const target = document.getElementById(form.dataset.target);
  let timer;
  let asked = 0;
  const preview = async () => {
    clearTimeout(timer);
    const number = ++asked;
    target.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.dataset.preview, { method: "POST", headers: { "x-csrf-token": csrf ?? "", accept: "text/html" }, body });
      const text = await answer.text();
      if (number !== asked) return;
      if (answer.ok) target.innerHTML = text;
      else target.replaceChildren(new DOMParser().parseFromString(text, "text/html").querySelector("main") ?? "");
    } catch {
      if (number === asked) target.textContent = "convey does not answer.";
    } finally {
      if (number === asked) target.removeAttribute("aria-busy");
    }
  };
  form.querySelector("[data-preview-now]")?.addEventListener("click", preview);
  if (!("previewPressed" in form.dataset)) {
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(preview, 400); });
  }
}
