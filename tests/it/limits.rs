//! The CRM's allowance: never exceeded in any span, nearly used up, shared by everything a location is asked, and each location's own.

use std::time::{Duration, Instant};

use convey::sandbox::{Allowance, Fault, Faults, Kind, Options, Play, Sandbox};

use crate::rig::{Convey, ROOM, connect, eventually, options};
use crate::wire::letters_of;

const WEBHOOKS: usize = 1_000;

/// So many requests in any second, for convey and for the CRM alike.
fn limit(requests: u32) -> (String, Allowance) {
    let line = format!("rate_limit = {{ requests = {requests}, per_ms = 1000 }}");
    (line, Allowance { requests, per_ms: 1_000, daily: u32::MAX })
}

async fn strict(locations: usize, allowance: Allowance) -> Sandbox {
    Sandbox::start(Options { locations, contacts: 0, allowance, ..options() }).await.unwrap()
}

fn newcomers(changes: usize, target: String) -> Play {
    Play { changes, kinds: vec![Kind::ContactCreated], target, retry_ms: 100, tries: 1_000, ..Play::default() }
}

/// One thousand webhooks of one thousand people that wait, read as fast as the allowance lets: never more than it in any span by the CRM's
/// clock. The part of it that was used.
#[expect(clippy::print_stderr, reason = "how much of the allowance is used is worth to be seen")]
async fn used() -> f64 {
    let (line, allowance) = limit(100);
    let sandbox = strict(1, allowance).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| *text = text.replace(ROOM, &line));
    convey.start().await;
    convey.command(&["pause", "acme"]).await.json();
    let played = sandbox.play(newcomers(WEBHOOKS, convey.hook())).await.unwrap();
    assert_eq!(played.refused, 0);
    convey.command(&["resume", "acme"]).await.json();
    convey.drained().await;
    assert!(convey.stop().await.success());
    let tally = sandbox.limits()[0];
    assert!(tally.total >= WEBHOOKS as u64, "{tally:?}");
    assert!(tally.most_in_window <= 100 && tally.refused == 0, "{tally:?}");
    convey.book().await.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
    let windows = (tally.last_ms.unwrap() - tally.first_ms.unwrap()) as f64 / 1_000.0;
    let used = tally.total as f64 / (windows * 100.0);
    eprintln!("{:.1} % of the allowance used: {tally:?}", used * 100.0);
    used
}

/// The allowance is nearly used up and never exceeded. A machine that is busy with something else may need another try to show the former.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_fetches_stay_within_any_span_and_use_the_allowance() {
    let mut most: f64 = 0.0;
    for _ in 0..3 {
        most = most.max(used().await);
        if most > 0.9 {
            return;
        }
    }
    panic!("{most:.3} of the allowance at most");
}

/// Killed in the middle: nobody knows any more what left in the last span, so all of it may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_never_exceeds_the_allowance() {
    let (line, allowance) = limit(100);
    let sandbox = strict(1, allowance).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| *text = text.replace(ROOM, &line));
    convey.start().await;
    let play = newcomers(600, convey.hook());
    let kills = async {
        for asked in [120, 330, 510] {
            eventually("so many were asked", async || (sandbox.limits()[0].total >= asked).then_some(())).await;
            convey.kill().await;
            convey.start().await;
        }
    };
    let (played, ()) = tokio::join!(sandbox.play(play), kills);
    let played = played.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    assert!(convey.stop().await.success());
    let tally = sandbox.limits()[0];
    assert!(tally.most_in_window <= 100 && tally.refused == 0, "{tally:?}");
    convey.book().await.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
}

/// What fifty locations have to say goes on beside one another: it takes about as long as one of them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_locations_go_on_beside_one_another() {
    const LOCATIONS: usize = 50;
    let (line, allowance) = limit(20);
    let sandbox = strict(LOCATIONS, allowance).await;
    let locations = sandbox.summary().locations;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace(ROOM, &line);
        connect(text, &locations[1..], &line);
    });
    convey.start().await;
    let played = sandbox.play(newcomers(LOCATIONS * 60, convey.hook())).await.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    assert!(convey.stop().await.success());
    let tallies = sandbox.limits();
    for tally in &tallies {
        assert!(tally.most_in_window <= 20 && tally.refused == 0 && tally.total > 30, "{tally:?}");
    }
    let first = tallies.iter().filter_map(|tally| tally.first_ms).min().unwrap();
    let last = tallies.iter().filter_map(|tally| tally.last_ms).max().unwrap();
    let one_by_one: u64 = tallies.iter().map(|tally| tally.total * 1_000 / 20).sum();
    assert!((last - first) * 4 < one_by_one, "{} ms; one after the other it is {one_by_one} ms", last - first);
}

/// The CRM's own "too many" is heeded, with a time and without one, and nothing is lost by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_is_heeded_with_and_without_a_time() {
    for (retry_after_s, least) in [(Some(3), Duration::from_millis(2_000)), (None, Duration::from_millis(500))] {
        let sandbox = crate::rig::sandbox(1, 1).await;
        let letters = letters_of(&sandbox, Kind::ContactCreated, 5).await;
        let mut convey = Convey::new(&sandbox.summary());
        convey.start().await;
        let fault = Fault { status: Some(429), retry_after_s, times: Some(4), ..Fault::default() };
        sandbox.set_faults(Faults { crm: Some(fault), ads: None });
        letters[0].insist(&convey.hook()).await;
        let total = async || crate::polls::scene::requests(&sandbox).await.0;
        let refused = eventually("it was refused", async || Some(total().await).filter(|total| *total > 0)).await;
        let since = Instant::now();
        eventually("it asks again", async || (total().await > refused.max(4)).then_some(())).await;
        assert!(since.elapsed() >= least, "{retry_after_s:?}: after {:?}", since.elapsed());
        for letter in &letters[1..] {
            letter.insist(&convey.hook()).await;
        }
        convey.drained().await;
        assert!(convey.stop().await.success());
        let book = convey.book().await;
        book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
        assert_eq!(book.changes.len(), 5);
    }
}

/// A day's budget is a day's: what is left waits, and a person who asks is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_day_stops_it_and_it_says_so() {
    let sandbox = crate::rig::sandbox(1, 1).await;
    let line = "rate_limit = { requests = 1000000, per_ms = 1000, daily = 30 }";
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| *text = text.replace(ROOM, line));
    let letters = letters_of(&sandbox, Kind::ContactCreated, 60).await;
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let total = async || crate::polls::scene::requests(&sandbox).await.0;
    eventually("the day is spent", async || (total().await >= 30).then_some(())).await;
    let person = letters[0].json()["id"].as_str().unwrap().to_owned();
    let said = convey.command(&["crm", "contact", "get", &person]).await;
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("allowance is spent"), "{said:?}");
    assert_eq!(total().await, 30);
    let status = convey.status().await.unwrap();
    assert!(status["status"]["connections"]["acme"]["waiting"].as_u64().unwrap() > 0, "what is left waits: {status}");
    // A new start is no new day.
    assert!(convey.stop().await.success());
    convey.start().await;
    let said = convey.command(&["crm", "contact", "get", &person]).await;
    assert!(said.stderr.contains("allowance is spent"), "{said:?}");
    assert!(convey.stop().await.success());
    assert_eq!(total().await, 30);
}
