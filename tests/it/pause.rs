//! Stopping: every send at once, the whole program in order; and a changed configuration without stopping at all.

use convey::clock::Clock;
use convey::sandbox::{Fault, Faults, Kind, Locations, Play, Sandbox};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Convey, accepted_ids, asked, eventually, sandbox, second_connection};
use crate::wire::{self, letters, letters_of};

/// How many events wait for the destination.
async fn waiting(convey: &Convey) -> u64 {
    convey.status().await.unwrap()["status"]["destinations"]["ads"]["waiting"].as_u64().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_all_stops_every_send_and_takes_what_comes_until_resumed() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 60).await;
    let (before, after) = letters.split_at(20);
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in before {
        letter.insist(&convey.hook()).await;
    }
    // While events flow: what left before the pause may still arrive, nothing leaves after it.
    convey.command(&["pause", "--all"]).await.json();
    eventually("what was under way has ended", async || {
        let status = convey.status().await?;
        (status["status"]["destinations"]["ads"]["in_flight"].as_u64().unwrap_or(0) == 0).then_some(())
    })
    .await;
    let (accepted, requests) =
        (sandbox.accepted(0).len(), asked(&sandbox, "ads", "POST /{version}/{object}/events").await);
    for letter in after {
        assert_eq!(letter.send(&convey.hook()).await.unwrap().status, 200, "deliveries are taken all the same");
    }
    eventually("all is read and translated", async || {
        let status = convey.status().await?["status"].clone();
        let reading = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (reading == 0 && waiting(&convey).await >= 30).then_some(())
    })
    .await;
    let status = convey.status().await.unwrap();
    assert_eq!(status["status"]["pauses"][0]["scope"], "all");

    // A pause outlives the program.
    assert!(convey.stop().await.success());
    convey.start().await;
    let still = waiting(&convey).await;
    assert!(still >= 30);
    let extra = letters_of(&sandbox, Kind::ContactCreated, 8).await;
    for letter in &extra {
        letter.insist(&convey.hook()).await;
    }
    eventually("the next life translates too", async || (waiting(&convey).await > still).then_some(())).await;
    assert_eq!(sandbox.accepted(0).len(), accepted, "nothing was accepted");
    assert_eq!(asked(&sandbox, "ads", "POST /{version}/{object}/events").await, requests, "nothing was even sent");

    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().chain(&extra).map(|letter| letter.id.as_str()));
    let told = accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &told);
    assert_eq!(told.len(), book.event_ids().len());
}

/// When each request for events arrived at the platform, of the last thousand to anybody: milliseconds since the epoch.
async fn arrivals(sandbox: &Sandbox) -> Vec<u64> {
    let book = wire::get(&format!("{}/requests", sandbox.summary().control), &[]).await.unwrap().json();
    let is_send = |row: &&Value| row["side"] == "ads" && row["path"].as_str().unwrap().ends_with("/events");
    book["requests"].as_array().unwrap().iter().filter(is_send).map(|row| row["at"].as_u64().unwrap()).collect()
}

/// While deliveries keep coming and refused batches are being halved, request after request: by the platform's own record, nothing arrives once
/// a second has passed since the pause was said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_all_stops_every_send_within_a_second_under_load() {
    /// How long the platform takes for an answer, in milliseconds: a batch with bad events takes many of these.
    const LATENCY_MS: u64 = 250;
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 400).await;
    let ads = Fault { latency_ms: LATENCY_MS, reject_share: 0.1, ..Fault::default() };
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    convey.command(&["pause", "--all"]).await.json();
    let (before, during) = letters.split_at(300);
    for letter in before {
        letter.insist(&convey.hook()).await;
    }
    eventually("a batch waits", async || (waiting(&convey).await >= 150).then_some(())).await;
    sandbox.set_faults(Faults { crm: None, ads: Some(ads.clone()) });
    convey.command(&["resume", "--all"]).await.json();
    let hook = convey.hook();
    let coming = async {
        for letter in during {
            letter.insist(&hook).await;
        }
    };
    let paused = async {
        eventually("batches are being halved", async || (arrivals(&sandbox).await.len() >= 2).then_some(())).await;
        convey.command(&["pause", "--all"]).await.json();
        Clock::system().now_ms()
    };
    let ((), paused_at) = tokio::join!(coming, paused);
    eventually("what was under way has ended, and the rest waits", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (left + status["destinations"]["ads"]["in_flight"].as_u64()? == 0).then_some(())
    })
    .await;
    let requests = arrivals(&sandbox).await;
    let late: Vec<u64> = requests.iter().map(|at| at.saturating_sub(paused_at)).filter(|late| *late > 1_000).collect();
    assert!(late.is_empty(), "milliseconds after the pause: {late:?}, of {} requests", requests.len());
    let status = convey.status().await.unwrap()["status"]["destinations"]["ads"].clone();
    let left = status["waiting"].as_u64().unwrap() + status["retrying"].as_u64().unwrap();
    assert!(left >= 100, "it was stopped in the middle: {status}");

    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { latency_ms: 0, ..ads.clone() }) });
    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let told = accepted_ids(&sandbox, &sandbox.summary().dataset);
    let good = book.event_ids().into_iter().filter(|id| !ads.rejects(id)).collect();
    book.assert_exact(&good, &told);
    assert!(book.ambiguous.is_empty(), "what had not left when it was stopped is no doubt");
}

/// SIGTERM in the middle of everything: what is under way ends, nothing is left in between, and the next life needs to guess nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_what_is_under_way_and_leaves_nothing_in_flight() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters(&sandbox, Play { changes: 60, ..Play::default() }).await;
    let ads = Fault { latency_ms: 400, ..Fault::default() };
    sandbox.set_faults(Faults { crm: None, ads: Some(ads) });
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let hook = convey.hook();
    let sending = async {
        for letter in &letters {
            letter.insist(&hook).await;
        }
    };
    let stopping = async {
        eventually("a request is under way", async || {
            let status = convey.status().await?;
            (status["status"]["destinations"]["ads"]["in_flight"].as_u64()? > 0).then_some(())
        })
        .await;
        assert_eq!(convey.stop().await.code(), Some(0));
        let book = convey.book().await;
        let events: Vec<_> =
            book.accounts.iter().flat_map(|account| &account.changes).flat_map(|change| &change.events).collect();
        assert!(events.iter().any(|event| event.state == "done"), "what was under way was settled");
        assert!(events.iter().all(|event| event.state != "in_flight"));
        assert!(book.ambiguous.is_empty());

        sandbox.set_faults(Faults::default());
        convey.start().await;
    };
    tokio::join!(sending, stopping);
    convey.drained().await;
    assert_eq!(convey.stop().await.code(), Some(0));
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    let told = accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &told);
    assert!(book.ambiguous.is_empty() && told.len() == book.event_ids().len());
}

/// Whoever hears that it is ready may stop it at once, and it ends in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_right_after_it_is_ready_ends_it_in_order() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    for _ in 0..5 {
        convey.start().await;
        assert_eq!(convey.stop().await.code(), Some(0));
    }
}

/// SIGHUP takes up a connection that was added, and what had been held for it; a file with a mistake changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_adds_a_connection_and_ignores_a_broken_file() {
    let sandbox = sandbox(2, 1).await;
    let summary = sandbox.summary();
    let second = summary.locations[1].clone();
    let of_second = Some(Locations::Named(vec![second.clone()]));
    let play = Play { changes: 4, kinds: vec![Kind::ContactCreated], locations: of_second, ..Play::default() };
    let letters = letters(&sandbox, play).await;
    let mut convey = Convey::new(&summary);
    convey.start().await;
    assert_eq!(letters[0].send(&convey.hook()).await.unwrap().status, 200);
    assert_eq!(convey.status().await.unwrap()["status"]["held"][0]["count"], json!(1));

    convey.file("convey.toml", "nonsense = true\n");
    convey.signal(Signal::HUP);
    eventually("the mistake is told", async || convey.spoken().contains("nonsense").then_some(())).await;
    assert_eq!(convey.status().await.unwrap()["status"]["held"][0]["count"], json!(1));

    let mut convey = convey.configure(|text| text.push_str(&second_connection(&second)));
    convey.signal(Signal::HUP);
    eventually("what was held has arrived", async || (!sandbox.accepted(0).is_empty()).then_some(())).await;
    for letter in &letters[1..] {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert!(book.accounts.iter().all(|account| account.connection.as_deref() == Some("second")));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &summary.dataset));
}
