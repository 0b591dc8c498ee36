//! A rule that asks for more than usual.

use super::*;

const HOUR: u64 = 60 * 60 * 1_000;

/// Translates one change into `count` events at `now`; whether a rule was held up.
async fn tell(bench: &Bench, row: i64, id: &str, count: usize, now: u64) -> Vec<Braked> {
    let brake = Brake { times: 2, floor: 3 };
    let events = (0..count).map(|at| NewEvent { brake, ..event(&format!("{id}-{at}"), 9 * HOUR) }).collect();
    let items = vec![TranslatedChange { row, made: Made::only(Translated::Events(events)) }];
    bench.store.settle_translated(TranslationSettlement { generation: 1, now, items }).await.unwrap()
}

/// How many events of the change wait, and how many are dead for the brake.
async fn stand(bench: &Bench, id: &str) -> (i64, i64) {
    let like = format!("{id}-%");
    let counted = bench.store.read(move |rows| {
        let count = |state: &str| {
            rows.db.query_row(
                "SELECT count(*) FROM outbox WHERE event_id LIKE ?1 AND state = ?2 AND coalesce(reason, 'brake') = 'brake'",
                [&like, state],
                |row| row.get::<_, i64>(0),
            )
        };
        Ok((count("waiting")?, count("dead")?))
    });
    counted.await.unwrap()
}

#[tokio::test]
async fn the_usual_number_leaves_and_the_rest_is_parked() {
    let bench = bench().await;
    let rows = bench.told(&["a", "b", "c", "d", "e"]).await;
    let held = Braked { destination: "ads".into(), rule: "lead".into(), most: 3 };
    assert_eq!(tell(&bench, rows[0], "a", 5, HOUR).await, [held], "nothing is known of the rule: the floor holds");
    assert_eq!(stand(&bench, "a").await, (3, 2));
    assert_eq!(tell(&bench, rows[1], "b", 2, HOUR + 1).await, [], "it is said once an hour");
    assert_eq!(stand(&bench, "b").await, (0, 2));

    // The usual hour is now 3: twice of it may leave.
    assert_eq!(tell(&bench, rows[2], "c", 6, 2 * HOUR).await, []);
    assert_eq!(stand(&bench, "c").await, (6, 0));
    // What was parked was not told: (3 + 6) / 2 hours is the usual hour.
    assert_eq!(tell(&bench, rows[3], "d", 10, 3 * HOUR).await.len(), 1);
    assert_eq!(stand(&bench, "d").await, (9, 1));
    // After more than a week nothing is usual.
    assert_eq!(tell(&bench, rows[4], "e", 4, 300 * HOUR).await.len(), 1);
    assert_eq!(stand(&bench, "e").await, (3, 1));
}

#[tokio::test]
async fn an_event_that_is_known_already_counts_for_nothing() {
    let bench = bench().await;
    let rows = bench.told(&["fact", "twin"]).await;
    assert_eq!(tell(&bench, rows[0], "a", 3, HOUR).await, []);
    let brake = Brake { times: 2, floor: 4 };
    let events = ["a-0", "a-1", "a-2", "new"].map(|id| NewEvent { brake, ..event(id, 9 * HOUR) }).to_vec();
    let items = vec![TranslatedChange { row: rows[1], made: Made::only(Translated::Events(events)) }];
    let settlement = TranslationSettlement { generation: 1, now: HOUR, items };
    assert_eq!(bench.store.settle_translated(settlement).await.unwrap(), []);
    assert_eq!(bench.store.claim_events("ads", HOUR, 9, "sink").await.unwrap().unwrap().events.len(), 4);
}
