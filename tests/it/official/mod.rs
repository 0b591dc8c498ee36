//! The vendors' own tools, where they are there: the CRM's Node client against the sandbox, its API description against the sandbox's answers and
//! against the source's requests, the ad platform's Python SDK against the sandbox. `.ci/run` brings them; without them each test says that it
//! was skipped.

mod meta;
mod prism;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use convey::sandbox::{Sandbox, Summary};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::rig::{Convey, eventually, sandbox, skipped};
use crate::vendor::Vendor;
use prism::{Described, FOUND};

/// How long a script may take: it asks a hundred times and more.
const SCRIPT: Duration = Duration::from_secs(300);
/// The location that the description's examples speak of.
const LOCATION: &str = "ve9EPM428h8vShlRW1KT";

/// The folder of the scripts, if they can run; else the reason is said.
async fn scripts(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendor");
    let node = Command::new("node").arg("--version").stdin(Stdio::null()).output().await;
    let missing = match node.map(|output| output.status.success()) {
        Ok(true) if folder.join("node_modules").is_dir() => return Some(folder),
        Ok(true) => "tests/vendor/node_modules is missing: run `npm ci --prefix tests/vendor`",
        _ => "node is missing",
    };
    skipped(test, missing);
    None
}

/// The folder of the API descriptions, if they are beside this repository; else that is said.
fn descriptions(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ghl-openapi");
    if folder.join("contacts.patched.json").is_file() {
        return Some(folder);
    }
    skipped(test, "the CRM's API description is missing");
    None
}

/// Runs a script to its end, which must be a good one, and answers with what it printed.
async fn run(scripts: &Path, script: &str, sandbox: &Sandbox, arguments: &[&Path]) -> String {
    let mut command = Command::new("node");
    command.arg(scripts.join(script)).arg(sandbox.summary().control).args(arguments);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let Output { status, stdout, stderr } = timeout(SCRIPT, output).await.expect("the script ends").unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{script}:\n{stdout}\n{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// Contacts and what belongs to them, OAuth with one refresh for many calls, webhooks with the client's own check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_client_is_at_home_in_the_sandbox() {
    let Some(scripts) = scripts("the_vendors_client_is_at_home_in_the_sandbox").await else { return };
    let sandbox = sandbox(2, 1).await;
    let said = run(&scripts, "sdk.mjs", &sandbox, &[]).await;
    for part in ["contacts", "tasks", "notes", "appointments", "locations", "opportunities", "oauth", "webhooks"] {
        assert!(said.contains(&format!("ok    {part}: ")), "{part} is missing:\n{said}");
    }
}

/// Every operation of the sandbox, when it goes well and for every error that is declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandboxs_answers_are_as_the_description_has_them() {
    let test = "the_sandboxs_answers_are_as_the_description_has_them";
    let (Some(scripts), Some(descriptions)) = (scripts(test).await, descriptions(test)) else { return };
    let sandbox = sandbox(2, 1).await;
    let said = run(&scripts, "responses.mjs", &sandbox, &[&descriptions]).await;
    assert!(said.ends_with(" answers fit, 0 do not\n"), "{said}");
}

/// Every query, every command and a webhook without its contact: nothing that is asked breaks the description's rules, and of what the source
/// said that it may ask nothing is left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_asks_only_what_the_description_allows() {
    let test = "the_source_asks_only_what_the_description_allows";
    let (Some(scripts), Some(descriptions)) = (scripts(test).await, descriptions(test)) else { return };
    let sandbox = sandbox(1, 1).await;
    let described = Described::open(&scripts, &descriptions).await;
    let summary = Summary { crm: described.url.clone(), location: LOCATION.to_owned(), ..sandbox.summary() };
    let mut convey = Convey::new(&summary).configure(|config| {
        *config = config.replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\n");
        config.push_str("enrich = \"tasks notes appointments\"\n");
    });
    // Every command has the running one's instances: by itself each would load the components first.
    convey.start().await;
    by_hand(&convey).await;
    // The first is read with its contact and all that belongs to it; of the second the contact has to be found.
    let update = json!({ "type": "ContactUpdate", "contact": { "id": "c1" } });
    let orphan = json!({ "type": "TaskCreate", "contact": { "id": "t1", "title": "Call" } });
    for mut told in [update, orphan] {
        told["contact"]["locationId"] = LOCATION.into();
        told["target"] = convey.hook().into();
        let sent = Vendor::of(&sandbox).control(http::Method::POST, "/simulate", &told).await;
        assert_eq!(sent["status"], 200, "{sent}");
    }
    // Looking through everything asks of each contact for the rest: its opportunities.
    convey.command(&["sync"]).await.json();
    let swept = json!([{ "method": "GET", "path": format!("/contacts/{FOUND}") }]);
    eventually("the contact that was found is read", async || described.unasked(&swept).is_empty().then_some(())).await;
    convey.drained().await;
    let profile = convey.command(&["component", "inspect", "highlevel"]).await.json()["profile"].clone();
    assert_eq!(described.unasked(&profile["operations"]), [] as [String; 0]);
    assert_eq!(described.refused(), [] as [String; 0]);
    assert!(convey.stop().await.success());
}

/// Every query and every command of the contract, by the commands a person has for them.
async fn by_hand(convey: &Convey) {
    let ask = async |words: &[&str]| -> Value { convey.command(&[&["crm"], words].concat()).await.json() };
    let contact = ask(&["contact", "get", "c1"]).await;
    assert_eq!(contact["location"], LOCATION, "{contact}");
    ask(&["contact", "list", "--limit", "150"]).await;
    ask(&["contact", "list", "--text", "deo", "--updated-since", "7d"]).await;
    ask(&["contact", "list", "--legacy-list", "--limit", "150"]).await;
    ask(&["contact", "list", "--business", "b1"]).await;
    for list in ["task", "note", "appointment", "tag"] {
        ask(&[list, "list", "c1"]).await;
    }
    ask(&["task", "get", "c1", "t1"]).await;
    ask(&["note", "get", "c1", "n1"]).await;
    let catalogue = ask(&["catalogue"]).await;
    assert_eq!(catalogue["missing"], json!([]), "{catalogue}");

    let changed = async |words: &[&str]| {
        let done = ask(words).await;
        assert_eq!(done["changed"], true, "{words:?}: {done}");
    };
    let person = ["--email", "zoe@example.com", "--phone", "+16505551212", "--first-name", "Zoe", "--last-name", "Lee"];
    let place = ["--city", "Vienna", "--state", "W", "--postal-code", "1010", "--country", "AT", "--source", "test"];
    for verb in ["create", "upsert"] {
        changed(&[&["contact", verb], &person[..], &place[..]].concat()).await;
    }
    let field = ["--field", "pincode=1234"];
    changed(&[&["contact", "update", "c1"], &person[..], &place[..], &field[..]].concat()).await;
    changed(&["tag", "add", "c1", "vip"]).await;
    changed(&["tag", "remove", "c1", contact["tags"][0].as_str().unwrap()]).await;
    let due = "2027-01-31T10:00:00Z";
    changed(&["task", "create", "c1", "--title", "Call", "--due", due, "--body", "soon", "--assignee", "u1"]).await;
    changed(&["task", "update", "c1", "t1", "--title", "Write", "--due", due, "--status", "open"]).await;
    changed(&["task", "complete", "c1", "t1", "--undo"]).await;
    changed(&["task", "delete", "c1", "t1", "--yes"]).await;
    changed(&["note", "create", "c1", "--body", "Quote"]).await;
    changed(&["note", "update", "c1", "n1", "--body", "Order"]).await;
    changed(&["note", "delete", "c1", "n1", "--yes"]).await;
    changed(&["contact", "delete", "c1", "--yes"]).await;
}
