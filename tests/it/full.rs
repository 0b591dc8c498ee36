//! When it cannot take more it says so, keeps what it has, and takes more as soon as it can.

use convey::sandbox::Kind;
use rustix::process::{Resource, Rlimit, prlimit};

use crate::rig::{Convey, accepted_ids, eventually, sandbox};
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
