//! Places in audiences.

use super::*;

/// A new fact of one contact; its change's row.
async fn fact(bench: &Bench) -> i64 {
    let number = 2_000 + bench.store.status(50).await.unwrap().connections.get("shop").map_or(0, |shop| shop.done);
    let (delivery, id) = (bench.put(number).await, format!("fact {number}"));
    assert_eq!(bench.store.settle_read(read(&delivery, "ann", None, &[&id])).await.unwrap().taken, [true]);
    bench.store.claim_changes("shop", 50, 10).await.unwrap()[0].row
}

/// A wish at that time; whether it made a difference.
async fn wished(bench: &Bench, at: u64, join: bool, person: &str) -> bool {
    let row = fact(bench).await;
    let wish = Wish {
        destination: "ads".into(),
        audience: "vip".into(),
        join,
        rule: "r".into(),
        occurred_at: at,
        bytes: person.as_bytes().to_vec(),
    };
    let before = bench.store.status(50).await.unwrap().changes.done;
    let mut settlement = translation(row, Translated::Events(Vec::new()));
    settlement.items[0].made.wishes.push(wish);
    bench.store.settle_translated(settlement).await.unwrap();
    bench.store.status(50).await.unwrap().changes.done > before
}

async fn claim(bench: &Bench) -> Option<(bool, Vec<StoredMember>)> {
    let claim = bench.store.claim_members("ads", 50, 10).await.unwrap()?;
    assert_eq!(claim.audience, "vip");
    Some((claim.join, claim.members))
}

async fn settle(bench: &Bench, (join, members): (bool, Vec<StoredMember>), verdict: Verdict) {
    let items = members.into_iter().map(|member| SettledMember {
        row: member.row,
        version: member.version,
        verdict: verdict.clone(),
        sent: member.bytes,
    });
    let settlement = MemberSettlement {
        destination: "ads".into(),
        audience: "vip".into(),
        join,
        now: 50,
        items: items.collect(),
        invalid: 1,
        pause: None,
    };
    bench.store.settle_members(settlement).await.unwrap();
}

const DONE: Verdict = Verdict::Done { trace: None };

#[tokio::test]
async fn of_two_wishes_the_later_one_holds_and_one_repeated_is_none() {
    let bench = bench().await;
    assert!(wished(&bench, 5, true, "ada").await);
    assert!(!wished(&bench, 6, true, "ada").await, "the same again");
    assert!(wished(&bench, 8, false, "ada").await);
    assert!(!wished(&bench, 7, true, "ada").await, "older news that came late");
    let (join, members) = claim(&bench).await.unwrap();
    assert!(!join && members.len() == 1);
    assert!(claim(&bench).await.is_none(), "nobody is sent twice at once");
    settle(&bench, (join, members), DONE).await;
    assert!(!wished(&bench, 9, false, "ada by another name").await, "out is out");
    assert!(claim(&bench).await.is_none());
}

#[tokio::test]
async fn a_wish_while_another_is_on_its_way_goes_after_it() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    let flight = claim(&bench).await.unwrap();
    assert!(wished(&bench, 6, false, "ada").await);
    assert!(claim(&bench).await.is_none(), "the answer is awaited first");
    settle(&bench, flight, DONE).await;
    let (join, members) = claim(&bench).await.unwrap();
    assert!(!join);
    assert_eq!(members[0].put_in.as_deref(), Some(&b"ada"[..]), "whom to take out");
    // Taken back before it was sent: the platform has them as they are wanted.
    settle(&bench, (join, members), Verdict::Retry { at: 60, reason: "throttled".into() }).await;
    assert!(wished(&bench, 7, true, "ada").await);
    assert!(bench.store.claim_members("ads", 99, 10).await.unwrap().is_none());
    let status = bench.store.status(50).await.unwrap();
    let audience = &status.destinations["ads"].audiences["vip"];
    assert_eq!((audience.joined, audience.waiting, audience.dead, audience.invalid), (1, 0, 0, 2));
}

#[tokio::test]
async fn withdrawn_consent_is_a_leave_unless_a_later_wish_is_known() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    let flight = claim(&bench).await.unwrap();
    settle(&bench, flight, DONE).await;
    for (at, leaves) in [(4, false), (6, true)] {
        let row = fact(&bench).await;
        let skip = Translated::Skip { code: "no-rule".into(), rule: None, reason: "none".into() };
        let mut settlement = translation(row, skip);
        settlement.items[0].made.withdrawn_at = Some(at);
        bench.store.settle_translated(settlement).await.unwrap();
        assert_eq!(claim(&bench).await.map(|(join, _)| join), leaves.then_some(false), "{at}");
    }
}

#[tokio::test]
async fn what_was_in_flight_goes_again_after_a_crash_and_a_pause_holds_it() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    assert!(claim(&bench).await.is_some());
    bench.store.recover(60, &std::collections::HashMap::new()).await.unwrap();
    let pause = Pause { scope: PauseScope::All, reason: "r".into(), at: 1, by: "b".into(), heals: false };
    bench.store.pause(pause).await.unwrap();
    assert!(claim(&bench).await.is_none());
    bench.store.resume(PauseScope::All).await.unwrap();
    assert_eq!(bench.store.audiences_waiting(60).await.unwrap()[0].name, "ads");
    let (_, members) = claim(&bench).await.unwrap();
    assert_eq!(members[0].tries, 1);
}

#[tokio::test]
async fn test_mode_ends_by_itself_or_when_asked() {
    let bench = bench().await;
    let mode = TestMode { destination: "ads".into(), code: "T1".into(), since: 10, until: 20, by: "op".into() };
    bench.store.begin_test_mode(mode.clone()).await.unwrap();
    bench.store.begin_test_mode(TestMode { until: 30, ..mode.clone() }).await.unwrap();
    assert_eq!(bench.store.test_modes(29).await.unwrap(), [TestMode { until: 30, ..mode }]);
    assert!(bench.store.test_modes(30).await.unwrap().is_empty());
    assert!(!bench.store.end_test_mode("ads", 30).await.unwrap());
    assert!(bench.store.test_modes(29).await.unwrap().is_empty());
}

/// Rows and keys that stand for a place.
async fn places(bench: &Bench) -> (i64, i64) {
    let count = bench.store.read(|rows| {
        let of = |sql: &str| rows.db.query_row(sql, [], |row| row.get(0));
        let keys = "SELECT count(*) FROM contact_key WHERE subject IN (SELECT subject FROM membership)";
        Ok((of("SELECT count(*) FROM membership")?, of(keys)?))
    });
    count.await.unwrap()
}

fn farewell(at: u64) -> Farewell {
    Farewell { at, by: "ops".into(), why: "a test".into() }
}

#[tokio::test]
async fn who_is_forgotten_is_taken_out_by_a_key_of_its_own_and_then_nothing_is_left() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    let flight = claim(&bench).await.unwrap();
    settle(&bench, flight, DONE).await;
    let keys = async || {
        bench
            .store
            .read(|rows| Ok(rows.db.query_row("SELECT count(*) FROM contact_key", [], |row| row.get::<_, i64>(0))?))
            .await
    };
    let before = keys().await.unwrap();
    let forgotten = bench.store.forget(Some("shop"), "ann", farewell(40)).await.unwrap();
    assert_eq!((forgotten.contacts, forgotten.places_left), (1, 1));
    assert_eq!((places(&bench).await, keys().await.unwrap()), ((1, 1), before), "one key for another");
    let subject = bench.store.read(|rows| {
        let ann = rows.contact("shop", "ann");
        Ok(rows
            .db
            .query_row("SELECT count(*) FROM membership WHERE subject = ?1", [ann], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(subject.await.unwrap(), 0, "nobody finds the place by the contact");
    assert_eq!(bench.store.forget(Some("shop"), "ann", farewell(41)).await.unwrap().contacts, 0, "once is enough");
    let (join, members) = claim(&bench).await.unwrap();
    assert_eq!((join, members[0].put_in.as_deref()), (false, Some(&b"ada"[..])), "whom to take out");
    settle(&bench, (join, members), DONE).await;
    assert_eq!((places(&bench).await, keys().await.unwrap()), ((0, 0), before - 1));
}

#[tokio::test]
async fn who_is_forgotten_while_they_join_is_taken_out_after_and_who_never_joined_is_just_gone() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    let flight = claim(&bench).await.unwrap();
    assert_eq!(bench.store.forget(Some("shop"), "ann", farewell(40)).await.unwrap().places_left, 1);
    settle(&bench, flight, DONE).await;
    let leave = claim(&bench).await.unwrap();
    assert!(!leave.0);
    settle(&bench, leave, DONE).await;
    assert_eq!(places(&bench).await, (0, 0));

    wished(&bench, 60, true, "ada").await;
    assert_eq!(
        bench.store.forget(Some("shop"), "ann", farewell(61)).await.unwrap().places_left,
        0,
        "the platform never had them"
    );
    assert_eq!(places(&bench).await, (0, 0));
}

#[tokio::test]
async fn a_place_that_nobody_can_give_up_is_not_kept_for_ever() {
    let bench = bench().await;
    wished(&bench, 5, true, "ada").await;
    let flight = claim(&bench).await.unwrap();
    settle(&bench, flight, DONE).await;
    bench.store.forget(Some("shop"), "ann", farewell(40)).await.unwrap();
    let kept = Retention { dead_ms: 100, ..super::retention::RETENTION };
    assert_eq!(bench.store.sweep(140, kept).await.unwrap().partings, 0);
    assert_eq!(bench.store.sweep(141, kept).await.unwrap().partings, 1);
    assert_eq!(places(&bench).await, (0, 0));
}
