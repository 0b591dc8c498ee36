//! The past once more: nothing is told twice, and what was never told may be.

use super::*;

fn window() -> Window {
    Window { since: 0, until: None, connection: None, contact: None }
}

fn retold(change: i64, ids: &[&str]) -> Vec<Retold> {
    let events = ids.iter().map(|id| NewEvent { bytes: format!("new {id}").into_bytes(), ..event(id, 900) }).collect();
    vec![Retold { change, events }]
}

#[tokio::test]
async fn only_what_was_never_told_is_taken_in() {
    let bench = bench().await;
    bench.translated(&[("done", 1), ("dead", 2), ("unsure", 3), ("waits", 900)]).await;
    let claim = bench.store.claim_events("ads", 30, 3, "sink").await.unwrap().unwrap();
    let verdicts = [
        Verdict::Done { trace: None },
        Verdict::Dead { reason: "bad".into(), expired: false },
        Verdict::Ambiguous { resend_at: None },
    ];
    let items = claim.events.iter().map(|event| event.row).zip(verdicts).collect();
    bench.store.settle_shipped(shipped(claim.attempt, items)).await.unwrap();

    let names = ["done", "dead", "unsure", "waits", "new"];
    let asked = names.iter().map(|id| ("ads".to_owned(), (*id).to_owned())).collect();
    let standings = bench.store.standings(asked).await.unwrap();
    use Standing::{MayBeTold, New, Told, Unsent};
    assert_eq!(standings, [Told, Unsent, MayBeTold, Told, New]);

    let change = bench.store.past_changes(window(), 0, 9).await.unwrap()[0].row;
    assert_eq!(bench.store.settle_retold(7, 60, retold(change, &names)).await.unwrap(), 2);
    assert_eq!(bench.store.settle_retold(7, 60, retold(change, &names)).await.unwrap(), 0, "once more changes nothing");
    let claim = bench.store.claim_events("ads", 60, 9, "sink").await.unwrap().unwrap();
    let mut said: Vec<(&str, &[u8])> =
        claim.events.iter().map(|event| (event.event_id.as_str(), event.bytes.as_slice())).collect();
    said.sort_unstable();
    assert_eq!(said, [("dead", b"new dead".as_slice()), ("new", b"new new"), ("waits", b"waits")]);
    let why = bench.store.why("new", None).await.unwrap().unwrap();
    assert_eq!(why.changes[0].events.iter().filter(|event| event.generation == 7).count(), 2);
}

#[tokio::test]
async fn a_window_is_of_a_time_a_connection_and_a_contact() {
    let bench = bench().await;
    let rows = bench.told(&["one", "two"]).await;
    assert!(bench.store.past_changes(window(), 0, 9).await.unwrap().is_empty(), "what waits is translated anyway");
    let skip = || Translated::Skip { code: "no-rule".into(), rule: None, reason: "none".into() };
    for row in &rows {
        bench.store.settle_translated(translation(*row, skip())).await.unwrap();
    }
    let past = async |window| bench.store.past_changes(window, 0, 9).await.unwrap().len();
    assert_eq!(past(window()).await, 2);
    assert_eq!(bench.store.past_changes(window(), rows[0], 9).await.unwrap()[0].row, rows[1]);
    assert_eq!(past(Window { since: 6, ..window() }).await, 0);
    assert_eq!(past(Window { until: Some(5), ..window() }).await, 0);
    assert_eq!(past(Window { connection: Some("elsewhere".into()), ..window() }).await, 0);
    let of = |contact: &str| Window { connection: Some("shop".into()), contact: Some(contact.into()), ..window() };
    assert_eq!((past(of("ann")).await, past(of("bob")).await), (2, 0));
    let wish = Farewell { at: 60, by: "ops".into(), why: "a test".into() };
    bench.store.forget(Some("shop"), "ann", wish).await.unwrap();
    assert_eq!(past(window()).await, 0, "nothing can be said of who was forgotten");
    assert_eq!(bench.store.settle_retold(7, 60, retold(rows[0], &["x"])).await.unwrap(), 0);
}
