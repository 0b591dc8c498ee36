//! Conversions that a program of the operator's reports: proven, checked, durable, and told once.

use bytes::Bytes;
use convey::clock::Clock;
use convey::sandbox::{Sandbox, Summary};
use convey::store::Account;
use ring::hmac::{HMAC_SHA256, Key, sign};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Book, Convey, accepted_ids, eventually, sandbox, second_connection};
use crate::wire::{Answer, deliver, send};

const TOKEN: &str = "till-token-0123456789";
const SECRET: &str = "till-secret-0123456789";
const SIGNATURE: &str = "x-convey-signature";

/// A convey that takes reports for its connection `acme`, both ways.
fn convey(summary: &Summary) -> Convey {
    let convey = Convey::new(summary).configure(|text| {
        text.push_str(
            "[connection.acme.conversions]\ntoken = { file = \"till.token\" }\nhmac = { file = \"till.secret\" }\n",
        );
    });
    convey.file("till.token", TOKEN);
    convey.file("till.secret", &format!("{SECRET}\n"));
    convey
}

/// Somebody the CRM has and convey never heard of.
async fn somebody(sandbox: &Sandbox, location: &str) -> String {
    let summary = sandbox.summary();
    let bearer = format!("Bearer {}", summary.crm_token);
    let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28"), ("content-type", "application/json")];
    let draft = json!({"locationId": location, "firstName": "Ann", "lastName": "Lee", "email": "ann.lee@example.com"});
    let answer =
        deliver(&format!("{}/contacts/", summary.crm), &headers, Bytes::from(draft.to_string())).await.unwrap();
    answer.json()["contact"]["id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

fn now_ms() -> u64 {
    Clock::system().now_ms()
}

fn purchase() -> Value {
    json!({"eventType": "Purchase", "timestamp": now_ms(), "value": 49.9, "currency": "EUR", "externalId": "order-7"})
}

async fn post(convey: &Convey, contact: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let url = convey.url(&format!("/contacts/{contact}/conversions"));
    deliver(&url, headers, Bytes::from(body.to_string())).await.unwrap()
}

/// Reports with the token, under a key.
async fn report(convey: &Convey, contact: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    post(convey, contact, &[("authorization", &bearer), ("idempotency-key", key)], body).await
}

fn signed(secret: &str, seconds: u64, contact: &str, body: &Value) -> String {
    let mark = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), format!("{seconds}.{contact}.{body}").as_bytes());
    let hex: String = mark.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

fn account<'a>(book: &'a Book, delivery: &Value) -> &'a Account {
    book.accounts.iter().find(|account| delivery == account.delivery.as_str()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reported_conversion_is_one_event_however_often_it_is_reported() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let contact = somebody(&sandbox, &summary.location).await;
    let mut convey = convey(&summary);
    convey.start().await;

    let body = purchase();
    let first = report(&convey, &contact, "sale 1", &body).await;
    assert_eq!(first.status, 202, "{first:?}");
    let delivery = first.json()["delivery"].clone();
    assert!(delivery.as_str().unwrap().starts_with("d_"), "{delivery}");
    // The same again, in another spelling of the same moment and currency.
    let mut again = body.clone();
    again["timestamp"] = json!((body["timestamp"].as_f64().unwrap() / 1_000.0));
    again["currency"] = json!("eur");
    for same in [&body, &again] {
        let answer = report(&convey, &contact, "sale 1", same).await;
        assert_eq!((answer.status, answer.json()), (202, json!({"delivery": delivery})));
    }
    let mut other = body.clone();
    other["value"] = json!(50);
    let conflict = report(&convey, &contact, "sale 1", &other).await;
    assert!(
        conflict.status == 409 && conflict.json()["error"].as_str().unwrap().contains("Idempotency-Key"),
        "{conflict:?}"
    );
    let elsewhere = report(&convey, "another-contact", "sale 1", &body).await;
    assert_eq!(elsewhere.status, 409, "the contact is part of what was said: {elsewhere:?}");
    convey.drained().await;

    let accepted = sandbox.accepted(0);
    assert_eq!(accepted.len(), 1);
    let event = &accepted[0].event;
    assert_eq!(event["event_name"], "Purchase");
    assert_eq!(event["event_time"].as_u64(), Some(body["timestamp"].as_u64().unwrap() / 1_000));
    let custom = &event["custom_data"];
    assert_eq!(
        (custom["value"].as_f64(), &custom["currency"], &custom["order_id"]),
        (Some(49.9), &json!("EUR"), &json!("order-7"))
    );
    assert!(event["user_data"]["em"].is_array(), "the person is the CRM's: {event}");

    // Reported anew under a key of its own, the same sale is taken and told no second time; killed and started again, nor is it.
    let twin = report(&convey, &contact, "sale 1, from the other till", &body).await;
    assert_eq!(twin.status, 202, "{twin:?}");
    assert_ne!(twin.json()["delivery"], delivery);
    convey.drained().await;
    convey.kill().await;
    convey.start().await;
    assert_eq!(report(&convey, &contact, "sale 1", &body).await.json(), json!({"delivery": delivery}));
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert_eq!(book.accounts.len(), 2);
    let events = &account(&book, &delivery).changes[0].events;
    assert_eq!(event["event_id"], events[0].event_id.as_str(), "the delivery leads to the event");
    let told_before = account(&book, &twin.json()["delivery"]);
    assert_eq!((told_before.state.as_str(), told_before.reason.as_deref()), ("silent", Some("repeated")));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &summary.dataset));
}

/// Signed over time, contact and body; and what was answered 202 outlives a kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_report_is_durable_before_it_is_answered() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let contact = somebody(&sandbox, &summary.location).await;
    let mut convey = convey(&summary);
    convey.start().await;
    convey.command(&["pause", "acme"]).await.json();
    // The least a report says. The amount is in the location's currency then.
    let body = json!({"eventType": "Booking", "timestamp": now_ms() / 1_000, "value": 12});
    let signature = signed(SECRET, now_ms() / 1_000, &contact, &body);
    let answers = [
        post(&convey, &contact, &[(SIGNATURE, &signature)], &body).await,
        post(&convey, &contact, &[(SIGNATURE, &signature)], &body).await,
    ];
    convey.kill().await;
    assert_eq!(answers[0].status, 202, "{answers:?}");
    assert_eq!(answers[0].json(), answers[1].json(), "without a key the same report is known by what it says");
    convey.start().await;
    convey.command(&["resume", "acme"]).await.json();
    eventually("the event is accepted", async || (!sandbox.accepted(0).is_empty()).then_some(())).await;
    convey.drained().await;
    let accepted = sandbox.accepted(0);
    assert_eq!(accepted.len(), 1);
    let event = &accepted[0].event;
    assert_eq!((&event["event_name"], &event["custom_data"]["currency"]), (&json!("Booking"), &json!("USD")));
    assert_eq!(event["custom_data"]["value"].as_f64(), Some(12.0));
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_proven_or_not_right_is_refused_and_not_stored() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = convey(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]", "max_body_bytes = 4096\n[admin]");
    });
    convey.start().await;
    let (body, now) = (purchase(), now_ms() / 1_000);
    let good = signed(SECRET, now, "c", &body);
    let bearer = format!("Bearer {TOKEN}");
    for (what, headers, contact) in [
        ("nothing", vec![], "c"),
        ("another token", vec![("authorization", "Bearer till-token-0123456788")], "c"),
        ("the token's beginning", vec![("authorization", "Bearer till-token")], "c"),
        ("another scheme", vec![("authorization", "Basic dGlsbA==")], "c"),
        ("another secret", vec![(SIGNATURE, signed("till-secret-0123456780", now, "c", &body).leak() as &str)], "c"),
        ("another's body", vec![(SIGNATURE, signed(SECRET, now, "c", &json!({})).leak() as &str)], "c"),
        ("for another contact", vec![(SIGNATURE, good.as_str())], "d"),
        ("long ago", vec![(SIGNATURE, signed(SECRET, now - 301, "c", &body).leak() as &str)], "c"),
        ("in the future", vec![(SIGNATURE, signed(SECRET, now + 900, "c", &body).leak() as &str)], "c"),
        ("no signature at all", vec![(SIGNATURE, "deadbeef")], "c"),
        ("a bad signature beside the token", vec![(SIGNATURE, "t=1,v1=00"), ("authorization", bearer.as_str())], "c"),
    ] {
        let answer = post(&convey, contact, &headers, &body).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let changed = |field: &str, value: Value| {
        let mut body = purchase();
        body[field] = value;
        body
    };
    let week_ms = 7 * 24 * 3_600_000;
    for (field, value, said) in [
        ("timestamp", json!(now_ms() + 120_000), "in the future"),
        ("timestamp", json!(now_ms() - week_ms - 60_000), "7 days old"),
        ("timestamp", json!("soon"), "with its zone"),
        ("currency", json!("EURO"), "ISO 4217"),
        ("currency", Value::Null, "a value and a currency"),
        ("value", json!("49.90"), "must be a number"),
        ("value", json!(-1), "must be a number"),
        ("eventType", json!(""), "1 to 100"),
    ] {
        let answer = report(&convey, "c", "k", &changed(field, value.clone())).await;
        assert_eq!((answer.status, &answer.json()["field"]), (422, &json!(field)), "{value}: {answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains(said), "{answer:?}");
    }
    let mistyped = report(&convey, "c", "k", &changed("curency", json!("EUR"))).await;
    assert!(mistyped.status == 422 && mistyped.json()["error"].as_str().unwrap().contains("currency"), "{mistyped:?}");
    assert_eq!(report(&convey, "ann@shop.io", "k", &body).await.status, 422);
    assert_eq!(report(&convey, "c", &"k".repeat(256), &body).await.status, 400);
    assert_eq!(report(&convey, "c", "k", &json!([])).await.status, 400);
    assert_eq!(report(&convey, "c", "k", &changed("externalId", json!("x".repeat(5_000)))).await.status, 413);
    let asked = send(http::Method::GET, &convey.url("/contacts/c/conversions"), &[], Bytes::new()).await.unwrap();
    assert_eq!(asked.status, 405, "{asked:?}");

    convey.drained().await;
    assert!(convey.stop().await.success());
    assert!(convey.book().await.accounts.is_empty(), "nothing of what was refused was stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_for_nobody_ends_with_a_reason() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = convey(&sandbox.summary());
    convey.start().await;
    let answer = report(&convey, "nobodys-id", "k", &purchase()).await;
    assert_eq!(answer.status, 202, "only the CRM knows who is there: {answer:?}");
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let account = account(&book, &answer.json()["delivery"]);
    assert_eq!((account.state.as_str(), account.kind.as_deref()), ("dead", Some("conversion-reported")));
    assert!(account.reason.as_deref().unwrap().contains("no contact of the reported id"), "{account:?}");
    assert!(sandbox.accepted(0).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_is_full_says_when_to_come_back() {
    let sandbox = sandbox(1, 1).await;
    let contact = somebody(&sandbox, &sandbox.summary().location).await;
    let mut convey = convey(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]", "high_water = 3\n[admin]");
    });
    convey.start().await;
    convey.command(&["pause", "acme"]).await.json();
    let sale = |number: usize| {
        let mut body = purchase();
        body["externalId"] = json!(format!("order-{number}"));
        body
    };
    let sales: Vec<Value> = (0..8).map(sale).collect();
    let mut statuses = Vec::new();
    for (number, sale) in sales.iter().enumerate() {
        let answer = report(&convey, &contact, &number.to_string(), sale).await;
        assert!(answer.status == 202 || answer.headers.contains_key("retry-after"), "{answer:?}");
        statuses.push(answer.status);
    }
    let taken = statuses.iter().filter(|status| **status == 202).count();
    assert!((3..=4).contains(&taken) && statuses[taken..].iter().all(|status| *status == 429), "{statuses:?}");

    convey.command(&["resume", "acme"]).await.json();
    for (number, sale) in sales.iter().enumerate() {
        eventually("it is taken", async || {
            (report(&convey, &contact, &number.to_string(), sale).await.status == 202).then_some(())
        })
        .await;
    }
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert_eq!((book.accounts.len(), sandbox.accepted(0).len()), (8, 8));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
}

/// The secret says whose report it is; it is read at every use, and a table that comes is taken up without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_names_the_connection_and_changes_while_it_runs() {
    let sandbox = sandbox(2, 1).await;
    let summary = sandbox.summary();
    let second = summary.locations[1].clone();
    let contact = somebody(&sandbox, &second).await;
    let mut convey = Convey::new(&summary);
    convey.start().await;
    let bearer = |token: &str| format!("Bearer {token}");
    let body = purchase();
    let absent = post(&convey, &contact, &[("authorization", &bearer(TOKEN))], &body).await;
    let nowhere = deliver(&convey.url("/no/such/place"), &[], Bytes::new()).await.unwrap();
    assert_eq!((absent.status, &absent.body), (404, &nowhere.body), "as if it were not there");
    assert_eq!(nowhere.status, 404);

    convey.file("till.token", TOKEN);
    convey.file("south.token", "south-token-0123456789");
    let mut convey = convey.configure(|text| {
        text.push_str("[connection.acme.conversions]\ntoken = { file = \"till.token\" }\n");
        text.push_str(&second_connection(&second));
        text.push_str("[connection.second.conversions]\ntoken = { file = \"south.token\" }\n");
    });
    convey.signal(Signal::HUP);
    let taken = eventually("the table is taken up", async || {
        let answer = post(&convey, &contact, &[("authorization", &bearer("south-token-0123456789"))], &body).await;
        (answer.status != 404).then_some(answer)
    })
    .await;
    assert_eq!(taken.status, 202, "{taken:?}");

    convey.file("south.token", "a-new-token-of-the-south");
    for (token, status) in [("south-token-0123456789", 401), ("a-new-token-of-the-south", 202)] {
        let answer = post(&convey, &contact, &[("authorization", &bearer(token))], &body).await;
        assert_eq!(answer.status, status, "{token}: {answer:?}");
    }
    assert_eq!(convey.command(&["check"]).await.code, Some(0));
    convey.file("south.token", TOKEN);
    let shared = post(&convey, &contact, &[("authorization", &bearer(TOKEN))], &body).await;
    assert!(shared.status == 401 && shared.json()["error"].as_str().unwrap().contains("its own"), "{shared:?}");
    for (secret, said) in
        [(TOKEN, "connection second as connection acme has"), ("short", "fewer than 16"), ("", "no secret")]
    {
        convey.file("south.token", secret);
        let check = convey.command(&["check"]).await;
        assert!(check.code == Some(78) && check.stderr.contains(said), "{check:?}");
        assert!(!check.stderr.contains(TOKEN), "{check:?}");
    }
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert_eq!(book.accounts.len(), 1);
    assert_eq!(account(&book, &taken.json()["delivery"]).connection.as_deref(), Some("second"));
    assert_eq!(sandbox.accepted(0).len(), 1);
}
