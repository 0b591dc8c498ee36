//! When it cannot take more it says so, keeps what it has, and takes more as soon as it can.

use std::fs;

use convey::sandbox::{Fault, Faults, Kind, Options, Play, Sandbox};
use rustix::process::{Resource, Rlimit, prlimit};

use crate::memory::{Watch, resident_kib};
use crate::rig::{Convey, accepted_ids, eventually, options, sandbox};
use crate::wire::{self, letters_of};

async fn ready(convey: &Convey) -> u16 {
    wire::get(&convey.url("/readyz"), &[]).await.unwrap().status
}

/// A store that may not grow behaves as one on a full disk: the limit on the size of files is one that needs no rights to set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_room_is_answered_429_and_goes_on_when_there_is_room() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 6).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    letters[0].insist(&convey.hook()).await;
    convey.drained().await;

    let no_room = Rlimit { current: Some(4_096), maximum: None };
    prlimit(Some(convey.pid()), Resource::Fsize, no_room).unwrap();
    for letter in &letters[1..] {
        let answer = letter.send(&convey.hook()).await.unwrap();
        assert_eq!(answer.status, 429, "never a 5xx, after which some senders do not come back: {answer:?}");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    }
    eventually("it says that it is not ready", async || {
        letters[1].send(&convey.hook()).await;
        (ready(&convey).await == 503).then_some(())
    })
    .await;

    prlimit(Some(convey.pid()), Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    for letter in &letters[1..] {
        letter.insist(&convey.hook()).await;
    }
    eventually("it is ready again", async || (ready(&convey).await == 200).then_some(())).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert_eq!(book.accounts.len(), 6);
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_the_high_water_mark_senders_are_asked_to_come_back() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]", "high_water = 5\n[admin]");
    });
    convey.start().await;
    convey.command(&["pause", "acme"]).await.json();
    let mut answers = Vec::new();
    for letter in &letters {
        answers.push(letter.send(&convey.hook()).await.unwrap());
    }
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((5..=6).contains(&taken), "the mark is five: {answers:?}");
    for answer in &answers[taken..] {
        assert_eq!(answer.status, 429);
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(ready(&convey).await, 503);

    convey.command(&["resume", "acme"]).await.json();
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("it is ready again", async || (ready(&convey).await == 200).then_some(())).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
}

/// How large the store is on disk, its write-ahead log included.
fn on_disk(convey: &Convey) -> u64 {
    let size = |name: &str| fs::metadata(convey.state().join(name)).map_or(0, |file| file.len());
    size("convey.db") + size("convey.db-wal")
}

/// A source ten times as fast as the sink, which takes a thousand events in twenty seconds: what waits is on disk and not in memory, the
/// door closes at the mark, the sender comes back, and in the end everything is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sink_fills_the_disk_and_not_memory_until_the_door_closes() {
    const MARK: u64 = 1_500;
    /// More than idle, in KiB.
    const FLAT_KIB: u64 = 64 * 1_024;
    let sandbox = Sandbox::start(Options { contacts: 0, ..options() }).await.unwrap();
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text
            .replace("[admin]", &format!("high_water = {MARK}\n[admin]"))
            .replace("brake_times = 0\n", "brake_times = 0\nin_flight = 1\n")
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n");
        text.push_str("[limits]\nrequest_timeout_ms = 120000\n");
    });
    convey.file("rules.toml", "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n");
    convey.start().await;
    let kinds = vec![Kind::ContactCreated];
    let play = |changes| Play {
        changes,
        rate: 500.0,
        kinds: kinds.clone(),
        target: convey.hook(),
        retry_ms: 200,
        tries: 1_000,
        ..Play::default()
    };
    let first = sandbox.play(play(50)).await.unwrap();
    convey.drained().await;
    let (idle, small) = (resident_kib(convey.pid()).unwrap(), on_disk(&convey));
    let watch = Watch::of(convey.pid());
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { latency_ms: 20_000, ..Fault::default() }) });
    let closing = async {
        // Readiness is lost a tenth before.
        eventually("the door closes", async || {
            let status = convey.status().await?["status"].clone();
            let waits = |row: &serde_json::Value| row["waiting"].as_u64().unwrap_or_default();
            let all = waits(&status["connections"]["acme"])
                + waits(&status["changes"])
                + waits(&status["destinations"]["ads"]);
            (all >= MARK && ready(&convey).await == 503).then_some(())
        })
        .await;
        assert!(on_disk(&convey) > small + MARK * 1_024, "what waits is on disk: {} bytes", on_disk(&convey));
        sandbox.set_faults(Faults::default());
    };
    let (rest, ()) = tokio::join!(sandbox.play(play(3_000)), closing);
    let rest = rest.unwrap();
    assert_eq!(rest.refused, 0, "whoever is asked to come back does");
    assert!(rest.fired.iter().any(|fired| fired.tries > 1), "some were asked to");
    convey.drained().await;
    let most = watch.most_kib();
    assert!(most < idle + FLAT_KIB, "{} MiB, and {} MiB at most", idle / 1_024, most / 1_024);
    eventually("it is ready again", async || (ready(&convey).await == 200).then_some(())).await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(first.fired.iter().chain(&rest.fired).map(|fired| fired.webhook_id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
}
