//! What tests of limits, polls and gaps set up alike, and what they read from a convey's book.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use convey::clock::Clock;
use convey::sandbox::{Sandbox, Summary};
use convey::store::Store;
use convey::vault::Vault;
use serde_json::Value;

use crate::rig::{Book, Convey, ROOM, eventually};
use crate::wire;

/// Rules that tell of every change, so that one that should not be there shows.
pub const EVERYTHING: &str = "respect_do_not_disturb = false
[events]
contact-created = \"Created\"
contact-updated = \"Updated\"
contact-deleted = \"Deleted\"
consent-changed = \"Consent\"
tag-added = \"Tagged\"
tag-removed = \"Untagged\"
task-created = \"Task\"
task-completed = \"TaskDone\"
note-created = \"Note\"
appointment-changed = \"Appointment\"
opportunity-open = \"Open\"
opportunity-won = \"Won\"
";

/// A convey that tells of every change to this dataset. `terms` are lines of its connection, the allowance among them.
pub fn telling(summary: &Summary, dataset: &str, terms: &str) -> Convey {
    let convey = Convey::to(summary, dataset).configure(|text| {
        *text = text
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"everything.toml\"\n")
            .replace(ROOM, terms);
    });
    convey.file("everything.toml", EVERYTHING);
    convey
}

/// Has the first connection looked through now and waits until all that was found is told. `everything`: contact by contact, not only
/// what changed.
pub async fn look(convey: &Convey, everything: bool) {
    let (sweep, arguments) = match everything {
        true => ("everything", &["sync", "acme"][..]),
        false => ("updates", &["sync", "acme", "--updates"][..]),
    };
    let before = finished(convey, sweep).await;
    convey.command(arguments).await.json();
    eventually("the sweep has ended", async || (finished(convey, sweep).await > before).then_some(())).await;
    convey.drained().await;
}

/// When a sweep of the first connection last came to its end, and is not under way again, in milliseconds since the epoch.
pub async fn finished(convey: &Convey, sweep: &str) -> Option<u64> {
    let status = convey.status().await?;
    let polls = status["status"]["connections"]["acme"]["polls"].as_array().cloned().unwrap_or_default();
    let poll = polls.iter().find(|poll| poll["sweep"] == sweep)?;
    poll["finished_at"].as_u64().filter(|_| poll["more"] == false)
}

/// Each contact with the names of the events that were told of it.
pub fn told(book: &Book) -> BTreeSet<(String, String)> {
    let contacts: BTreeMap<&str, &str> =
        book.changes.iter().map(|change| (change.id.as_str(), change.contact.id.as_str())).collect();
    let changes = book.accounts.iter().flat_map(|account| &account.changes);
    let events = changes.flat_map(|change| change.events.iter().map(move |event| (change, event)));
    let done = events.filter(|(_, event)| event.state == "done");
    done.map(|(change, event)| (contacts[change.id.as_str()].to_owned(), event.name.clone())).collect()
}

/// How many facts no webhook told, by kind. It must have ended.
pub async fn missed(convey: &Convey) -> BTreeMap<String, u64> {
    let vault = Arc::new(Vault::open(&convey.state(), None).unwrap().0);
    let store = Store::open(convey.state(), vault).await.unwrap();
    let gaps = store.gaps(None, Clock::system().now_ms(), 0).await.unwrap();
    gaps.into_iter().filter(|gap| gap.webhooks_missed > 0).map(|gap| (gap.kind, gap.webhooks_missed)).collect()
}

/// How often the CRM was asked in all, and how often to write something.
pub async fn requests(sandbox: &Sandbox) -> (u64, u64) {
    let book = wire::get(&format!("{}/requests", sandbox.summary().control), &[]).await.unwrap().json();
    let counts = book["counts"]["crm"].as_object().cloned().unwrap_or_default();
    let reads = |operation: &str| operation.starts_with("GET ") || operation.ends_with("/search");
    let sum = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        counts.iter().filter(|(name, _)| wanted(name)).filter_map(|(_, count)| count.as_u64()).sum()
    };
    (sum(&|_| true), sum(&|name| !reads(name)))
}

/// Has the sandbox sign and send one webhook that a test wrote, to this convey.
pub async fn simulate(sandbox: &Sandbox, convey: &Convey, kind: &str, contact: Value) -> String {
    let asked = serde_json::json!({ "type": kind, "contact": contact, "target": convey.hook() });
    let url = format!("{}/simulate", sandbox.summary().control);
    let headers = [("content-type", "application/json")];
    let answer = wire::deliver(&url, &headers, Bytes::from(asked.to_string())).await.unwrap();
    let said = answer.json();
    assert_eq!((answer.status, said["status"].as_u64()), (200, Some(200)), "{said}");
    said["webhookId"].as_str().unwrap().to_owned()
}

/// Moves the sandbox's clock a moment on. Twins are stamped up to 40 ms apart: nobody edits one deal twice within that.
pub async fn a_moment_later(sandbox: &Sandbox) {
    let url = format!("{}/clock", sandbox.summary().control);
    let answer = wire::deliver(&url, &[], Bytes::from_static(br#"{"advance_ms":100}"#)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Every contact of the first location as the CRM's search shows them.
pub async fn everybody(sandbox: &Sandbox) -> Vec<Value> {
    let summary = sandbox.summary();
    let bearer = format!("Bearer {}", summary.crm_token);
    let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28"), ("content-type", "application/json")];
    let mut all: Vec<Value> = Vec::new();
    loop {
        let mut asked = serde_json::json!({ "locationId": summary.location, "pageLimit": 500 });
        if let Some(last) = all.last() {
            asked["searchAfter"] = last["searchAfter"].clone();
        }
        let url = format!("{}/contacts/search", summary.crm);
        let answer = wire::deliver(&url, &headers, Bytes::from(asked.to_string())).await.unwrap().json();
        let page = answer["contacts"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        let last = page.len() < 500;
        all.extend(page);
        if last {
            return all;
        }
    }
}
