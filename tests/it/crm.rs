//! `convey crm`: what a person asks of the CRM by hand, through a running convey and without one.

use std::collections::BTreeSet;

use convey::sandbox::{Kind, Options, Sandbox};
use http::Method;
use serde_json::{Value, json};

use crate::rig::{Convey, options, sandbox};
use crate::tap::Tap;
use crate::vendor::Vendor;
use crate::wire::letters_of;

fn texts(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row[key].as_str().unwrap().to_owned()).collect()
}

/// One GET, with the version and the token; the answer has what only the API tells: where the person came from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_costs_one_request_with_version_and_token() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let tap = Tap::open(&summary).await;
    let clicked = |contact: &Value| {
        contact["attributionSource"]["fbclid"].as_str().is_some_and(|id| !id.contains(' '))
            && contact["email"].is_string()
    };
    let (id, known) = vendor.first(clicked).await;
    let mut convey = Convey::new(&tap.before(&summary));
    for runs in [false, true] {
        if runs {
            convey.start().await;
        }
        let said = convey.command(&["crm", "contact", "get", &id]).await.json();
        assert_eq!((&said["id"], &said["location"]), (&json!(id), &json!(summary.location)));
        assert_eq!(said["first_touch"]["fbclid"], known["attributionSource"]["fbclid"]);
        assert!(said.as_object().unwrap().contains_key("business"), "absent is null, not left out: {said}");
        let passed = tap.take();
        assert_eq!(passed.len(), 1, "running: {runs}: {passed:?}");
        assert_eq!(passed[0].line(), format!("GET /contacts/{id}"));
        assert_eq!(passed[0].header("version"), "2021-07-28");
        assert_eq!(passed[0].header("authorization"), format!("Bearer {}", summary.crm_token));

        let missing = convey.command(&["crm", "contact", "get", "nobody0000000000000"]).await;
        assert_eq!(missing.code, Some(3), "{missing:?}");
        assert!(missing.stderr.contains("nobody0000000000000"), "{missing:?}");
        tap.take();
    }
    let strange = convey.command(&["crm", "--connection", "nope", "contact", "get", &id]).await;
    assert_eq!((strange.code, tap.take().len()), (Some(3), 0), "{strange:?}");
    assert!(convey.stop().await.success());
}

/// In the CRM's order; none is an empty list; a task that is not there is told apart from a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_listed_in_order_and_a_missing_one_is_named() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let mut id = None;
    for one in vendor.contacts().await {
        if vendor.of_contact(&one, "tasks").await.is_empty() {
            id = Some(one);
            break;
        }
    }
    let id = id.unwrap();
    let convey = Convey::new(&sandbox.summary());
    let none = convey.command(&["crm", "task", "list", &id]).await;
    assert_eq!((none.code, none.stdout.trim()), (Some(0), "[]"), "{none:?}");
    for (title, completed) in [("Call back", false), ("Send the quote", true)] {
        let task = json!({"title": title, "dueDate": "2026-12-01T10:00:00Z", "completed": completed});
        vendor.api(Method::POST, &format!("/contacts/{id}/tasks"), &task).await;
    }
    let kept = vendor.of_contact(&id, "tasks").await;
    let tasks = convey.command(&["crm", "task", "list", &id]).await.json();
    assert_eq!(texts(&tasks, "id"), texts(&json!(kept), "id"));
    assert_eq!(texts(&tasks, "title"), ["Call back", "Send the quote"]);
    assert_eq!(texts(&tasks, "status"), ["open", "completed"]);
    assert_eq!(tasks[0]["due_at"], "2026-12-01T10:00:00Z");
    assert_eq!((&tasks[0]["completed"], &tasks[1]["completed"]), (&json!(false), &json!(true)));

    let task = texts(&tasks, "id").remove(1);
    assert_eq!(convey.command(&["crm", "task", "get", &id, &task]).await.json(), tasks[1]);
    let missing = convey.command(&["crm", "task", "get", &id, "t0000000000000000000"]).await;
    assert_eq!(missing.code, Some(3), "{missing:?}");
    assert!(missing.stderr.contains(&id) && missing.stderr.contains("t0000000000000000000"), "{missing:?}");
}

/// What a note says is printed because it was asked for, and logged nowhere, whatever is logged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notes_text_is_printed_and_never_logged() {
    const TEXT: &str = "Wants to buy the blue one, but his wife must not know.";
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let id = vendor.contacts().await.remove(0);
    vendor.api(Method::POST, &format!("/contacts/{id}/notes"), &json!({"body": TEXT})).await;
    let kept = vendor.of_contact(&id, "notes").await;
    let mine = kept.iter().find(|note| note["body"] == TEXT).unwrap();
    let mut convey = Convey::new(&sandbox.summary()).log_everything();
    for runs in [false, true] {
        if runs {
            convey.start().await;
        }
        let listed = convey.command(&["--log", "debug", "crm", "note", "list", &id]).await;
        assert_eq!(texts(&listed.json(), "id").len(), kept.len());
        assert!(texts(&listed.json(), "body").contains(&TEXT.to_owned()));
        assert!(!listed.stderr.contains("blue one"), "{}", listed.stderr);
        let got = convey.command(&["--log", "debug", "crm", "note", "get", &id, mine["id"].as_str().unwrap()]).await;
        assert_eq!((&got.json()["id"], &got.json()["body"]), (&mine["id"], &json!(TEXT)));
        assert!(!got.stderr.contains("blue one"), "{}", got.stderr);
        let missing = convey.command(&["crm", "note", "get", &id, "n0000000000000000000"]).await;
        assert!(missing.code == Some(3) && missing.stderr.contains("n0000000000000000000"), "{missing:?}");
    }
    assert!(convey.stop().await.success());
    assert!(!convey.spoken().contains("blue one"));
}

/// The CRM writes `2026-12-01 10:00:00`; a person reads a moment that needs no guessing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appointments_have_times_that_anybody_can_read() {
    let sandbox = Sandbox::start(Options { contacts: 60, ..options() }).await.unwrap();
    let vendor = Vendor::of(&sandbox);
    let mut found = None;
    for id in vendor.contacts().await {
        let events = vendor.of_contact(&id, "appointments").await;
        if !events.is_empty() {
            found = Some((id, events));
            break;
        }
    }
    let (id, events) = found.unwrap();
    let convey = Convey::new(&sandbox.summary());
    let listed = convey.command(&["crm", "appointment", "list", &id]).await.json();
    assert_eq!(listed.as_array().unwrap().len(), events.len());
    for (said, event) in listed.as_array().unwrap().iter().zip(&events) {
        assert_eq!((&said["id"], &said["title"]), (&event["id"], &event["title"]));
        for (ours, theirs) in [("starts_at", "startTime"), ("ends_at", "endTime")] {
            let text = said[ours].as_str().unwrap();
            assert!(text.parse::<jiff::Timestamp>().is_ok(), "{text}");
            assert_eq!(text.trim_end_matches('Z').replace('T', " "), event[theirs], "{text}");
        }
    }
}

/// Page after page through the search, or through the deprecated listing where a person asks for that: each contact once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_paged_and_names_nobody_twice() {
    let sandbox = Sandbox::start(Options { contacts: 300, ..options() }).await.unwrap();
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let tap = Tap::open(&summary).await;
    let mut convey = Convey::new(&tap.before(&summary));
    convey.start().await;
    let everybody: BTreeSet<String> = vendor.contacts().await.into_iter().collect();
    let mut firsts = Vec::new();
    for (flags, line) in [(&[][..], "POST /contacts/search"), (&["--legacy-list"][..], "GET /contacts/")] {
        let listed = |limit: &'static str| {
            let arguments = [&["crm", "contact", "list", "--limit", limit][..], flags].concat();
            let convey = &convey;
            async move { texts(&convey.command(&arguments).await.json(), "id") }
        };
        let some = listed("250").await;
        let unique: BTreeSet<String> = some.iter().cloned().collect();
        assert_eq!((some.len(), unique.len()), (250, 250), "{flags:?}");
        assert_eq!(tap.lines(), vec![line; 3], "{flags:?}");
        let all: BTreeSet<String> = listed("1000").await.into_iter().collect();
        assert_eq!(all, everybody, "{flags:?}");
        tap.take();
        firsts.push(some);
    }
    assert_eq!(firsts[0], firsts[1], "both begin with the newest");

    let rows = convey.command(&["crm", "contact", "list", "--limit", "1000"]).await.json();
    let rows = rows.as_array().unwrap();
    assert!(rows.iter().any(|row| row["business"].is_null()), "most belong to no business");
    let business = rows.iter().find_map(|row| row["business"].as_str()).unwrap();
    let of_it: BTreeSet<&str> =
        rows.iter().filter(|row| row["business"] == business).map(|row| row["id"].as_str().unwrap()).collect();
    let listed = convey.command(&["crm", "contact", "list", "--limit", "1000", "--business", business]).await.json();
    assert_eq!(texts(&listed, "id").iter().map(String::as_str).collect::<BTreeSet<_>>(), of_it);
    assert!(tap.lines().contains(&format!("GET /contacts/business/{business}")));

    let id = vendor.contacts().await.remove(7);
    vendor.api(Method::PUT, &format!("/contacts/{id}"), &json!({"city": "Klagenfurt"})).await;
    let changed = convey.command(&["crm", "contact", "list", "--updated-since", "10m"]).await.json();
    assert_eq!(texts(&changed, "id"), [id]);
    assert_eq!(changed[0]["city"], "Klagenfurt");
    assert!(convey.stop().await.success());
}

/// The catalogue of a location, for whoever writes a mapping: fields by key, stages by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_names_fields_and_stages() {
    let sandbox = sandbox(1, 1).await;
    let said = Convey::new(&sandbox.summary()).command(&["crm", "catalogue"]).await.json().to_string();
    for name in ["budget", "service_needed", "New Lead", "Qualified"] {
        assert!(said.contains(name), "{name}: {said}");
    }
}

/// A token that may read contacts and nothing else carries a pipeline that needs no more; what it may not is refused by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_scope_carries_a_pipeline_and_a_missing_one_is_named() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let letters = letters_of(&sandbox, Kind::ContactCreated, 5).await;
    let asked = json!({"location": summary.location, "scopes": ["contacts.readonly"]});
    let token = vendor.control(Method::POST, "/tokens", &asked).await["token"].as_str().unwrap().to_owned();
    let mut convey = Convey::new(&summary);
    convey.file("crm.token", &token);
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let id = vendor.contacts().await.remove(0);
    assert_eq!(convey.command(&["crm", "contact", "get", &id]).await.json()["id"], json!(id));
    let catalogue = convey.command(&["crm", "catalogue"]).await.json();
    let missing: BTreeSet<&str> = catalogue["missing"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let scopes = ["locations.readonly", "locations/customFields.readonly", "opportunities.readonly"];
    assert_eq!(missing, BTreeSet::from(scopes), "what it may not read is empty and named");
    assert!(convey.stop().await.success());
    let write = |text: &mut String| {
        *text = text.replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\n");
    };
    let convey = convey.configure(write);
    let refused = convey.command(&["crm", "tag", "add", &id, "never"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("lacks the scope contacts.write"), "{refused:?}");
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert_eq!(book.changes.len(), letters.len());
    assert!(!sandbox.accepted(0).is_empty());
}
