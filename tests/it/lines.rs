//! What guests write is kept with what they wrote it about, masked and sealed, is told where somebody asks, and goes dark with the contact.

use std::sync::{Arc, Mutex};

use axum::Router;
use convey::admin::{Role, Token};
use convey::sandbox::Kind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::guests;
use crate::rig::{Convey, eventually, sandbox};
use crate::signals::admin;
use crate::wire::{self, Letter, letters_of};

/// What the sink writes; it is told so in small letters.
const WORDS: &str = "QUOKKA CANARY";

/// A platform that takes everything; how many requests it took.
async fn platform() -> (String, Arc<Mutex<usize>>) {
    let taken = Arc::new(Mutex::new(0));
    let count = taken.clone();
    let router = Router::new().fallback(async move || *count.lock().unwrap() += 1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, taken)
}

fn contact(letter: &Letter) -> String {
    letter.json()["id"].as_str().unwrap().to_owned()
}

/// What was written about the first event of a contact.
async fn wrote(convey: &Convey, letter: &Letter) -> Value {
    let why = convey.command(&["why", &contact(letter)]).await.json()["why"].clone();
    assert_eq!(why["deliveries"][0]["wrote"], json!([]), "the source wrote nothing: {why}");
    why["changes"][0]["events"][0]["wrote"].clone()
}

/// The timeline of a contact, for somebody of this role.
async fn timeline(convey: &Convey, letter: &Letter, role: Role) -> String {
    let (url, _) = admin(convey, &format!("/why?id={}", contact(letter)));
    let token = Token::read_of(&convey.state(), role).unwrap().header();
    let page = wire::get(&url, &[("authorization", &token)]).await.unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    String::from_utf8(page.body.to_vec()).unwrap()
}

/// Everything in the state directory, the components left out.
fn files(convey: &Convey) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(convey.state()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_lines_are_kept_with_what_it_wrote_them_about_and_go_dark_with_the_contact() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 4).await;
    let (url, taken) = platform().await;
    let summary = sandbox.summary();
    let mut convey = Convey::new(&summary).log_everything().configure(|text| {
        *text = text
            .replace("builtin:meta", "chatty.wasm")
            .replace(&summary.ads, &url)
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n");
        text.push_str("[destination.ads.settings]\nbehaviour = \"chatty:quokka canary\"\n");
    });
    convey.file("rules.toml", "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n");
    let component = tokio::task::spawn_blocking(|| guests::component("convey-test-sink", guests::WASI)).await.unwrap();
    convey.bytes("chatty.wasm", &component);
    let granted = convey.command(&["component", "approve", "sink.meta"]).await;
    assert_eq!(granted.code, Some(0), "{granted:?}");
    convey.start().await;

    // One alone, then three in one call.
    letters[0].insist(&convey.hook()).await;
    convey.drained().await;
    convey.command(&["pause", "ads"]).await.json();
    for letter in &letters[1..] {
        letter.insist(&convey.hook()).await;
    }
    eventually("three wait", async || {
        (convey.status().await?["status"]["destinations"]["ads"]["waiting"] == 3).then_some(())
    })
    .await;
    convey.command(&["resume", "ads"]).await.json();
    convey.drained().await;
    assert_eq!(*taken.lock().unwrap(), 2);

    // They are kept once the step is settled.
    eventually("all are told", async || (wrote(&convey, &letters[3]).await != json!([])).then_some(())).await;
    for (letter, about) in letters.iter().zip([1, 3, 3, 3]) {
        let wrote = wrote(&convey, letter).await;
        assert_eq!(wrote.as_array().map(Vec::len), Some(1), "{wrote}");
        assert_eq!((&wrote[0]["call"], &wrote[0]["about"]), (&json!("deliver"), &json!(about)), "{wrote}");
        assert!(wrote[0]["guest"].as_str().unwrap().contains("meta"), "{wrote}");
        assert_eq!(wrote[0]["text"], format!("{WORDS}\nasks for [personal]"), "{wrote}");
    }
    let told = convey.program(&["why", &contact(&letters[1])]).output().await.unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("wrote in deliver, in a call about 3:\n      QUOKKA CANARY\n"), "{told}");
    assert!(timeline(&convey, &letters[1], Role::Operator).await.contains(WORDS));
    let seen = timeline(&convey, &letters[1], Role::Viewer).await;
    assert!(seen.contains("wrote in deliver") && !seen.contains(WORDS), "a viewer hears that there is something");

    let forgotten = convey.command(&["forget", &contact(&letters[2]), "--yes"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    for letter in &letters[1..] {
        assert_eq!(wrote(&convey, letter).await[0]["text"], Value::Null, "it may have been about the one who is gone");
    }
    assert_eq!(wrote(&convey, &letters[0]).await[0]["text"], format!("{WORDS}\nasks for [personal]"));
    assert!(!timeline(&convey, &letters[1], Role::Operator).await.contains(WORDS));
    assert!(convey.stop().await.success());
    assert!(!convey.spoken().contains("QUOKKA"), "no log has it: {}", convey.spoken());
    assert!(memchr::memmem::find(&files(&convey), b"QUOKKA").is_none(), "and no file in the clear");
}

/// A delivery that breaks its guest keeps the words with its reason, and no log has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_of_a_guest_that_broke_are_with_what_it_broke_on_and_in_no_log() {
    let sandbox = sandbox(1, 1).await;
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let mut convey = Convey::new(&sandbox.summary()).log_everything().configure(|text| {
        *text = text.replace("builtin:meta", "trap.wasm");
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n");
        text.push_str("[destination.ads.settings]\nbehaviour = \"trap\"\n");
    });
    convey.file("rules.toml", "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n");
    let component = tokio::task::spawn_blocking(|| guests::component("convey-test-sink", guests::WASI)).await.unwrap();
    convey.bytes("trap.wasm", &component);
    assert_eq!(convey.command(&["component", "approve", "sink.meta"]).await.code, Some(0));
    convey.start().await;
    letter.insist(&convey.hook()).await;
    convey.drained().await;
    let wrote = eventually("it is told", async || wrote(&convey, &letter).await.get(0).cloned()).await;
    assert!(wrote["text"].as_str().unwrap().contains("the sink broke on purpose"), "{wrote}");
    let listed = convey.command(&["queue", "list", "--rows", "--state", "dead"]).await.json();
    assert!(listed["rows"][0]["reason"].as_str().unwrap().contains("the sink broke on purpose"), "{listed}");
    assert!(convey.stop().await.success());
    let spoken = convey.spoken();
    assert!(spoken.contains("one event breaks the sink") && !spoken.contains("on purpose"), "{spoken}");
}
