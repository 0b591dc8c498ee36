//! How the page looks and whether everybody can use it: no view is wider than a phone, none has a serious finding of axe-core, in light and dark.
//! Pictures of all views are made by hand.

use std::path::{Path, PathBuf};

use convey::sandbox::{Fault, Faults, Kind, Play};
use serde_json::Value;

use super::Door;
use super::browser::{Browser, Window};
use crate::rig::{Convey, sandbox, skipped};
use crate::shadow::{LEADS, started};
use crate::wire::{letters, letters_of};

const VIEWS: [&str; 12] = [
    "/",
    "/connections",
    "/deliveries",
    "/why?id=e1",
    "/parked",
    "/parked?state=dead&kind=event&lane=ads",
    "/mapping/default",
    "/mapping/default/build",
    "/audiences",
    "/tests",
    "/audit",
    "/health",
];

/// A convey with something to see in every view.
async fn furnished(sandbox: &convey::sandbox::Sandbox) -> Convey {
    let convey = started(sandbox, LEADS).await;
    let parked = letters_of(sandbox, Kind::ContactCreated, 5).await;
    let mixed = letters(sandbox, Play { changes: 30, ..Play::default() }).await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { code: Some(100), ..Fault::default() }) });
    for letter in &parked {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    sandbox.set_faults(Faults::default());
    for letter in &mixed {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    convey.command(&["test-mode", "on", "--code", "TEST5", "--for", "1h"]).await.json();
    convey
}

async fn signed_in(window: &Window<'_>, convey: &Convey) {
    let printed = convey.command(&["page"]).await.json();
    window.open(printed["url"].as_str().unwrap()).await;
    window.says("h1", "Overview").await;
}

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
    signed_in(&window, &convey).await;
    for (width, scheme) in [(390, "light"), (1280, "dark"), (1280, "light")] {
        window.look_as(width, 900, scheme).await;
        for view in VIEWS {
            opened(&window, &door, view).await;
            let wide = window.eval("document.documentElement.scrollWidth").await.as_u64().unwrap();
            assert!(wide <= u64::from(width), "{view} is {wide} wide on {width}");
            let Some(axe) = &axe else { continue };
            window.eval(&format!("{axe}; 0")).await;
            let found = window.eval("axe.run().then((found) => found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => [one.id, one.nodes.map((node) => node.html)]))").await;
            assert_eq!(found, Value::Array(Vec::new()), "{view} in {scheme} on {width}: {found:#}");
        }
    }
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures and times for people to look at, in the target folder"]
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
    signed_in(&window, &convey).await;
    for (name, width, scheme) in
        [("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"), ("phone-dark", 390, "dark")]
    {
        window.look_as(width, 900, scheme).await;
        for view in VIEWS {
            opened(&window, &door, view).await;
            let plain: String =
                view.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
            window.picture(&folder.join(format!("{name}{plain}.png"))).await;
        }
    }
    for view in ["/", "/deliveries", "/mapping/default"] {
        window.open(&format!("{}{view}", door.base)).await;
        let times = window.eval("(() => { const [one] = performance.getEntriesByType('navigation'); const paint = performance.getEntriesByName('first-contentful-paint')[0]; const bytes = performance.getEntriesByType('resource').reduce((sum, one) => sum + one.encodedBodySize, one.encodedBodySize); return { first_paint_ms: paint?.startTime, loaded_ms: one.loadEventEnd, bytes }; })()").await;
        std::fs::write(folder.join(format!("times{}.json", view.replace('/', "-"))), times.to_string()).unwrap();
    }
}
