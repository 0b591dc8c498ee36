//! From changes to the platform.

use std::collections::HashMap;

use super::*;

#[tokio::test]
async fn an_event_id_is_told_to_a_destination_once() {
    let bench = bench().await;
    let rows = bench.told(&["one", "two"]).await;
    let elsewhere = NewEvent { destination: "lists".into(), ..event("e", 100) };
    let both = Translated::Events(vec![event("e", 100), elsewhere]);
    bench.store.settle_translated(translation(rows[0], both)).await.unwrap();
    bench.store.settle_translated(translation(rows[0], Translated::Events(vec![event("f", 100)]))).await.unwrap();
    bench.store.settle_translated(translation(rows[1], Translated::Events(vec![event("e", 9)]))).await.unwrap();
    let waiting = bench.store.destinations_waiting(30).await.unwrap();
    assert_eq!(waiting.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>(), ["ads", "lists"]);
    assert_eq!(bench.store.status(30).await.unwrap().changes.skipped["repeated"], 1);
}

#[tokio::test]
async fn skips_retries_and_dead_changes_keep_their_reasons() {
    let bench = bench().await;
    let rows = bench.told(&["a", "b", "c"]).await;
    let skip = Translated::Skip { code: "no_rule".into(), rule: Some("r".into()), reason: "no rule for it".into() };
    bench.store.settle_translated(translation(rows[0], skip)).await.unwrap();
    bench
        .store
        .settle_translated(translation(rows[1], Translated::Retry { at: 70, reason: "fault".into() }))
        .await
        .unwrap();
    bench.store.settle_translated(translation(rows[2], Translated::Dead { reason: "trap".into() })).await.unwrap();
    assert!(bench.store.changes_waiting(69).await.unwrap().is_empty());
    let again = bench.store.claim_changes("shop", 70, 10).await.unwrap();
    assert_eq!((again[0].id.as_str(), again[0].tries), ("b", 1));
    let changes = bench.store.status(70).await.unwrap().changes;
    assert_eq!((changes.waiting, changes.dead, changes.skipped["no_rule"]), (1, 1, 1));
    let recent = bench.store.recent_changes(2).await.unwrap();
    assert_eq!(recent.iter().map(|change| change.bytes.as_slice()).collect::<Vec<_>>(), [b"c", b"b"]);
}

#[tokio::test]
async fn the_nearest_deadline_goes_first_and_a_claim_is_exclusive() {
    let bench = bench().await;
    bench.translated(&[("late", 300), ("soon", 100), ("next", 200)]).await;
    let claim = bench.store.claim_events("ads", 30, 2, "sink").await.unwrap().unwrap();
    assert_eq!(claim.events.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>(), ["soon", "next"]);
    assert_eq!((claim.events[0].bytes.as_slice(), claim.events[0].tries), (b"soon".as_slice(), 0));
    let rest = bench.store.claim_events("ads", 30, 2, "sink").await.unwrap().unwrap();
    assert_eq!(rest.events[0].event_id, "late");
    assert!(bench.store.claim_events("ads", 30, 2, "sink").await.unwrap().is_none());
    assert_eq!(bench.store.status(30).await.unwrap().destinations["ads"].in_flight, 3);
}

#[tokio::test]
async fn verdicts_decide_what_becomes_of_events() {
    let bench = bench().await;
    bench.translated(&[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("f", 6)]).await;
    let claim = bench.store.claim_events("ads", 30, 10, "sink").await.unwrap().unwrap();
    let row = |at: usize| claim.events[at].row;
    let settlement = shipped(
        claim.attempt,
        vec![
            (row(0), Verdict::Done { trace: Some("T1".into()) }),
            (row(1), Verdict::Retry { at: 60, reason: "busy".into() }),
            (row(2), Verdict::Dead { reason: "bad value".into(), expired: false }),
            (row(3), Verdict::Dead { reason: "too late".into(), expired: true }),
            (row(4), Verdict::Ambiguous { resend_at: Some(80) }),
        ],
    );
    bench.store.settle_shipped(settlement.clone()).await.unwrap();
    bench.store.settle_shipped(settlement).await.unwrap();
    let ads = bench.store.status(50).await.unwrap().destinations["ads"].clone();
    // The sixth event had no verdict: held, never forgotten in flight.
    assert_eq!((ads.done, ads.retrying, ads.dead, ads.expired, ads.in_flight, ads.ambiguous), (1, 2, 2, 1, 0, 2));
    assert_eq!(bench.store.ambiguous().await.unwrap()[0].event_ids, ["e", "f"]);
    assert!(bench.store.claim_events("ads", 59, 10, "sink").await.unwrap().is_none());
    let again = bench.store.claim_events("ads", 60, 10, "sink").await.unwrap().unwrap();
    assert_eq!((again.events[0].event_id.as_str(), again.events[0].tries), ("b", 1));

    let account = bench.store.account(None).await.unwrap();
    let events = &account[0].changes[0].events;
    assert_eq!((events[0].trace.as_deref(), events[0].done_at, events[0].generation), (Some("T1"), Some(40), 1));
    assert_eq!((events[5].reason.as_deref(), events[5].ambiguous), (Some("ambiguous"), true));
}

#[tokio::test]
async fn a_pause_holds_every_claim_until_it_is_resumed() {
    let bench = bench().await;
    bench.translated(&[("a", 1)]).await;
    let pause = |scope| Pause { scope, reason: "too many".into(), at: 1, by: "ops".into(), heals: false };
    for scope in [PauseScope::All, PauseScope::Destination("ads".into())] {
        bench.store.pause(pause(scope.clone())).await.unwrap();
        assert!(bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().is_none());
        assert_eq!(bench.store.pauses().await.unwrap(), [pause(scope.clone())]);
        assert!(bench.store.resume(scope.clone()).await.unwrap());
        assert!(!bench.store.resume(scope).await.unwrap());
    }
    bench.store.pause(pause(PauseScope::Destination("lists".into()))).await.unwrap();
    bench.store.pause(pause(PauseScope::Connection("ads".into()))).await.unwrap();
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();

    let stop = ShipSettlement { pause: Some(pause(PauseScope::All)), ..shipped(claim.attempt, Vec::new()) };
    bench.store.settle_shipped(stop).await.unwrap();
    let bench = bench.reopened().await;
    assert_eq!(bench.store.pauses().await.unwrap().len(), 3, "pauses are durable");
}

#[tokio::test]
async fn attempts_without_an_answer_are_ambiguous_after_a_crash() {
    let bench = bench().await;
    let row = bench.told(&["fact"]).await[0];
    let lists = |id| NewEvent { destination: "lists".into(), ..event(id, 9) };
    let events = vec![event("a", 1), event("b", 2), lists("c")];
    bench.store.settle_translated(translation(row, Translated::Events(events))).await.unwrap();
    let answered = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    bench
        .store
        .settle_shipped(shipped(answered.attempt, vec![(answered.events[0].row, Verdict::Done { trace: None })]))
        .await
        .unwrap();
    let open = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    bench.store.claim_events("lists", 30, 1, "sink").await.unwrap().unwrap();

    let bench = bench.reopened().await;
    let policy = HashMap::from([("lists".to_owned(), Ambiguity::Hold)]);
    assert_eq!(bench.store.recover(90, &policy).await.unwrap(), 2);
    assert_eq!(bench.store.recover(91, &policy).await.unwrap(), 0);
    let ambiguous = bench.store.ambiguous().await.unwrap();
    assert_eq!(ambiguous.iter().map(|attempt| attempt.event_ids.concat()).collect::<String>(), "bc");
    let again = bench.store.claim_events("ads", 90, 9, "sink").await.unwrap().unwrap();
    assert_eq!((again.events[0].event_id.as_str(), again.events.len(), again.events[0].tries), ("b", 1, 1));
    assert!(bench.store.claim_events("lists", 90, 9, "sink").await.unwrap().is_none());

    // An answer that comes after all, for an attempt that is closed already, changes nothing.
    let late = vec![(open.events[0].row, Verdict::Dead { reason: "late".into(), expired: false })];
    bench.store.settle_shipped(shipped(open.attempt, late)).await.unwrap();
    let ads = bench.store.status(90).await.unwrap().destinations["ads"].clone();
    assert_eq!((ads.in_flight, ads.dead), (1, 0));
}
