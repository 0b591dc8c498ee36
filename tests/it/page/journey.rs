//! What a person does on the page, in a real browser: an operator at work, a marketer without a file, a viewer who may only look.

use std::collections::BTreeSet;

use convey::admin::Role;
use convey::sandbox::{Fault, Faults, Kind, Play, Sandbox};
use serde_json::Value;

use super::browser::Browser;
use super::{Door, signed_in, views};
use crate::rig::{eventually, sandbox};
use crate::shadow::{LEADS, started};
use crate::wire::{letters, letters_of};

fn event_names(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.accepted(0).iter().map(|accepted| accepted.event["event_name"].as_str().unwrap().to_owned()).collect()
}

/// The browser has nothing to complain of.
fn quiet(browser: &Browser) {
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_watches_edits_shadows_promotes_and_sends_again() {
    let Some(browser) = Browser::start("an_operator_watches").await else { return };
    let sandbox = sandbox(1, 1).await;
    let all = letters_of(&sandbox, Kind::ContactCreated, 24).await;
    let (parked, rest) = all.split_at(6);
    let (came, rest) = rest.split_at(6);
    let (compared, after) = rest.split_at(6);
    let convey = started(&sandbox, LEADS).await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { code: Some(100), ..Fault::default() }) });
    convey.take(parked).await;
    sandbox.set_faults(Faults::default());

    let window = browser.window().await;
    signed_in(&window, &convey, Role::Operator).await;
    window.says("#live", "Live").await;

    // Deliveries come in before one's eyes: the same page, never loaded again.
    window.press("nav a", "Deliveries").await;
    window.says("h1", "Deliveries and events").await;
    window.says("#live", "Live").await;
    window.eval("window.stays = true; 0").await;
    let rows = "document.querySelectorAll('#deliveries tbody tr').length";
    let before = window.eval(rows).await.as_u64().unwrap();
    convey.take(came).await;
    window.until("the new deliveries are shown", &format!("{rows} === {}", before + came.len() as u64)).await;
    window.until("an event is delivered", "document.querySelector('#events .state.good')").await;
    assert_eq!(window.eval("window.stays").await, true);

    // Why one was sent, down to its attempt; and what was said, opened and written down.
    window.eval("[...document.querySelectorAll('#events tbody tr')].find((row) => row.querySelector('.state.good')).querySelector('a').click(); 0").await;
    window.says("h1", "Why e").await;
    window.says(".timeline", "Attempt").await;
    window.says(".timeline", "by generation").await;
    window.press("#story button", "Show what was said").await;
    window.says("h1", "What was said").await;
    window.says(".beside", "After: what is said of it").await;
    window.says(".beside pre", "user_data").await;
    let audit = convey.command(&["audit"]).await.json();
    assert!(audit.to_string().contains("saw the content of c"), "{audit}");

    // Rules are edited, and what they would say follows the typing.
    window.open(&format!("{}/mapping/default", Door::of(&convey).base)).await;
    window.write("#settings", LEADS).await;
    window.says("#preview td", "Lead").await;
    window.write("#settings", "[events]\ncontact-created = \"Caught\"\ncontact-creatd = 3\n").await;
    window.says("#preview", "line 3, column 1").await;
    window.says("#preview", "did you mean").await;
    window.write("#settings", "[events]\ncontact-created = \"Caught\"\n").await;
    window.says("#preview td", "Caught").await;
    assert_eq!(
        window.eval("[...document.querySelectorAll('#preview td b')].some((one) => one.textContent === 'Lead')").await,
        false
    );

    window.press("button[value=check]", "Check").await;
    window.says(".said.well", "would be told otherwise").await;
    assert_eq!(
        window.eval("document.querySelector('#settings').value.includes('Caught')").await,
        true,
        "what was typed stays"
    );
    window.press("button[value=shadow]", "Run as a shadow").await;
    window.says("#shadow", "running").await;
    convey.take(compared).await;
    window.says("#shadow", &format!("{} of {} changes differ", compared.len(), compared.len())).await;
    window.says("#shadow", "convert.name is different").await;
    assert!(!event_names(&sandbox).contains("Caught"), "a shadow sends nothing");
    window.press("button[value=promote]", "Promote").await;
    window.says(".said.well", "is live").await;
    convey.take(after).await;
    assert!(event_names(&sandbox).contains("Caught"), "{:?}", event_names(&sandbox));
    window.press("button[value=rollback]", "Roll back").await;
    window.says(".said.well", "rolled back").await;

    // What the platform refused is the matter, with what to do about it; it goes again.
    window.press("nav a", "Health").await;
    window.says("#alerts", "are parked until somebody decides").await;
    window.says("#alerts", "convey queue list --state dead --kind event").await;
    window.press("nav a", "Parked").await;
    window.says("#parked", "event").await;
    let told = sandbox.accepted_count();
    window.press("#parked button", "Send all again").await;
    window.says(".said.well", "retried").await;
    window.says("#parked", "Nothing.").await;
    convey.drained().await;
    assert!(sandbox.accepted_count() > told);

    // Everything is stopped with one press, and goes on with another.
    window.press("nav a", "Overview").await;
    window.press("#stop button", "Pause every send").await;
    window.says("#notices", "Every send is paused").await;
    assert_eq!(convey.paused().await["scope"], "all");
    window.press("#stop button", "Resume every send").await;
    window.says(".said.well", "Goes on").await;
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marketer_goes_live_from_templates_without_a_file() {
    let Some(browser) = Browser::start("a_marketer").await else { return };
    let sandbox = sandbox(1, 1).await;
    let mixed = letters(&sandbox, Play { changes: 30, ..Play::default() }).await;
    let (seen, later) = mixed.split_at(15);
    let convey = started(&sandbox, LEADS).await;
    convey.take(seen).await;
    let window = browser.window().await;
    signed_in(&window, &convey, Role::Operator).await;
    window.press("nav a", "Mapping").await;
    window.press("#mappings a", "Build from templates").await;
    window.says("h1", "Build default from templates").await;
    // Fields come from the location by their keys.
    window.until("fields by key", "document.querySelectorAll('input[name=field]').length > 0").await;
    window.until("stages", "document.querySelectorAll('input[name=stage]').length > 0").await;
    let field = window.eval("document.querySelector('input[name=field]').value").await;
    window.press("button[data-preview-now]", "Preview on last 20 contacts").await;
    window.says("#preview", "Pick at least one of the templates").await;
    window.eval("document.querySelector('[name=with-audience]').click(); document.querySelector('[name=with-stages]').click(); document.querySelector('[name=field]').click(); 0").await;
    window.write("#tag", "customer").await;
    window.write("#audience", "120330000000000000").await;
    window.eval("document.querySelector('[name=live][value=replace]').click(); 0").await;
    window.press("button[data-preview-now]", "Preview on last 20 contacts").await;
    window.says("#preview td", "Lead").await;
    window.until("an estimate", "document.querySelectorAll('#preview meter').length > 0").await;
    let rows = window.eval("document.querySelectorAll('#preview tbody tr').length").await.as_u64().unwrap();
    assert!((10..=40).contains(&rows), "{rows} rows: one a contact, and one more effect here and there");
    let contacts = window
        .eval("new Set([...document.querySelectorAll('#preview tbody th a')].map((one) => one.textContent)).size")
        .await;
    assert!(contacts.as_u64().unwrap() <= 20, "{contacts} contacts");
    window.press("button.main", "Go live").await;
    window.says(".said.well", "is live").await;
    let settings = window.eval("document.querySelector('#settings').value").await;
    let settings = settings.as_str().unwrap();
    assert!(
        settings.contains("join = \"120330000000000000\"") && settings.contains(field.as_str().unwrap()),
        "{settings}"
    );
    convey.take(later).await;
    assert!(event_names(&sandbox).len() > 1, "stages are told by their names: {:?}", event_names(&sandbox));

    // Test mode has its end on its face.
    window.press("nav a", "Test mode").await;
    window.write("#code", "TEST9").await;
    window.press("button.main", "Begin test mode").await;
    window.says("#tests", "TEST9").await;
    window.says("#tests", "It ends in").await;
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_everything_and_changes_nothing() {
    let Some(browser) = Browser::start("a_viewer").await else { return };
    let sandbox = sandbox(1, 1).await;
    let convey = started(&sandbox, LEADS).await;
    convey.take(&letters_of(&sandbox, Kind::ContactCreated, 4).await).await;
    let window = browser.window().await;
    signed_in(&window, &convey, Role::Viewer).await;
    let door = Door::of(&convey);
    for view in views(Role::Viewer) {
        window.open(&format!("{}{view}", door.base)).await;
        window.says("footer", "You are a viewer").await;
        let buttons = window
            .eval("[...document.querySelectorAll('main form[method=post] button')].map((one) => one.textContent)")
            .await;
        assert_eq!(buttons, serde_json::json!([]), "{view}");
    }
    quiet(&browser);
    let forced = |path: &str, body: &str| {
        format!(
            "fetch('{path}', {{ method: 'POST', headers: {{ 'x-csrf-token': document.querySelector('meta[name=csrf]').content }}, body: new URLSearchParams('{body}') }}).then((answer) => answer.status)"
        )
    };
    for (path, body) in [
        ("/connections/pause", "scope=all"),
        ("/mapping/default/act", "do=rollback"),
        ("/mapping/default/preview", "settings="),
        ("/parked/retry", "state=dead"),
        ("/why/content", "id=c1"),
        ("/sign-in/code", "role=operator"),
    ] {
        assert_eq!(window.eval(&forced(path, body)).await, 403, "{path}");
    }
    assert_eq!(convey.status().await.unwrap()["status"]["pauses"], Value::Array(Vec::new()));

    // Signed out elsewhere, the view ends too.
    window.open(&format!("{}/", door.base)).await;
    browser.complaints();
    window.press(".who button", "Sign out").await;
    window.says("h1", "Sign in").await;
    window.write("#key", door.token(Role::Viewer)).await;
    window.press("button.main", "Sign in").await;
    window.says("h1", "Overview").await;
    quiet(&browser);
    let other = browser.window().await;
    other.open(&format!("{}/sign-in", door.base)).await;
    other.write("#key", "guess").await;
    other.press("button.main", "Sign in").await;
    other.says("[role=alert]", "no token of this convey").await;
    eventually("nobody is in", async || (other.eval("location.pathname").await == "/sign-in").then_some(())).await;
}
