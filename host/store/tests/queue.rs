//! What a person sees of the queue and decides about it.

use super::*;

fn filter(state: QueueState) -> QueueFilter {
    QueueFilter { state, ..QueueFilter::default() }
}

fn dead(reason: &str) -> Verdict {
    Verdict::Dead { reason: reason.into(), expired: false }
}

fn decision(drop: Option<&str>) -> Decision {
    Decision { drop: drop.map(str::to_owned), at: 50, by: "ops".into() }
}

/// Three events: two dead for one reason, one for another; deadlines 100, 100 and 45.
async fn parked() -> Bench {
    let bench = bench().await;
    bench.translated(&[("a", 100), ("b", 100), ("c", 45)]).await;
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    let items = claim.events.iter().map(|event| {
        let reason = match event.event_id.as_str() {
            "a" => "code 1",
            "b" => "code 2 (trace B)",
            _ => "code 2 (trace C)",
        };
        (event.row, dead(reason))
    });
    bench.store.settle_shipped(shipped(claim.attempt, items.collect())).await.unwrap();
    bench
}

#[tokio::test]
async fn what_is_parked_is_counted_by_reason_and_listed_by_name() {
    let bench = parked().await;
    let groups = bench.store.queue_groups(filter(QueueState::Dead), 9).await.unwrap();
    let said: Vec<_> = groups.iter().map(|group| (group.reason.as_deref(), group.count, group.lane.as_str())).collect();
    assert_eq!(said, [(Some("code 2"), 2, "ads"), (Some("code 1"), 1, "ads")]);
    let of_one = QueueFilter { reason: Some("1".into()), connection: Some("shop".into()), ..filter(QueueState::Dead) };
    let rows = bench.store.queue_rows(of_one, 9).await.unwrap();
    assert_eq!((rows.len(), rows[0].id.as_str(), rows[0].tries), (1, "a", 1));
    let again = bench.store.queue_named(&rows[0].name).await.unwrap();
    assert_eq!(again, bench.store.queue_named("a").await.unwrap());
    let attempts = bench.store.attempts_of(&again[0]).await.unwrap();
    assert_eq!((attempts[0].took_ms, attempts[0].verdict.as_deref()), (Some(10), Some("dead")));
    for nothing in ["e99", "c99", "zz", "d_0"] {
        assert!(bench.store.queue_named(nothing).await.unwrap().is_empty(), "{nothing}");
    }
    let elsewhere = QueueFilter { destination: Some("lists".into()), ..filter(QueueState::Dead) };
    assert!(bench.store.queue_rows(elsewhere, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_goes_again_is_sent_once_more_unless_it_is_too_late() {
    let bench = parked().await;
    let pick = Pick::Named(vec!["a".into(), "c".into(), "zz".into()]);
    let decided = bench.store.decide(pick, decision(None)).await.unwrap();
    assert_eq!((decided.found, decided.changed, decided.unknown.as_slice()), (2, 1, ["zz".to_owned()].as_slice()));
    assert_eq!(decided.too_late.len(), 1);
    let claim = bench.store.claim_events("ads", 50, 9, "sink").await.unwrap().unwrap();
    assert_eq!((claim.events.len(), claim.events[0].event_id.as_str(), claim.events[0].tries), (1, "a", 0));
    // Under way: no decision reaches it.
    let decided = bench.store.decide(Pick::Named(vec!["a".into()]), decision(Some("no"))).await.unwrap();
    assert_eq!((decided.changed, decided.left.len()), (0, 1));
    let acts = bench.store.audit(AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
    assert_eq!((acts.len(), acts[0].actor.as_str(), acts[0].lane.as_str()), (1, "ops", "destination:ads"));
    assert!(acts[0].operation.starts_with("queue retry e"), "{acts:?}");
}

#[tokio::test]
async fn what_is_dropped_stays_told_and_leaves_with_what_is_done() {
    let bench = parked().await;
    let all = Pick::All(QueueFilter { reason: Some("code 2".into()), ..filter(QueueState::Dead) });
    let decided = bench.store.decide(all, decision(Some("a test"))).await.unwrap();
    assert_eq!((decided.found, decided.changed), (2, 2));
    let ads = bench.store.status(60).await.unwrap().destinations["ads"].clone();
    assert_eq!((ads.dead, ads.dropped), (1, 2));
    let rows = bench.store.queue_rows(filter(QueueState::Dropped), 9).await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("dropped: a test"));
    // Nothing brings it back, not even after its row is gone.
    let retention = retention::RETENTION;
    for swept in [0, 2] {
        assert_eq!(bench.store.sweep(60 + 50 * swept, retention).await.unwrap().events, swept);
        let settlement = TranslationSettlement { now: 60, ..translation(1, Translated::Events(vec![event("b", 900)])) };
        bench
            .store
            .write("test", 0, |rows| Ok(rows.db.execute("UPDATE change SET state = 'waiting'", [])?))
            .await
            .unwrap();
        bench.store.settle_translated(settlement).await.unwrap();
        assert!(bench.store.claim_events("ads", 60, 9, "sink").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn deliveries_and_changes_go_again_and_are_given_up_too() {
    let bench = bench().await;
    let change = bench.told(&["fact"]).await[0];
    bench.store.settle_translated(translation(change, Translated::Dead { reason: "trap".into() })).await.unwrap();
    let delivery = bench.put(7).await;
    let mut settlement = read(&delivery, "ann", None, &[]);
    settlement.groups[0].deliveries[0].answer = Told::Dead { reason: "no contact".into() };
    bench.store.settle_read(settlement).await.unwrap();
    let names = vec![format!("c{change}"), delivery.clone()];
    let decided = bench.store.decide(Pick::Named(names.clone()), decision(None)).await.unwrap();
    assert_eq!(decided.changed, 2);
    assert_eq!(bench.store.claim_changes("shop", 50, 9).await.unwrap()[0].id, "fact");
    assert_eq!(bench.claimed("shop", 50, 9, 9).await[0].id, delivery);
    let decided = bench.store.decide(Pick::Named(names), decision(Some("no"))).await.unwrap();
    assert_eq!(decided.changed, 2);
    let status = bench.store.status(60).await.unwrap();
    assert_eq!((status.changes.dropped, status.connections["shop"].dropped), (1, 1));
    assert!(bench.store.claim_changes("shop", 50, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn why_goes_from_any_id_to_the_whole_story() {
    let bench = parked().await;
    let account = bench.store.account(None).await.unwrap();
    let whole = bench.store.why("a", None).await.unwrap().unwrap();
    assert_eq!((whole.deliveries.len(), whole.changes.len(), whole.changes[0].events.len()), (1, 1, 3));
    assert_eq!(whole.deliveries[0].source_digest.as_deref(), Some("digest"));
    assert_eq!(whole.changes[0].events[0].attempts[0].sink_digest, "sink");
    assert_eq!(whole.changes[0].told_by, [account[0].delivery.clone()]);
    for id in ["fact", account[0].delivery.as_str(), account[0].webhook_id.as_str(), "e1", "c1"] {
        assert_eq!(bench.store.why(id, None).await.unwrap().as_ref(), Some(&whole), "{id}");
    }
    assert_eq!(bench.store.why("ann", Some("shop")).await.unwrap(), Some(whole));
    assert_eq!(bench.store.why("ann", Some("elsewhere")).await.unwrap(), None);
    assert_eq!(bench.store.why("bob", Some("shop")).await.unwrap(), None);
}

#[tokio::test]
async fn an_older_store_learns_the_new_state_and_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = Connection::open(dir.path().join("old.db")).unwrap();
    for tables in [include_str!("../schema/0001.sql"), include_str!("../schema/0002.sql")] {
        db.execute_batch(tables).unwrap();
    }
    db.pragma_update(None, "user_version", 2).unwrap();
    let outbox = "INSERT INTO outbox (destination, event_id, change, generation, rule, name, occurred_at, deadline, state, due_at,
         created_at, subject, sealed) VALUES ('ads', 'a', 1, 1, 'r', 'Lead', 1, 1, 'dead', 1, 1, x'00', x'00')";
    db.execute(outbox, []).unwrap();
    assert!(db.execute("UPDATE outbox SET state = 'dropped'", []).is_err(), "the old tables do not know it");
    schema::migrate(&mut db).unwrap();
    assert_eq!(db.execute("UPDATE outbox SET state = 'dropped'", []).unwrap(), 1);
    assert!(db.execute("UPDATE outbox SET state = 'nonsense'", []).is_err(), "the check is still one");
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    drop(db);
    let again = Connection::open(dir.path().join("old.db")).unwrap();
    let state: String = again.query_row("SELECT state FROM outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(state, "dropped");
}

#[tokio::test]
async fn commands_go_again_are_given_up_and_end_with_their_contact() {
    let bench = bench().await;
    let change = bench.told(&["fact"]).await[0];
    let command = |key: &str| NewCommand {
        key: key.into(),
        name: "add-tags".into(),
        rule: "r".into(),
        after: None,
        bytes: b"tags".to_vec(),
    };
    let mut settlement = translation(change, Translated::Events(Vec::new()));
    settlement.items[0].made.commands = ["one", "two", "three"].map(command).into();
    bench.store.settle_translated(settlement).await.unwrap();
    let claimed = bench.store.claim_commands("shop", 20, 9).await.unwrap();
    assert_eq!(claimed.len(), 3);
    let refused = Carried::Dead { reason: "refused (request 7)".into() };
    bench.store.settle_carried(claimed[0].row, refused, 30).await.unwrap();
    let groups = bench.store.queue_groups(filter(QueueState::Dead), 9).await.unwrap();
    assert_eq!((groups[0].kind, groups[0].lane.as_str()), (QueueKind::Command, "shop"));
    assert_eq!((groups[0].reason.as_deref(), groups[0].count), (Some("refused"), 1));

    let again = bench.store.decide(Pick::Named(vec!["one".into()]), decision(None)).await.unwrap();
    assert_eq!(again.changed, 1);
    assert_eq!(bench.store.claim_commands("shop", 50, 9).await.unwrap().len(), 3);
    let name = format!("k{}", claimed[1].row);
    assert_eq!(bench.store.decide(Pick::Named(vec![name]), decision(Some("no"))).await.unwrap().changed, 1);
    let wish = Farewell { at: 60, by: "ops".into(), why: "a test".into() };
    assert_eq!(bench.store.forget(Some("shop"), "ann", wish).await.unwrap().commands_dropped, 2);
    assert!(bench.store.claim_commands("shop", 60, 9).await.unwrap().is_empty());
    let why = bench.store.why("fact", None).await.unwrap().unwrap();
    let states: Vec<&str> = why.changes[0].commands.iter().map(|command| command.state.as_str()).collect();
    assert_eq!(states, ["dropped"; 3]);
    assert_eq!(bench.store.status(60).await.unwrap().commands["shop"].dropped, 3);
    assert_eq!(bench.store.sweep(1_000, retention::RETENTION).await.unwrap().commands, 3);
}
