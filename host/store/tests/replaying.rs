//! The past once more: nothing is told twice, and what was never told may be.

use super::*;

fn window() -> Window {
    Window { since: 0, until: None, connection: None, contact: None }
}

fn retold(change: i64, ids: &[&str]) -> Vec<Retold> {
    let events = ids.iter().map(|id| NewEvent { bytes: format!("new {id}").into_bytes(), ..event(id, 900) }).collect();
    vec![Retold { change, events, wishes: Vec::new(), commands: Vec::new() }]
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
    assert_eq!(bench.store.settle_retold(7, 60, retold(change, &names)).await.unwrap().events, 2);
    let again = bench.store.settle_retold(7, 60, retold(change, &names)).await.unwrap();
    assert_eq!(again, Retaken::default(), "once more changes nothing");
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
    assert_eq!(bench.store.settle_retold(7, 60, retold(rows[0], &["x"])).await.unwrap(), Retaken::default());
}

fn command(key: &str, after: Option<&str>) -> NewCommand {
    NewCommand {
        key: key.into(),
        name: "add-tags".into(),
        rule: "r".into(),
        after: after.map(|event| ("ads".into(), event.into())),
        bytes: b"{}".to_vec(),
    }
}

fn wish(at: u64, join: bool) -> Wish {
    let (destination, audience) = ("ads".into(), "vip".into());
    Wish { destination, audience, join, rule: "r".into(), occurred_at: at, bytes: b"ann".to_vec() }
}

#[tokio::test]
async fn a_command_is_done_once_and_a_place_in_an_audience_is_taken_once() {
    let bench = bench().await;
    bench.translated(&[("told", 900), ("bad", 1)]).await;
    let claim = bench.store.claim_events("ads", 30, 2, "sink").await.unwrap().unwrap();
    let dead = Verdict::Dead { reason: "bad".into(), expired: false };
    let items = claim.events.iter().map(|event| event.row).zip([dead, Verdict::Done { trace: None }]).collect();
    bench.store.settle_shipped(shipped(claim.attempt, items)).await.unwrap();
    let change = bench.store.past_changes(window(), 0, 9).await.unwrap()[0].row;
    assert_eq!(bench.store.begin_command("shop", "before", "add-tags", 10).await.unwrap(), Begun::New);
    let settled = CommandSettlement {
        connection: "shop".into(),
        key: "before".into(),
        contact: None,
        expected: None,
        memory: None,
        id: None,
        changed: true,
        at: 11,
    };
    bench.store.settle_command(settled).await.unwrap();

    let all = || {
        let after = [("new", None), ("before", None), ("of told", Some("told")), ("of bad", Some("bad"))];
        let commands = after.map(|(key, after)| command(key, after)).to_vec();
        vec![Retold { change, events: Vec::new(), wishes: vec![wish(5, true)], commands }]
    };
    let besides = bench.store.besides(all()).await.unwrap().remove(0);
    assert_eq!(besides.wishes, [true]);
    let (new, told) = (Some(Standing::New), Some(Standing::Told));
    assert_eq!(besides.commands, [new, told, new, None], "what waits for a dead event is nothing to write back");
    assert!(besides.newest.is_some());

    let taken = bench.store.settle_retold(7, 60, all()).await.unwrap();
    assert_eq!(taken, Retaken { events: 0, members: 1, commands: 3 });
    let waiting = bench.store.claim_commands("shop", 60, 9).await.unwrap();
    let keys: Vec<&str> = waiting.iter().map(|command| command.key.as_str()).collect();
    assert_eq!(keys, ["new", "of told"]);
    let refused = Carried::Dead { reason: "refused".into() };
    bench.store.settle_carried(waiting[0].row, refused, 61).await.unwrap();
    bench.store.settle_carried(waiting[1].row, Carried::Done, 61).await.unwrap();
    let besides = bench.store.besides(all()).await.unwrap().remove(0);
    assert_eq!((besides.wishes, besides.commands[0]), (vec![false], Some(Standing::Unsent)));
    let again = bench.store.settle_retold(7, 70, all()).await.unwrap();
    assert_eq!((again.members, bench.store.claim_commands("shop", 70, 9).await.unwrap().len()), (0, 1));
}
