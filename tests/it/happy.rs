//! One signed webhook becomes one event, through three components.

use convey::contract::Trigger;
use convey::sandbox::Kind;
use serde_json::{Value, json};

use crate::rig::{Convey, accepted_ids, asked, eventually, sandbox};
use crate::wire::{self, letters_of};

const CONTACT: &str = "GET /contacts/{id}";

/// The webhook carries the fact; who the person is and where they came from is fetched. The mapper gets both, so the event has the click.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signed_webhook_becomes_one_event_that_has_what_was_fetched() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    // Somebody who came through an advertisement and whose browser is known: only the CRM's API tells that.
    let mut found = None;
    for letter in letters_of(&sandbox, Kind::ContactCreated, 60).await {
        let id = letter.json()["id"].as_str().unwrap().to_owned();
        let bearer = format!("Bearer {}", summary.crm_token);
        let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
        let answer = wire::get(&format!("{}/contacts/{id}", summary.crm), &headers).await.unwrap().json();
        let touch = &answer["contact"]["attributionSource"];
        let usable = |key: &str| touch[key].as_str().is_some_and(|text| !text.contains(' '));
        if usable("fbclid") && usable("fbp") && answer["contact"]["dnd"] == false {
            found = Some((letter, touch.clone()));
            break;
        }
    }
    let (letter, touch) = found.unwrap();
    assert!(!String::from_utf8_lossy(&letter.body).contains(touch["fbp"].as_str().unwrap()));
    let before = asked(&sandbox, "crm", CONTACT).await;

    let mut convey = Convey::new(&summary);
    convey.start().await;
    let answer = letter.send(&convey.hook()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["delivery"].is_string());
    eventually("the event is accepted", async || (!sandbox.accepted(0).is_empty()).then_some(())).await;

    // The sandbox's CRM answers 200 only to a bearer token together with a `Version` header.
    assert_eq!(asked(&sandbox, "crm", CONTACT).await - before, 1, "one fetch");
    let requests = wire::get(&format!("{}/requests", summary.control), &[]).await.unwrap().json();
    let crm: Vec<&Value> =
        requests["requests"].as_array().unwrap().iter().filter(|asked| asked["side"] == "crm").collect();
    assert_eq!(crm.last().unwrap()["status"], 200);

    let event = sandbox.accepted(0)[0].event.clone();
    assert_eq!(
        (event["event_name"].as_str(), event["action_source"].as_str()),
        (Some("Lead"), Some("system_generated"))
    );
    assert_eq!(event["user_data"]["fbp"], touch["fbp"]);
    let fbc = event["user_data"]["fbc"].as_str().unwrap();
    assert!(fbc.ends_with(touch["fbclid"].as_str().unwrap()), "{fbc}");

    // The very same webhook again is answered 200 and nothing more happens.
    let again = letter.send(&convey.hook()).await.unwrap();
    assert_eq!((again.status, again.json()), (200, json!({"known": true})));
    convey.drained().await;
    assert!(convey.stop().await.success());
    assert_eq!(sandbox.accepted(0).len(), 1);
    assert_eq!(asked(&sandbox, "crm", CONTACT).await - before, 1);

    let book = convey.book().await;
    book.assert_all_told([letter.id.as_str()]);
    assert_eq!((book.accounts.len(), book.changes.len()), (1, 1));
    let change = &book.changes[0];
    assert_eq!(change.trigger, Trigger::ContactCreated);
    assert_eq!(change.contact.first_touch.as_ref().unwrap().fbp.as_deref(), touch["fbp"].as_str());
}

/// A deal's change comes as two webhooks with two ids; it is one fact, and its event is told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twin_webhooks_are_one_event() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::OpportunityCreated, 1).await;
    assert_eq!(letters.len(), 2);
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        assert!(letter.send(&convey.hook()).await.unwrap().json()["delivery"].is_string(), "each is stored");
        // One after the other, so that each is read by itself.
        convey.drained().await;
    }
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert_eq!((book.accounts.len(), book.changes.len(), book.event_ids().len()), (2, 1, 1));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
}
