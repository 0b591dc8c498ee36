//! What leaves, what stays, and the rows that are kept for the operator.

use super::*;

pub(super) const RETENTION: Retention = Retention {
    webhook_ids_ms: 5_000,
    held_ms: 2_000,
    done_ms: 100,
    dead_ms: 1_000_000,
    audit_ms: 100,
    command_ms: 100,
    max_bytes: u64::MAX,
};

#[tokio::test]
async fn what_is_done_with_leaves_whole_and_ids_stay() {
    let bench = bench().await;
    bench.translated(&[("a", 1), ("b", 2)]).await;
    bench.store.put(Incoming { connection: None, ..incoming(1) }).await.unwrap();
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    let dead = Verdict::Dead { reason: "bad".into(), expired: false };
    let items = vec![(claim.events[0].row, Verdict::Done { trace: None }), (claim.events[1].row, dead)];
    bench.store.settle_shipped(shipped(claim.attempt, items)).await.unwrap();

    assert_eq!(bench.store.sweep(100, RETENTION).await.unwrap(), Swept::default());
    // The dead event keeps its change and its delivery; only the one that is done leaves.
    let swept = bench.store.sweep(1_500, RETENTION).await.unwrap();
    assert_eq!(swept, Swept { events: 1, ..Swept::default() });
    bench.store.write("test", 0, |rows| Ok(rows.db.execute("UPDATE outbox SET state = 'done'", [])?)).await.unwrap();
    let swept = bench.store.sweep(2_500, RETENTION).await.unwrap();
    assert_eq!(swept, Swept { events: 1, changes: 1, deliveries: 1, held: 1, ..Swept::default() });
    let left = bench.store.read(|rows| {
        Ok(rows.db.query_row(
            "SELECT (SELECT count(*) FROM told) + (SELECT count(*) FROM attempt)
        + (SELECT count(*) FROM attempt_item)",
            [],
            |row| row.get::<_, i64>(0),
        )?)
    });
    assert_eq!(left.await.unwrap(), 0);

    assert_eq!(bench.store.put(incoming(1_000)).await.unwrap(), Put::Known);
    assert_eq!(bench.store.sweep(6_500, RETENTION).await.unwrap().webhook_ids, 2);
    // The webhook id is free again, the event's id never is.
    let row = bench.told(&["fact"]).await[0];
    bench.store.settle_translated(translation(row, Translated::Events(vec![event("a", 1)]))).await.unwrap();
    assert!(bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().is_none());
}

#[tokio::test]
async fn a_long_sweep_is_many_small_transactions() {
    let bench = bench().await;
    let mut settlement = read("", "ann", None, &[]);
    settlement.groups[0].deliveries.clear();
    let puts: Vec<_> = (0..1_200)
        .map(|number| {
            let store = bench.store.clone();
            tokio::spawn(async move { store.put(incoming(number)).await.unwrap() })
        })
        .collect();
    for put in puts {
        let Put::Stored { delivery: id } = put.await.unwrap() else { panic!("known") };
        let silent = ReadDelivery { id, kind: String::new(), answer: Told::Silent("nothing".into()) };
        settlement.groups[0].deliveries.push(silent);
    }
    bench.store.settle_read(settlement).await.unwrap();
    let before = bench.store.commits();
    assert_eq!(bench.store.sweep(9_999, RETENTION).await.unwrap().deliveries, 1_200);
    assert!(bench.store.commits() - before >= 3);
}

#[tokio::test]
async fn generations_components_and_grants_are_kept() {
    let bench = bench().await;
    let new = |origin: &str| NewGeneration {
        mapper: "default".to_owned(),
        mapper_digest: "m".into(),
        settings: "currency = 'EUR'".into(),
        settings_hash: "s".into(),
        origin: origin.into(),
        who: "ops".into(),
        note: None,
        cases: 4,
        diff: Some("{}".into()),
        started_at: 3,
        connection: None,
        base: None,
    };
    let first = bench.store.commit_generation(new("config"), Vec::new()).await.unwrap().0;
    let second = bench.store.commit_generation(new("swap"), Vec::new()).await.unwrap().0;
    assert!(second > first);
    assert_eq!(
        bench.store.generations(1).await.unwrap(),
        [Generation { id: second, written: new("swap"), recalled_at: None }]
    );
    assert_eq!(bench.store.status(1).await.unwrap().generation, Some(second));
    // However much overlays make of what is live, what was live before is not far behind.
    let overlaid = vec![new("overlay"), new("overlay"), new("overlay")];
    let (third, laid) = bench.store.commit_generation(new("swap"), overlaid).await.unwrap();
    assert_eq!((laid.len(), bench.store.generations(10).await.unwrap().len()), (3, 6));
    let of = bench.store.generations_of("default", 2).await.unwrap();
    assert_eq!(of.iter().map(|generation| generation.id).collect::<Vec<_>>(), [third, second]);
    assert!(bench.store.generations_of("another", 2).await.unwrap().is_empty());

    bench.store.put_component("d1", "rules", vec![0, 97]).await.unwrap();
    bench.store.put_component("d1", "rules", vec![0, 97]).await.unwrap();
    assert_eq!(bench.store.component("d1").await.unwrap(), Some(vec![0, 97]));
    assert_eq!(bench.store.component("d2").await.unwrap(), None);

    let granted = |profile: &str| Granted { profile: profile.into(), digest: "d1".into(), at: 1, by: "ops".into() };
    assert_eq!(bench.store.granted("meta").await.unwrap(), None);
    bench.store.grant("meta", granted("a")).await.unwrap();
    bench.store.grant("meta", granted("b")).await.unwrap();
    assert_eq!(bench.store.granted("meta").await.unwrap(), Some(granted("b")));
}

#[tokio::test]
async fn what_is_dead_leaves_late_and_its_ids_stay_told() {
    let bench = bench().await;
    bench.translated(&[("a", 1), ("b", 2)]).await;
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    let dead = |expired| Verdict::Dead { reason: "bad".into(), expired };
    let items = vec![(claim.events[0].row, dead(false)), (claim.events[1].row, dead(true))];
    bench.store.settle_shipped(shipped(claim.attempt, items)).await.unwrap();
    let unread = bench.put(7).await;
    let mut settlement = read(&unread, "ann", None, &[]);
    settlement.groups[0].deliveries[0].answer = Told::Dead { reason: "no contact".into() };
    bench.store.settle_read(settlement).await.unwrap();

    let retention = Retention { dead_ms: 1_000, ..RETENTION };
    assert_eq!(bench.store.sweep(1_000, retention).await.unwrap().dead, 0);
    let swept = bench.store.sweep(1_500, retention).await.unwrap();
    assert_eq!(
        (swept.dead, swept.changes),
        (3, 0),
        "two events and a delivery; their change is done with, and leaves next"
    );
    assert_eq!(bench.store.sweep(1_600, retention).await.unwrap().changes, 1);
    let later = bench.put(77).await;
    assert_eq!(bench.store.settle_read(read(&later, "ann", None, &["again"])).await.unwrap().taken, [true]);
    let row = bench.store.claim_changes("shop", 10, 9).await.unwrap()[0].row;
    bench.store.settle_translated(translation(row, Translated::Events(vec![event("a", 900)]))).await.unwrap();
    assert!(bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_is_too_large_gives_up_the_oldest_of_what_is_done() {
    let bench = bench().await;
    bench.translated(&[("a", 1), ("b", 2), ("c", 3)]).await;
    let claim = bench.store.claim_events("ads", 30, 2, "sink").await.unwrap().unwrap();
    let items = claim.events.iter().map(|event| (event.row, Verdict::Done { trace: None })).collect();
    bench.store.settle_shipped(shipped(claim.attempt, items)).await.unwrap();
    let used = bench.store.used_bytes().await.unwrap();
    assert_eq!(bench.store.sweep(50, Retention { max_bytes: used, ..RETENTION }).await.unwrap().early, 0);
    let small = Retention { max_bytes: used - 1, ..RETENTION };
    assert_eq!(bench.store.sweep(50, small).await.unwrap().early, 2);
    assert_eq!(bench.store.sweep(50, small).await.unwrap().early, 0, "what waits stays, however large the store is");
    assert_eq!(bench.store.status(50).await.unwrap().destinations["ads"].waiting, 1);
}

#[tokio::test]
async fn audit_gaps_and_what_polls_saw_leave_by_age_and_gaps_are_counted_on() {
    let bench = bench().await;
    let delivery = match bench.store.put(Incoming { origin: Origin::Poll, ..incoming(10) }).await.unwrap() {
        Put::Stored { delivery } => delivery,
        Put::Known => panic!("known"),
    };
    let mut settlement = read(&delivery, "ann", None, &[]);
    settlement.groups[0].gaps = vec![Gap { id: "lost".into(), kind: "contact-created".into() }];
    bench.store.settle_read(settlement).await.unwrap();
    let act = |at| Decision { drop: Some("x".into()), at, by: "ops".into() };
    bench.translated(&[("a", 900)]).await;
    assert_eq!(bench.store.decide(Pick::Named(vec!["a".into()]), act(40)).await.unwrap().changed, 1);

    let missed = async || bench.store.gaps(None, 10_000_000, 0).await.unwrap();
    let before = missed().await;
    assert_eq!(before[0].webhooks_missed, 1);
    let swept = bench.store.sweep(100, RETENTION).await.unwrap();
    assert_eq!((swept.audit, swept.seen), (0, 0));
    let swept = bench.store.sweep(141, RETENTION).await.unwrap();
    // The gap, and the poll's look at a contact of whom no change is left by then.
    assert_eq!((swept.audit, swept.seen), (1, 2));
    assert_eq!(missed().await, before);
    assert!(bench.store.audit(AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_old_or_new_is_found_by_its_time() {
    let bench = bench().await;
    let by_time = [&crate::store::sweep::BY_TIME[..], &crate::store::pace::BY_TIME[..]].concat();
    for (query, plan) in plans(&bench, by_time.into_iter().map(str::to_owned).collect()).await {
        // What a query inside found is read whole.
        let tables = plan.replace("SCAN (subquery", "");
        assert!(!tables.contains("_by_state") && !tables.contains("SCAN "), "{query}\n{plan}");
    }
    // Pages of the past follow one another by row.
    let pages = [crate::store::export::TOLD, crate::store::replay::PAST].map(str::to_owned);
    for (query, plan) in plans(&bench, pages.to_vec()).await {
        assert!(plan.contains("INTEGER PRIMARY KEY (rowid>?)") && !plan.contains("TEMP B-TREE"), "{query}\n{plan}");
    }
}
