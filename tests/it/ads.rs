//! The ad platform's bad days, switched through the control door while convey runs: what one dataset does is no other one's trouble, and a bad
//! event loses only itself.

use convey::sandbox::{Fault, Play, Sandbox};
use http::Method;
use serde_json::{Value, json};

use crate::rig::{Convey, accepted_ids, asked, eventually, sandbox, second_connection};
use crate::vendor::Vendor;
use crate::wire::letters;

/// Switches the fault of one dataset.
async fn meets(sandbox: &Sandbox, dataset: &str, fault: &Value) {
    Vendor::of(sandbox).control(Method::PUT, &format!("/faults/{dataset}"), fault).await;
}

/// A share of all events is bad in a way that only the platform sees, and it never says which: the others arrive all the same, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_only_the_platform_knows_to_be_bad_lose_only_themselves() {
    let sandbox = sandbox(1, 1).await;
    let dataset = sandbox.summary().dataset;
    let fault = Fault { reject_share: 0.1, ..Fault::default() };
    meets(&sandbox, &dataset, &json!({ "reject_share": fault.reject_share })).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in letters(&sandbox, Play { changes: 60, ..Play::default() }).await {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    assert!(convey.stop().await.success());

    let book = convey.book().await;
    let changes = book.accounts.iter().flat_map(|account| &account.changes);
    let (mut bad, mut good) = (0, 0);
    for event in changes.flat_map(|change| &change.events) {
        let rejected = fault.rejects(&event.event_id);
        assert_eq!(event.state, if rejected { "dead" } else { "done" }, "{event:?}");
        if rejected { bad += 1 } else { good += 1 }
    }
    assert!(bad > 0, "this seed has bad events");
    let told = accepted_ids(&sandbox, &dataset);
    assert!(told.len() == good && sandbox.repeated().is_empty(), "{} of {good}", told.len());
}

/// One dataset never answers: the other one's events flow, and once it answers again nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_that_never_answers_holds_no_other_one() {
    let sandbox = sandbox(2, 2).await;
    let summary = sandbox.summary();
    let [silent, talking] = [&summary.datasets[0], &summary.datasets[1]];
    meets(&sandbox, silent, &json!({ "hold": true })).await;
    let mut convey = Convey::new(&summary).configure(|config| {
        let second = second_connection(&summary.locations[1]).replace("\"ads\"", "\"other\"");
        let other =
            format!("[destination.other]\nsink = \"meta\"\nid = \"{talking}\"\ntoken = {{ file = \"ads.token\" }}\n");
        config.push_str(&format!("{second}{other}"));
    });
    convey.start().await;
    let letters = letters(&sandbox, Play { changes: 40, ..Play::default() }).await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("the one that talks has all of its events", async || {
        let status = convey.status().await?["status"].clone();
        let waits: u64 = ["waiting", "retrying", "in_flight"]
            .iter()
            .filter_map(|key| status["destinations"]["other"][*key].as_u64())
            .sum();
        let unread = status["changes"]["waiting"].as_u64()?;
        let read = status["connections"]["second"]["waiting"].as_u64()? == 0;
        (read && unread + waits == 0 && !accepted_ids(&sandbox, talking).is_empty()).then_some(())
    })
    .await;
    assert!(accepted_ids(&sandbox, silent).is_empty());
    assert!(asked(&sandbox, "ads", "POST /{version}/{object}/events").await > 0);

    sandbox.set_fault_of(silent, None);
    eventually("the silent one has events", async || (!accepted_ids(&sandbox, silent).is_empty()).then_some(())).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    let told: Vec<String> = [silent, talking].iter().flat_map(|dataset| accepted_ids(&sandbox, dataset)).collect();
    book.assert_exact(&book.event_ids(), &told);
}
