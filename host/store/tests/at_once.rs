//! Changes that were translated as soon as they were read are settled with their deliveries.

use super::*;

/// A settlement of one delivery that told these changes, each with what was made of it.
fn read_at_once(delivery: &str, made: Vec<(&str, &str, Made)>) -> ReadSettlement {
    let mut settlement = read(delivery, "ann", None, &[]);
    let changes = made.into_iter().map(|(id, kind, made)| NewChange {
        id: id.into(),
        kind: kind.into(),
        occurred_at: 5,
        bytes: id.as_bytes().to_vec(),
        made: Some(made),
    });
    settlement.groups[0].deliveries[0].answer = Told::Changes(changes.collect());
    settlement.generation = Some(1);
    settlement
}

fn says(id: &str) -> Made {
    Made::only(Translated::Events(vec![event(id, 900)]))
}

/// The state of each change, by its id.
async fn states(bench: &Bench) -> Vec<(String, String, Option<String>)> {
    let states = bench.store.read(|rows| {
        let mut query = rows.db.prepare("SELECT id, state, code FROM change ORDER BY row")?;
        Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<Vec<_>, _>>()?)
    });
    states.await.unwrap()
}

fn state(id: &str, state: &str, code: Option<&str>) -> (String, String, Option<String>) {
    (id.into(), state.into(), code.map(str::to_owned))
}

#[tokio::test]
async fn what_was_made_is_stored_with_what_was_read() {
    let bench = bench().await;
    let delivery = bench.put(1).await;
    let skip = Translated::Skip { code: "no-rule".into(), rule: None, reason: "none".into() };
    let made = vec![("a", "tag", says("e")), ("b", "tag", Made::only(skip)), ("twin", "tag", says("e"))];
    let settled = bench.store.settle_read(read_at_once(&delivery, made)).await.unwrap();
    assert_eq!((settled.taken, settled.waits), (vec![true], false));
    assert_eq!(settled.translated, ["a", "b", "twin"].map(str::to_owned).into());
    let told =
        [state("a", "done", None), state("b", "skipped", Some("no-rule")), state("twin", "skipped", Some("repeated"))];
    assert_eq!(states(&bench).await, told, "what another change told already is told once");
    assert!(bench.store.claim_changes("shop", 99, 9).await.unwrap().is_empty());
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    assert_eq!(claim.events.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>(), ["e"]);
    assert_eq!(claim.events[0].delivery.as_ref().map(|(id, _)| id), Some(&delivery));
}

#[tokio::test]
async fn what_a_recalled_generation_made_waits_to_be_made_again() {
    let bench = bench().await;
    let generation = NewGeneration {
        mapper: "default".into(),
        mapper_digest: "m".into(),
        settings: String::new(),
        settings_hash: "s".into(),
        origin: "config".into(),
        who: "ops".into(),
        note: None,
        cases: 0,
        diff: None,
        started_at: 3,
        connection: None,
        base: None,
    };
    assert_eq!(bench.store.commit_generation(generation, Vec::new()).await.unwrap().0, 1);
    bench.store.recall(vec![1], 4).await.unwrap();
    let delivery = bench.put(1).await;
    let settled = bench.store.settle_read(read_at_once(&delivery, vec![("a", "tag", says("e"))])).await.unwrap();
    assert!(settled.waits && settled.translated.is_empty());
    assert_eq!(states(&bench).await, [state("a", "waiting", None)]);
    assert!(bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().is_none());
}

#[tokio::test]
async fn a_contact_that_is_gone_is_forgotten_by_the_step_that_translates() {
    let bench = bench().await;
    let delivery = bench.put(1).await;
    let made = vec![("a", "tag", says("e")), ("gone", "contact-deleted", says("bye"))];
    let settled = bench.store.settle_read(read_at_once(&delivery, made)).await.unwrap();
    assert_eq!((settled.waits, settled.translated.len()), (true, 1));
    assert_eq!(states(&bench).await, [state("a", "done", None), state("gone", "waiting", None)]);
}

#[tokio::test]
async fn nothing_is_taken_of_a_contact_whose_memory_moved_on_nor_twice_of_a_known_change() {
    let bench = bench().await;
    let (first, second) = (bench.put(1).await, bench.put(2).await);
    let moved = ReadGroup { expected: Some(7), ..read_at_once(&first, vec![("a", "tag", says("e"))]).groups.remove(0) };
    let settlement = ReadSettlement { groups: vec![moved], ..read_at_once(&first, Vec::new()) };
    let settled = bench.store.settle_read(settlement).await.unwrap();
    assert_eq!((settled.taken, settled.translated.len()), (vec![false], 0));
    assert!(states(&bench).await.is_empty());

    for (delivery, translated) in [(&first, 1), (&second, 0)] {
        let settled = bench.store.settle_read(read_at_once(delivery, vec![("a", "tag", says("e"))])).await.unwrap();
        assert_eq!((settled.translated.len(), settled.waits), (translated, false));
    }
    assert_eq!(states(&bench).await, [state("a", "done", None)]);
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    assert_eq!(claim.events.len(), 1);
}

#[tokio::test]
async fn the_brake_holds_what_is_translated_at_once() {
    let bench = bench().await;
    let delivery = bench.put(1).await;
    let brake = Brake { times: 2, floor: 1 };
    let events = ["one", "two"].map(|id| NewEvent { brake, ..event(id, 900) }).to_vec();
    let made = vec![("a", "tag", Made::only(Translated::Events(events)))];
    let settled = bench.store.settle_read(read_at_once(&delivery, made)).await.unwrap();
    assert_eq!(settled.braked, [Braked { destination: "ads".into(), rule: "lead".into(), most: 1 }]);
    assert_eq!(bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap().events.len(), 1);
}
