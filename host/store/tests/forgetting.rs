//! A contact that was forgotten is in no file any more, and every account still adds up.

use super::*;

fn wish(at: u64) -> Farewell {
    Farewell { at, by: "ops".into(), why: "a test".into() }
}

/// Everything that stands in the store's files, the write-ahead log included.
fn files(bench: &Bench) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(bench.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("convey.db") {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn holds(files: &[u8], bytes: &[u8]) -> bool {
    memchr::memmem::find(files, bytes).is_some()
}

/// The contact's key and everything that it sealed, as they stand in the tables.
async fn sealed(bench: &Bench, contact: &str) -> Vec<Vec<u8>> {
    let contact = contact.to_owned();
    let found = bench.store.read(move |rows| {
        let subject = rows.contact("shop", &contact);
        let mut query = rows.db.prepare(
            "SELECT wrapped FROM contact_key WHERE subject = ?1 UNION ALL SELECT sealed FROM inbox WHERE subject = ?1
             UNION ALL SELECT sealed FROM change WHERE subject = ?1 UNION ALL SELECT sealed FROM outbox WHERE subject = ?1
             UNION ALL SELECT sealed FROM memory WHERE subject = ?1",
        )?;
        Ok(query.query_map([subject], |row| row.get(0))?.collect::<Result<Vec<Vec<u8>>, _>>()?)
    });
    found.await.unwrap()
}

/// Everything that is counted, in all states.
async fn counted(bench: &Bench) -> (u64, u64, u64) {
    let status = bench.store.status(60).await.unwrap();
    let shop = &status.connections["shop"];
    let ads = &status.destinations["ads"];
    (
        shop.waiting + shop.done + shop.dead + shop.dropped + shop.silent.values().sum::<u64>(),
        status.changes.waiting + status.changes.done + status.changes.dead + status.changes.dropped,
        ads.waiting + ads.retrying + ads.in_flight + ads.done + ads.dead + ads.dropped,
    )
}

/// Ann with a sent and a waiting event, a waiting change and a memory; Bob with an event that waits.
async fn two_people() -> Bench {
    let bench = bench().await;
    for (number, contact, change) in [(1, "ann", "a1"), (2, "bob", "b1"), (3, "ann", "a2")] {
        let delivery = bench.put(number).await;
        let mut settlement = read(&delivery, contact, (number == 3).then_some(1), &[change]);
        settlement.groups[0].memory = Some(format!("memory of {contact} {number}").into_bytes());
        assert_eq!(bench.store.settle_read(settlement).await.unwrap().taken, [true]);
    }
    let claimed = bench.store.claim_changes("shop", 10, 9).await.unwrap();
    let row = |id: &str| claimed.iter().find(|change| change.id == id).unwrap().row;
    let of_ann = Translated::Events(vec![event("sent", 100), event("waits", 900)]);
    bench.store.settle_translated(translation(row("a1"), of_ann)).await.unwrap();
    let of_bob = Translated::Events(vec![event("bobs", 950)]);
    bench.store.settle_translated(translation(row("b1"), of_bob)).await.unwrap();
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    let done = vec![(claim.events[0].row, Verdict::Done { trace: Some("T".into()) })];
    bench.store.settle_shipped(shipped(claim.attempt, done)).await.unwrap();
    bench
}

#[tokio::test]
async fn nothing_in_any_file_opens_and_the_counts_add_up() {
    let bench = two_people().await;
    let (before, of_ann, of_bob) = (counted(&bench).await, sealed(&bench, "ann").await, sealed(&bench, "bob").await);
    assert_eq!((of_ann.len(), of_bob.len()), (8, 5));
    assert!(of_ann.iter().all(|bytes| holds(&files(&bench), bytes)), "they are there before");
    let forgotten = bench.store.forget(None, "nobody", wish(60)).await.unwrap();
    assert_eq!(forgotten, Forgotten::default());

    let forgotten = bench.store.forget(Some("shop"), "ann", wish(60)).await.unwrap();
    let wanted = Forgotten { contacts: 1, changes_dropped: 1, events_dropped: 1, ..Forgotten::default() };
    assert_eq!(forgotten, wanted);
    assert!(of_ann.iter().all(|bytes| !holds(&files(&bench), bytes)), "no file holds a byte of hers");
    assert!(of_bob.iter().all(|bytes| holds(&files(&bench), bytes)), "his are untouched");
    assert_eq!(counted(&bench).await, before);
    let why = bench.store.why("ann", Some("shop")).await.unwrap().unwrap();
    assert_eq!(why.forgotten_at, Some(60));
    let states: Vec<&str> = why.changes[0].events.iter().map(|event| event.state.as_str()).collect();
    assert_eq!(
        (states, why.changes[1].reason.as_deref()),
        (vec!["done", "dropped"], Some("the contact was forgotten"))
    );
    let acts = bench.store.audit(AuditFilter {
        contact: Some("ann".into()),
        connection: Some("shop".into()),
        limit: 9,
        ..AuditFilter::default()
    });
    let acts = acts.await.unwrap();
    assert_eq!((acts.len(), acts[0].operation.as_str(), acts[0].outcome.as_deref()), (1, "forget", Some("a test")));

    // Only his goes out, and hers cannot be brought back.
    let claim = bench.store.claim_events("ads", 60, 9, "sink").await.unwrap().unwrap();
    assert_eq!((claim.events.len(), claim.events[0].event_id.as_str()), (1, "bobs"));
    let again = Decision { drop: None, at: 60, by: "ops".into() };
    assert_eq!(bench.store.decide(Pick::Named(vec!["waits".into()]), again).await.unwrap().changed, 0);
    assert!(bench.store.memories("shop", &["ann".into()]).await.unwrap()[0].is_none());
    let bench = bench.reopened().await;
    assert!(of_ann.iter().all(|bytes| !holds(&files(&bench), bytes)));
}

#[tokio::test]
async fn what_is_under_way_ends_and_is_not_sent_again() {
    let bench = two_people().await;
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    assert_eq!(claim.events[0].event_id, "waits");
    bench.store.forget(Some("shop"), "ann", wish(60)).await.unwrap();
    let retry = vec![(claim.events[0].row, Verdict::Retry { at: 61, reason: "busy".into() })];
    bench.store.settle_shipped(shipped(claim.attempt, retry)).await.unwrap();
    let row = &bench.store.queue_named("waits").await.unwrap()[0];
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("dropped", Some("the contact was forgotten")));
}

#[tokio::test]
async fn a_deleted_contact_is_forgotten_once_its_end_is_told() {
    let bench = two_people().await;
    let of_ann = sealed(&bench, "ann").await;
    let delivery = bench.put(4).await;
    let mut settlement = read(&delivery, "ann", Some(2), &[]);
    let gone = NewChange {
        id: "gone".into(),
        kind: "contact-deleted".into(),
        occurred_at: 5,
        bytes: b"gone".to_vec(),
        made: None,
    };
    settlement.groups[0].deliveries[0].answer = Told::Changes(vec![gone]);
    assert_eq!(bench.store.settle_read(settlement).await.unwrap().taken, [true]);
    let claimed = bench.store.claim_changes("shop", 10, 9).await.unwrap();
    let row = claimed.iter().find(|change| change.id == "gone").unwrap().row;
    bench.store.settle_translated(translation(row, Translated::Events(vec![event("farewell", 50)]))).await.unwrap();
    // Her other event is dropped at once, the last word goes out first, and until then she is known.
    bench.store.forget_due(30).await.unwrap();
    assert!(!sealed(&bench, "ann").await.is_empty());
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    assert_eq!(
        (claim.events[0].event_id.as_str(), claim.events[0].bytes.as_slice()),
        ("farewell", b"farewell".as_slice())
    );
    assert_eq!(bench.store.queue_named("waits").await.unwrap()[0].state, "dropped");
    let done = vec![(claim.events[0].row, Verdict::Done { trace: None })];
    bench.store.settle_shipped(shipped(claim.attempt, done)).await.unwrap();
    bench.store.forget_due(60).await.unwrap();
    assert!(of_ann.iter().all(|bytes| !holds(&files(&bench), bytes)));
    assert_eq!(bench.store.queue_named("bobs").await.unwrap()[0].state, "waiting");
    bench.store.forget_due(70).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_forgotten_whole() {
    let bench = two_people().await;
    let unread = bench.put(9).await;
    let held = sealed(&bench, "ann").await.into_iter().chain(sealed(&bench, "bob").await).collect::<Vec<_>>();
    let before = counted(&bench).await;
    let forgotten = bench.store.forget_connection("shop", "crm", "loc", wish(60)).await.unwrap();
    assert_eq!(
        (forgotten.contacts, forgotten.deliveries_dropped),
        (2, 1),
        "two people, and what their location had not said of anybody"
    );
    bench.store.forget_due(60).await.unwrap();
    assert!(held.iter().all(|bytes| !holds(&files(&bench), bytes)));
    assert_eq!(counted(&bench).await, before);
    assert_eq!(bench.store.queue_named(&unread).await.unwrap()[0].state, "dropped");
}
