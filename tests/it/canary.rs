//! Secrets and people's details: not in a file, not in a log, not in an answer, not in a guest's hands.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use convey::clock::Clock;
use convey::sandbox::{Fault, Faults, Kind, Sandbox};
use memchr::memmem;
use serde_json::{Value, json};

use crate::guests;
use crate::rig::{Convey, asked, eventually, sandbox};
use crate::wire::{deliver, letters_of};

/// Made so that every way of writing it down differs from the others.
const CRM: &str = "canary/crm+7f3a==%\"q\\x9b1d";
const ADS: &str = "canary/ads+5c2e==%\"z\\y8a4f";

/// A secret in every form that it takes on a wire.
pub fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent = |upper: bool| -> String {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        secret.bytes().map(byte).collect()
    };
    let escaped = Value::from(secret).to_string();
    let twice = Value::from(escaped.as_str()).to_string();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex, percent(true), percent(false)];
    forms.extend([escaped, twice].map(|text| text.trim_matches('"').to_owned()));
    forms.push(BASE64_STANDARD.encode(secret));
    forms.push(BASE64_STANDARD_NO_PAD.encode(secret));
    forms.push(BASE64_URL_SAFE.encode(secret));
    forms.push(BASE64_URL_SAFE_NO_PAD.encode(secret));
    forms
}

/// Every file below a folder, with its bytes.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // What is compiled is shared with other tests and made before any secret is read.
        if path.is_dir() && !path.ends_with("compiled") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

/// Everything convey wrote or says, by the place where it stands.
pub async fn everything(convey: &Convey) -> Vec<(String, Vec<u8>)> {
    let mut all = files(&convey.state());
    all.push(("what it printed and logged".to_owned(), convey.spoken().into_bytes()));
    all.push(("GET /status".to_owned(), convey.status().await.unwrap().to_string().into_bytes()));
    for arguments in [
        &["status"][..],
        &["mapper", "history"],
        &["component", "list"],
        &["check"],
        &["component", "inspect", "sink.meta"],
    ] {
        let said = convey.command(arguments).await;
        all.push((arguments.join(" "), (said.stdout + &said.stderr).into_bytes()));
    }
    all
}

/// None of these texts stands anywhere.
pub fn assert_nowhere(all: &[(String, Vec<u8>)], texts: &[String]) {
    for (place, bytes) in all {
        for text in texts {
            assert!(memmem::find(bytes, text.as_bytes()).is_none(), "{text:?} stands in {place}");
        }
    }
}

fn stands_somewhere(all: &[(String, Vec<u8>)], text: &str) -> bool {
    all.iter().any(|(_, bytes)| memmem::find(bytes, text.as_bytes()).is_some())
}

fn echo() -> Option<Fault> {
    Some(Fault { echo: true, ..Fault::default() })
}

async fn contacts_asked(sandbox: &Sandbox) -> u64 {
    asked(sandbox, "crm", "GET /contacts/{id}").await
}

/// Both vendors answer 500 with every header and the body they were sent; then the secrets are changed in their files, and the same convey
/// delivers. Neither the old nor the new ones are anywhere, and neither is anybody's e-mail or phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_personal_text_is_anywhere_though_both_vendors_echo_it() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let letters = letters_of(&sandbox, Kind::ContactCreated, 10).await;
    let (before, ads) = (contacts_asked(&sandbox).await, "POST /{version}/{object}/events");
    let mut convey = Convey::new(&summary).log_everything();
    convey.file("crm.token", CRM);
    convey.file("ads.token", ADS);
    convey.start().await;

    sandbox.set_faults(Faults { crm: echo(), ads: None });
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("the CRM has echoed its token", async || (contacts_asked(&sandbox).await > before + 10).then_some(()))
        .await;
    convey.file("crm.token", &summary.crm_token);
    // One lane reads, ten contacts at most at once: with the eleventh request from here on, none is under way with the old token.
    let changed = contacts_asked(&sandbox).await;
    eventually("the CRM has echoed the new token", async || {
        (contacts_asked(&sandbox).await > changed + 10).then_some(())
    })
    .await;
    sandbox.set_faults(Faults { crm: None, ads: echo() });
    eventually("the ad platform has echoed its token", async || (asked(&sandbox, "ads", ads).await >= 2).then_some(()))
        .await;
    convey.command(&["pause", "--all"]).await.json();
    eventually("nothing is under way with the old token", async || {
        let status = convey.status().await?;
        (status["status"]["destinations"]["ads"]["in_flight"].as_u64()? == 0).then_some(())
    })
    .await;
    convey.file("ads.token", &summary.ads_token);
    sandbox.set_faults(Faults::default());
    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;

    let mut secrets: Vec<String> =
        [CRM, ADS, &summary.crm_token, &summary.ads_token].into_iter().flat_map(forms).collect();
    let mut people = Vec::new();
    for letter in &letters {
        let webhook = letter.json();
        let text = |key: &str| webhook[key].as_str().map(|text| text.trim().to_owned());
        people.extend(
            [text("email"), text("email").map(|mail| mail.to_lowercase()), text("phone")].into_iter().flatten(),
        );
    }
    // Some people write `12345` for a phone: nobody's, and found everywhere.
    people.retain(|text| text.len() >= 8);
    assert!(people.len() > 20);
    secrets.extend(people);
    let running = everything(&convey).await;
    assert!(running.iter().any(|(place, _)| place.ends_with("-wal")), "the log of the store is looked at too");
    assert!(
        stands_somewhere(&running, &letters[0].id),
        "webhook ids stand in the clear: this search finds what is there"
    );
    assert_nowhere(&running, &secrets);
    convey.kill().await;
    assert_nowhere(&files(&convey.state()), &secrets);
    convey.start().await;
    assert!(convey.stop().await.success());
    assert_nowhere(&files(&convey.state()), &secrets);
    assert!(!sandbox.accepted(0).is_empty(), "the changed secrets were taken up without a restart");
    convey.book().await.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
}

/// A sink that tells everything it can lay its hands on, against a platform that echoes everything it is sent: the credential went out with
/// the request, and the guest never saw it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_looks_everywhere_finds_no_secret() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 3).await;
    let mut convey = Convey::new(&sandbox.summary()).log_everything().configure(|text| {
        *text = text.replace("builtin:meta", "peek.wasm");
        text.push_str("[destination.ads.settings]\nbehaviour = \"peek\"\n");
    });
    convey.file("ads.token", ADS);
    let component = tokio::task::spawn_blocking(|| guests::component("convey-test-sink", guests::WASI)).await.unwrap();
    convey.bytes("peek.wasm", &component);
    let granted = convey.command(&["component", "approve", "sink.meta"]).await;
    assert_eq!(granted.code, Some(0), "{granted:?}");
    convey.start().await;
    sandbox.set_faults(Faults { crm: None, ads: echo() });
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let all = everything(&convey).await;
    assert_nowhere(&all, &forms(ADS));
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let events = book.accounts.iter().flat_map(|account| &account.changes).flat_map(|change| &change.events);
    let seen: Vec<String> = events.filter_map(|event| event.reason.clone()).collect();
    assert!(!seen.is_empty());
    for seen in seen {
        assert!(seen.contains("request POST https://sink.test.invalid/v1/echo"), "the guest told what it saw: {seen}");
        assert!(
            seen.contains("Bearer [secret]"),
            "the platform got a credential, echoed it, and it was taken out: {seen}"
        );
        assert!(forms(ADS).iter().all(|form| !seen.contains(form)), "{seen}");
    }
}

/// A program reports conversions with a secret of its own, rightly and wrongly, and names a person where it should not: none of it stays
/// anywhere but sealed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_with_a_report_is_nowhere() {
    const KEY: &str = "sale to ann.canary@example.com";
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary()).log_everything().configure(|text| {
        text.push_str(
            "[connection.acme.conversions]\ntoken = { file = \"till.token\" }\nhmac = { file = \"till.hmac\" }\n",
        );
    });
    convey.file("till.token", CRM);
    convey.file("till.hmac", ADS);
    convey.start().await;
    let url = convey.url("/contacts/somebody/conversions");
    let now = Clock::system().now_ms();
    let body = json!({"eventType": "Visit", "timestamp": now, "externalId": "canary-order-5f1e"}).to_string();
    let right = format!("Bearer {CRM}");
    let wrong = format!("Bearer {CRM}x");
    for (token, said, status) in
        [(&right, &body, 202), (&right, &body, 202), (&wrong, &body, 401), (&right, &body.replace("Visit", ""), 422)]
    {
        let headers = [("authorization", token.as_str()), ("idempotency-key", KEY)];
        let answer = deliver(&url, &headers, Bytes::from(said.clone())).await.unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        let answered = [("the answer".to_owned(), answer.body.to_vec())];
        assert_nowhere(&answered, &forms(CRM));
        assert_nowhere(&answered, &["canary".to_owned()]);
    }
    convey.drained().await;
    let mut texts: Vec<String> = [CRM, ADS].into_iter().flat_map(forms).collect();
    texts.extend(["ann.canary", "canary-order-5f1e"].map(str::to_owned));
    assert_nowhere(&everything(&convey).await, &texts);
    assert!(convey.stop().await.success());
    assert_nowhere(&files(&convey.state()), &texts);
    assert_eq!(convey.book().await.accounts.len(), 1);
}

/// The line of a process's limits about core dumps: what holds, and what it may be raised to.
fn core_limits(process: &str) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

/// A core dump would be all that is secret in one file: there is none, unless somebody who looks for an error asks for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_convey_leaves_no_core_dump_unless_it_is_asked_to() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    assert_eq!(core_limits(&convey.pid().as_raw_nonzero().to_string()), ["0", "0"]);
    assert!(convey.stop().await.success());
    let mut convey = convey.variable("CONVEY_CORE_DUMPS", "1");
    convey.start().await;
    // As whoever started it has it.
    assert_eq!(core_limits(&convey.pid().as_raw_nonzero().to_string()), core_limits("self"));
    assert!(convey.spoken().contains("core dumps are not switched off"), "{}", convey.spoken());
    assert!(convey.stop().await.success());
    let refused = convey.program(&["run"]).env("CONVEY_CORE_DUMPS", "perhaps").output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2), "what is no answer is refused: {refused:?}");
}
