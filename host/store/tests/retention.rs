//! What leaves, what stays, and the rows that are kept for the operator.

use super::*;

const RETENTION: Retention = Retention { webhook_ids_ms: 5_000, held_ms: 2_000, done_ms: 100 };

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
    };
    let first = bench.store.commit_generation(new("config")).await.unwrap();
    let second = bench.store.commit_generation(new("swap")).await.unwrap();
    assert!(second > first);
    assert_eq!(bench.store.generations(1).await.unwrap(), [Generation { id: second, written: new("swap") }]);
    assert_eq!(bench.store.status(1).await.unwrap().generation, Some(second));

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
