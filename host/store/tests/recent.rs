//! What is watched: what came and went last, how much of it, and what must leave soon.

use super::*;

#[tokio::test]
async fn what_happened_stands_in_the_stretch_it_happened_in() {
    let bench = bench().await;
    let delivery = bench.put(3).await;
    bench.put(12).await;
    bench.store.settle_read(read(&delivery, "ann", None, &["fact"])).await.unwrap();
    let row = bench.store.claim_changes("shop", 10, 100).await.unwrap()[0].row;
    let events = vec![event("a", 1_000), event("b", 5_000_000)];
    bench.store.settle_translated(translation(row, Translated::Events(events))).await.unwrap();
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    let rows: Vec<i64> = claim.events.iter().map(|event| event.row).collect();
    let retry = Verdict::Retry { at: 900, reason: "busy".into() };
    bench
        .store
        .settle_shipped(shipped(claim.attempt, vec![(rows[0], Verdict::Done { trace: None }), (rows[1], retry)]))
        .await
        .unwrap();

    let pace = bench.store.pace(0, 10).await.unwrap();
    let done = |count, failed, took_ms| Done { count, failed, took_ms };
    assert_eq!((pace[&0].received, pace[&10].received), (done(1, 0, 0), done(1, 0, 0)));
    assert_eq!(pace[&10].read, done(1, 0, 7), "from its coming at 3 to 10");
    assert_eq!(pace[&20].translated, done(1, 0, 10), "from its reading to 20");
    assert_eq!(pace[&40].shipped, done(1, 1, 20), "one was delivered, one is tried again");
    assert_eq!(pace[&40].whole_ms, [37]);
    assert_eq!(bench.store.pace(40, 10).await.unwrap().keys().collect::<Vec<_>>(), [&40], "only what was asked for");

    let went = bench.store.recent_events(RecentFilter { limit: 9, ..RecentFilter::default() }).await.unwrap();
    let states: Vec<(&str, Option<u64>)> = went.iter().map(|event| (event.state.as_str(), event.took_ms)).collect();
    assert_eq!(states, [("waiting", None), ("done", Some(20))], "the newest first");
    let of = |connection: Option<&str>, state: Option<&str>| RecentFilter {
        connection: connection.map(str::to_owned),
        state: state.map(str::to_owned),
        limit: 9,
    };
    assert_eq!(bench.store.recent_events(of(Some("shop"), Some("done"))).await.unwrap().len(), 1);
    assert!(bench.store.recent_events(of(Some("other"), None)).await.unwrap().is_empty());
    let came = bench.store.recent_deliveries(of(Some("shop"), None)).await.unwrap();
    let seen: Vec<(&str, u64, Option<u64>)> =
        came.iter().map(|delivery| (delivery.state.as_str(), delivery.changes, delivery.read_after_ms)).collect();
    assert_eq!(seen, [("waiting", 0, None), ("done", 1, Some(7))]);
    assert_eq!(bench.store.recent_deliveries(of(None, Some("done"))).await.unwrap().len(), 1);

    let due = bench.store.deadlines(2_000_000).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].waiting, due[0].nearest, due[0].within_hour, due[0].within_day), (1, 5_000_000, 1, 1));
    assert_eq!(bench.store.deadlines(0).await.unwrap()[0].within_hour, 0);
    let heard = bench.store.last_webhooks(vec!["shop".into(), "other".into()]).await.unwrap();
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), [("shop".to_owned(), 12)]);
}

#[tokio::test]
async fn who_waits_for_a_write_hears_of_it() {
    let bench = bench().await;
    let mut commits = bench.store.committed();
    let before = *commits.borrow_and_update();
    bench.put(1).await;
    commits.changed().await.unwrap();
    assert_eq!(*commits.borrow(), before + 1);
}
