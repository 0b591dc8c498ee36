//! A platform that asks for a proof of the app's secret gets it from the host; without one it refuses, in words that say what to do.

use convey::sandbox::{Fault, Faults, Kind, Quirks};
use serde_json::Value;

use crate::canary::{assert_nowhere, everything, forms};
use crate::rig::{Convey, accepted_ids, asked, eventually, sandbox};
use crate::wire::letters_of;

/// The line of a destination that gives the app's secret.
fn with_secret(text: &mut String) {
    *text = text.replace("brake_times = 0\n", "brake_times = 0\napp_secret = { file = \"app.secret\" }\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_is_attached_where_the_platform_requires_one() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    sandbox.set_quirks(Quirks { proof_required: true, ..Quirks::default() });
    let letters = letters_of(&sandbox, Kind::ContactCreated, 10).await;
    let mut convey = Convey::new(&summary);
    let noted = convey.command(&["check"]).await.json();
    assert_eq!(noted["unproven"], serde_json::json!(["ads"]));
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let pause = convey.paused().await;
    assert!(pause["reason"].as_str().unwrap().contains("`app_secret`"), "the fix: {pause}");
    assert!(sandbox.accepted(0).is_empty());
    let ill = convey.command(&["doctor"]).await;
    assert!(ill.code == Some(1) && ill.stdout.contains("app_secret"), "{ill:?}");
    assert!(convey.stop().await.success());

    // The secret of another app: refused as well. The right one, put into the same file: taken up, and nothing was lost.
    convey = convey.configure(with_secret);
    convey.file("app.secret", "the secret of another app");
    convey.start().await;
    let ill = convey.command(&["doctor"]).await;
    assert!(ill.code == Some(1) && ill.stdout.contains("`app_secret`"), "{ill:?}");
    assert!(sandbox.accepted(0).is_empty());
    convey.file("app.secret", &format!("{}\n", summary.ads_app_secret));
    convey.drained().await;
    let well = convey.command(&["doctor"]).await.json();
    assert!(well["checks"].as_array().unwrap().iter().all(|check| check["ok"] != false), "{well}");
    assert_eq!(convey.command(&["check"]).await.json()["unproven"], serde_json::json!([]));
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &summary.dataset));
}

/// A missing secret is found before a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_named_and_not_there_is_an_error() {
    let sandbox = sandbox(1, 1).await;
    let convey = Convey::new(&sandbox.summary()).configure(with_secret);
    let missing = convey.command(&["check"]).await;
    assert!(missing.code == Some(78) && (missing.stdout + &missing.stderr).contains("app.secret"));
}

/// Neither the app's secret nor the proof is anywhere, though the platform answers with everything it was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_secret_nor_the_proof_is_anywhere() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let letters = letters_of(&sandbox, Kind::ContactCreated, 6).await;
    let mut convey = Convey::new(&summary).log_everything().configure(with_secret);
    convey.file("app.secret", &summary.ads_app_secret);
    convey.start().await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { echo: true, ..Fault::default() }) });
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let events = "POST /{version}/{object}/events";
    eventually("the platform has echoed it", async || (asked(&sandbox, "ads", events).await >= 2).then_some(())).await;
    sandbox.set_faults(Faults::default());
    convey.drained().await;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, summary.ads_app_secret.as_bytes());
    let signed = ring::hmac::sign(&key, summary.ads_token.as_bytes());
    let proof: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut texts: Vec<String> =
        [&summary.ads_app_secret, &summary.ads_token, &proof].into_iter().flat_map(|secret| forms(secret)).collect();
    texts.push("appsecret_proof=".to_owned());
    let mut all = everything(&convey).await;
    let audit = convey.command(&["audit", "--since", "1h", "--limit", "1000"]).await;
    assert!(serde_json::from_str::<Value>(&audit.stdout).is_ok_and(|said| said["rows"][0].is_object()));
    all.push(("convey audit".to_owned(), audit.stdout.into_bytes()));
    assert_nowhere(&all, &texts);
    assert!(!sandbox.accepted(0).is_empty());
    assert!(convey.stop().await.success());
}
