//! Polls: what the CRM is asked for instead of telling it. Nothing of the past unless it was asked for, nothing lost, nothing twice.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use convey::app::App;
use convey::clock::Clock;
use convey::config;
use convey::contract::Trigger;
use convey::sandbox::{Kind, Options, Play, Sandbox};
use serde_json::Value;

use crate::rig::{ROOM, accepted_ids, asked, eventually, options};
use crate::wire::{letters, letters_of};

pub mod scene;

use scene::{everybody, finished, look, telling};

const DAY_MS: u64 = 86_400_000;
const SEARCH: &str = "POST /contacts/search";

fn with_poll(schedule: &str) -> String {
    format!("{ROOM}\npoll = \"{schedule}\"")
}

/// Ten thousand people were there before; the first poll, and the first webhooks about some of them, tell of none of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_existing_contacts_are_no_news() {
    let sandbox = Sandbox::start(Options { contacts: 10_000, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, &with_poll("1s"));
    convey.start().await;
    eventually("the first poll has ended", async || finished(&convey, "updates").await).await;
    let kinds = vec![Kind::TagsChanged, Kind::ContactUpdated];
    let letters = letters(&sandbox, Play { changes: 20, kinds, ..Play::default() }).await;
    let people: BTreeSet<String> =
        letters.iter().map(|letter| letter.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(people.len(), 20, "one change each: a second one would be news");
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    look(&convey, false).await;
    look(&convey, false).await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let changes: Vec<_> = book.changes.iter().map(|change| &change.trigger).collect();
    assert!(changes.is_empty() && sandbox.accepted(0).is_empty(), "{changes:?}");
    assert!(book.accounts.iter().all(|account| account.state == "silent"), "{:?}", book.accounts);
    let baselines = book.accounts.iter().filter(|account| account.reason.as_deref() == Some("baseline")).count();
    assert!(baselines >= 20, "{baselines}: each of them is seen for the first time");
}

/// `backfill = "7d"`: those who came within seven days before the connection did, and nobody else; once, however often it is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_tells_exactly_of_those_who_came_within_it() {
    let sandbox = Sandbox::start(Options { contacts: 10_000, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let terms = format!("{}\nbackfill = \"7d\"", with_poll("1h"));
    let mut convey = telling(&summary, &summary.dataset, &terms);
    convey.start().await;
    eventually("the first poll has ended", async || finished(&convey, "updates").await).await;
    convey.drained().await;
    let since = convey.status().await.unwrap()["connections"]["acme"]["since"].as_u64().unwrap();
    let now = Clock::system().now_ms();
    assert!((now - 8 * DAY_MS..now - 7 * DAY_MS).contains(&since), "{since}");
    let born = |person: &Value| {
        let added: jiff::Timestamp = person["dateAdded"].as_str().unwrap().parse().unwrap();
        u64::try_from(added.as_millisecond()).unwrap()
    };
    let people = everybody(&sandbox).await;
    assert_eq!(people.len(), 10_000);
    let young = people.iter().filter(|person| born(person) >= since);
    let expected: BTreeSet<String> = young.map(|person| person["id"].as_str().unwrap().to_owned()).collect();
    assert!(expected.len() > 500, "{}", expected.len());

    let preview = convey.command(&["backfill", "acme", "--yes"]).await.json();
    assert_eq!(preview["created"].as_u64(), Some(expected.len() as u64), "{preview}");
    look(&convey, false).await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert!(book.changes.iter().all(|change| change.trigger == Trigger::ContactCreated));
    let told: Vec<&str> = book.changes.iter().map(|change| change.contact.id.as_str()).collect();
    assert_eq!(told.len(), expected.len(), "each once");
    assert_eq!(told.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    let accepted = accepted_ids(&sandbox, &summary.dataset);
    assert_eq!(accepted.iter().collect::<BTreeSet<_>>().len(), accepted.len());
}

const PEOPLE: usize = 250;

/// Killed in the middle of a poll, again and again: the rows of a page and its cursor are stored together or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_between_pages_lose_nothing_and_double_nothing() {
    let sandbox = Sandbox::start(Options { contacts: 0, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, &with_poll("1s"));
    convey.start().await;
    eventually("the first poll has ended", async || finished(&convey, "updates").await).await;
    assert!(convey.stop().await.success());
    // Nobody hears of these, and they are more than two pages hold.
    let letters = letters_of(&sandbox, Kind::ContactCreated, PEOPLE).await;
    let expected: BTreeSet<String> =
        letters.iter().map(|letter| letter.json()["id"].as_str().unwrap().to_owned()).collect();
    let points =
        ["before-put_page:1", "after-put_page:1", "before-put_page:2", "after-settle_read:1", "after-put_page:2"];
    for point in points {
        convey.start_to_crash(point);
        let ended = convey.ended().await;
        assert_eq!(ended.signal(), Some(9), "it was to die at {point}:\n{}", convey.spoken());
    }
    convey.start().await;
    eventually("everybody was found", async || {
        let status = convey.status().await?;
        (status["status"]["changes"]["done"].as_u64()? == PEOPLE as u64).then_some(())
    })
    .await;
    look(&convey, false).await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let told: Vec<&str> = book.changes.iter().map(|change| change.contact.id.as_str()).collect();
    assert_eq!(told.len(), PEOPLE, "each once");
    assert_eq!(told.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &summary.dataset));
}

/// A schedule goes on after a restart where it was; however often it was missed meanwhile, it is made up for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_schedule_is_made_up_for_once() {
    for (schedule, early_ms, missed_ms) in [("5m", 240_000, 3_600_000), ("30 3 * * *", 0, 3 * DAY_MS)] {
        let sandbox = Sandbox::start(Options { contacts: 5, ..options() }).await.unwrap();
        let summary = sandbox.summary();
        let convey = telling(&summary, &summary.dataset, &with_poll(schedule));
        let file = convey.state().parent().unwrap().join("convey.toml");
        let clock = Clock::manual(Clock::system().now_ms());
        let built = async || {
            eventually("the store is free", async || {
                App::build(config::load(&file).unwrap(), clock.clone(), None).await.ok()
            })
            .await
        };
        // Everything that is due, step by step; how often the CRM was asked for it.
        let polled = async |app: &App| {
            let before = asked(&sandbox, "crm", SEARCH).await;
            while app.flow().poll_once("acme").await.unwrap() > 0 {}
            asked(&sandbox, "crm", SEARCH).await - before
        };
        let app = built().await;
        assert_eq!(polled(&app).await, 1, "{schedule}: at once, because it never ran");
        clock.advance_ms(early_ms);
        assert_eq!(polled(&app).await, 0, "{schedule}: not before its time");
        clock.advance_ms(missed_ms);
        assert_eq!(polled(&app).await, 1, "{schedule}: however often it was missed");
        drop(app);

        let app = built().await;
        assert_eq!(polled(&app).await, 0, "{schedule}: a restart is no reason");
        drop(app);
        clock.advance_ms(missed_ms);
        let app = built().await;
        assert_eq!(polled(&app).await, 1, "{schedule}: after a long stop, once");
        assert_eq!(polled(&app).await, 0, "{schedule}");
    }
}
