//! Tokens: changed while it runs, as good as a grant, and nowhere to be read.

use std::collections::BTreeSet;

use convey::sandbox::{Kind, Play};
use http::Method;
use serde_json::json;

use super::{by_app, log_in};
use crate::canary::{assert_nowhere, files, forms};
use crate::rig::{Convey, accepted_ids, sandbox};
use crate::tap::Tap;
use crate::vendor::Vendor;
use crate::wire::{letters, letters_of};

/// A token in a file is read at every use: the next request carries the new one, without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_a_file_is_changed_while_it_runs() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let letters = letters_of(&sandbox, Kind::ContactCreated, 20).await;
    let tap = Tap::open(&summary).await;
    let mut convey = Convey::new(&tap.before(&summary));
    convey.start().await;
    let mut tokens = vec![summary.crm_token.clone()];
    for part in letters.chunks(10) {
        tap.take();
        for letter in part {
            letter.insist(&convey.hook()).await;
        }
        convey.drained().await;
        let bearers: BTreeSet<String> =
            tap.take().iter().map(|passed| passed.header("authorization").to_owned()).collect();
        assert_eq!(bearers, BTreeSet::from([format!("Bearer {}", tokens.last().unwrap())]));
        let asked = json!({"location": summary.location, "scopes": ["contacts.readonly"]});
        let token = vendor.control(Method::POST, "/tokens", &asked).await["token"].as_str().unwrap().to_owned();
        convey.file("crm.token", &token);
        tokens.push(token);
    }
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
}

/// The same deliveries through a connection with a token and through one with a grant: the same events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_and_a_grant_carry_the_same_events() {
    let sandbox = sandbox(1, 2).await;
    let summary = sandbox.summary();
    let letters = letters(&sandbox, Play { changes: 25, seed: 4, ..Play::default() }).await;
    let mut told = Vec::new();
    for (dataset, oauth) in summary.datasets.iter().zip([false, true]) {
        let mut convey = Convey::to(&summary, dataset);
        if oauth {
            convey = by_app(convey, &summary);
        }
        convey.start().await;
        if oauth {
            log_in(&convey).await;
        }
        for letter in &letters {
            letter.insist(&convey.hook()).await;
        }
        convey.drained().await;
        assert!(convey.stop().await.success());
        let ids: BTreeSet<String> = accepted_ids(&sandbox, dataset).into_iter().collect();
        assert!(ids.len() > 5, "{ids:?}");
        told.push(ids);
    }
    assert_eq!(told[0], told[1]);
}

/// Access and refresh tokens, the old and the new: in no file of the state, in no log and in no answer, in whatever form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_in_any_file() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let tap = Tap::open(&summary).await;
    let before = tap.before(&summary);
    let mut convey = by_app(Convey::new(&before), &before).log_everything();
    convey.start().await;
    log_in(&convey).await;
    let id = vendor.contacts().await.remove(0);
    vendor.control(Method::POST, "/oauth/expire", &json!({})).await;
    assert_eq!(convey.command(&["crm", "contact", "get", &id]).await.code, Some(0));
    let mut secrets = vec![summary.oauth_client_secret.clone()];
    for passed in tap.take().iter().filter(|passed| passed.line() == "POST /oauth/token") {
        for key in ["access_token", "refresh_token"] {
            secrets.push(passed.answer[key].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(secrets.len(), 5, "a login and a refresh");
    let texts: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    let mut all = files(&convey.state());
    assert!(all.iter().any(|(place, _)| place.ends_with("-wal")));
    all.push(("what it printed and logged".to_owned(), convey.spoken().into_bytes()));
    for arguments in [&["auth", "status"][..], &["auth", "plan"], &["status"], &["doctor"]] {
        let answer = convey.command(arguments).await;
        all.push((arguments.join(" "), (answer.stdout + &answer.stderr).into_bytes()));
    }
    assert_nowhere(&all, &texts);
    convey.kill().await;
    assert_nowhere(&files(&convey.state()), &texts);
}
