//! How the page looks and whether everybody can use it: no view is wider than a phone, none has a serious finding of axe-core, in light and dark.
//! Pictures of all views are made by hand.

use std::io::Write;
use std::path::{Path, PathBuf};

use convey::admin::Role;
use convey::sandbox::{Fault, Faults, Kind, Play, Sandbox};
use serde_json::{Value, json};

use super::browser::{Browser, Window};
use super::{Door, signed_in, views};
use crate::rig::{Convey, eventually, sandbox, skipped};
use crate::shadow::{LEADS, compared, start, started};
use crate::wire::{letters, letters_of};

/// The first paint of the first view, with nothing of it kept by the browser, comes within this, in milliseconds.
const FIRST_PAINT_MS: f64 = 300.0;

/// A convey with something to see in every view: events that went and that are parked, an audience with members, a shadow that differs, test mode.
async fn furnished(sandbox: &Sandbox) -> Convey {
    let audience = &sandbox.summary().audience;
    let rule =
        format!("[[rule]]\nname = \"newcomers\"\non = [\"contact-created\"]\naudience = {{ join = \"{audience}\" }}\n");
    let convey = started(sandbox, &format!("{LEADS}{rule}")).await;
    let parked = letters_of(sandbox, Kind::ContactCreated, 5).await;
    let mixed = letters(sandbox, Play { changes: 30, ..Play::default() }).await;
    let (mixed, beside) = mixed.split_at(mixed.len() / 2);
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { code: Some(100), ..Fault::default() }) });
    convey.take(&parked).await;
    sandbox.set_faults(Faults::default());
    convey.take(mixed).await;
    // Another name in its place, and nobody in the audience.
    let other = convey.file("other.toml", &LEADS.replace("Lead", "QualifiedLead"));
    start(&convey, &["--settings", other.to_str().unwrap(), "--note", "qualified leads"]).await;
    convey.take(beside).await;
    let report = compared(&convey, 1).await;
    assert!(report["tally"]["differing"].as_u64().unwrap() > 0, "there is a difference to see: {report}");
    eventually("the audience has members", async || {
        let status = convey.status().await?;
        let known = &status["status"]["destinations"]["ads"]["audiences"][audience.as_str()];
        (known["joined"].as_u64()? > 0 && known["waiting"] == 0).then_some(())
    })
    .await;
    convey.command(&["test-mode", "on", "--code", "TEST5", "--for", "1h"]).await.json();
    convey
}

/// What the first view weighs, in bytes, and when it is seen and loaded, in milliseconds, while the browser keeps nothing of it; the soonest of a few.
async fn weighed(window: &Window<'_>, door: &Door, test: &str) -> Value {
    let mut soonest = Value::Null;
    for _ in 0..5 {
        window.ask("Network.clearBrowserCache", json!({})).await;
        window.open(&format!("{}/", door.base)).await;
        let seen = window.eval(SEEN).await;
        if soonest.is_null() || seen["first_paint_ms"].as_f64() < soonest["first_paint_ms"].as_f64() {
            soonest = seen;
        }
    }
    std::io::stderr().write_all(format!("{test}: the first view: {soonest}\n").as_bytes()).unwrap();
    soonest
}

/// The paint is told when it has happened, which may be after the page was loaded.
const SEEN: &str = "new Promise((done) => new PerformanceObserver((list) => {
    const [paint] = list.getEntriesByName('first-contentful-paint');
    if (!paint) return;
    const [page] = performance.getEntriesByType('navigation');
    const parts = performance.getEntriesByType('resource').filter((part) => part.initiatorType !== 'fetch');
    const bytes = parts.reduce((sum, part) => sum + part.encodedBodySize, page.encodedBodySize);
    done({ first_paint_ms: Math.round(paint.startTime), loaded_ms: Math.round(page.loadEventEnd), bytes });
}).observe({ type: 'paint', buffered: true }))";

/// Views with something pressed in them.
async fn opened(window: &Window<'_>, door: &Door, view: &str) {
    window.open(&format!("{}{view}", door.base)).await;
    if window.eval("!!document.querySelector('#live')").await == true
        && window.eval("!!document.querySelector('[data-live]')").await == true
    {
        window.says("#live", "Live").await;
    }
    if view == "/mapping/default" {
        window.press("[data-preview-now]", "Preview").await;
        window.until("the preview", "document.querySelector('#preview table')").await;
    }
}

fn axe() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendor/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_view_is_wider_than_a_phone_and_everybody_can_use_it() {
    const TEST: &str = "no_view_is_wider_than_a_phone";
    let Some(browser) = Browser::start(TEST).await else { return };
    let axe = axe();
    if axe.is_none() {
        skipped(TEST, "axe-core is missing, so only widths are looked at");
    }
    let sandbox = sandbox(1, 1).await;
    let convey = furnished(&sandbox).await;
    let door = Door::of(&convey);
    let window = browser.window().await;
    signed_in(&window, &convey, Role::Operator).await;
    for (width, scheme) in [(390, "light"), (1280, "dark"), (1280, "light")] {
        window.look_as(width, 900, scheme).await;
        for view in views(Role::Operator) {
            opened(&window, &door, &view).await;
            let wide = window.eval("document.documentElement.scrollWidth").await.as_u64().unwrap();
            assert!(wide <= u64::from(width), "{view} is {wide} wide on {width}");
            assert_eq!(
                window.eval(MENU).await,
                true,
                "the menu of {view} is one line, and what is open is in sight, on {width}"
            );
            assert_eq!(window.eval(UNEVEN).await, json!([]), "numbers of {view} stand under their heads");
            let Some(axe) = &axe else { continue };
            window.eval(&format!("{axe}; 0")).await;
            let found = window.eval("axe.run().then((found) => found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => [one.id, one.nodes.map((node) => node.html)]))").await;
            assert_eq!(found, Value::Array(Vec::new()), "{view} in {scheme} on {width}: {found:#}");
        }
    }
    weighed(&window, &door, TEST).await;
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

const MENU: &str = "(() => {
    const line = document.querySelector('nav ul').getBoundingClientRect();
    const open = document.querySelector('nav [aria-current]').getBoundingClientRect();
    return line.height < 50 && open.left >= line.left && open.right <= line.right;
})()";

/// Columns whose cells are of another kind than their head.
const UNEVEN: &str = "[...document.querySelectorAll('tbody tr')].flatMap((row) => [...row.cells].filter((cell) =>
    cell.classList.contains('number') !== row.closest('table').tHead.rows[0].cells[cell.cellIndex].classList.contains('number')).map((cell) => cell.outerHTML))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures for people to look at, in the target folder, and holds the first paint to its time, which wants a quiet machine"]
async fn what_the_page_looks_like() {
    let Some(browser) = Browser::start("what_the_page_looks_like").await else { return };
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    let sandbox = sandbox(1, 1).await;
    let convey = furnished(&sandbox).await;
    let door = Door::of(&convey);
    let window = browser.window().await;
    window.look_as(1280, 900, "light").await;
    window.open(&format!("{}/sign-in", door.base)).await;
    window.picture(&folder.join("sign-in.png")).await;
    signed_in(&window, &convey, Role::Operator).await;
    for (name, width, scheme) in
        [("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"), ("phone-dark", 390, "dark")]
    {
        window.look_as(width, 900, scheme).await;
        for view in views(Role::Operator) {
            opened(&window, &door, &view).await;
            let plain: String =
                view.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
            window.picture(&folder.join(format!("{name}{plain}.png"))).await;
        }
    }
    let seen = weighed(&window, &door, "what_the_page_looks_like").await;
    assert!(seen["first_paint_ms"].as_f64().unwrap() < FIRST_PAINT_MS, "{seen}");
}
