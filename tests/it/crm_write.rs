//! `convey crm`, where it writes: refused where nothing may be written, once under a key, only what differs, and never mistaken for news.

use std::collections::BTreeSet;

use convey::sandbox::{Quirks, Sandbox, Subscription};
use serde_json::{Value, json};

use crate::rig::{Convey, Said, eventually, sandbox};
use crate::tap::{Passed, Tap};
use crate::vendor::Vendor;

const DUE: &str = "2026-12-01T10:00:00Z";

/// A convey that may write, behind a tap.
async fn writer(sandbox: &Sandbox) -> (Convey, Tap, Vendor) {
    let summary = sandbox.summary();
    let tap = Tap::open(&summary).await;
    (may_write(Convey::new(&tap.before(&summary))), tap, Vendor::of(sandbox))
}

fn may_write(convey: Convey) -> Convey {
    convey.configure(|text| *text = text.replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\n"))
}

fn id_of(said: &Said) -> String {
    said.json()["id"].as_str().unwrap().to_owned()
}

/// The requests that write: all but reads, and reads that are written as POST.
fn writes(passed: &[Passed]) -> Vec<(String, Value)> {
    let wrote = passed.iter().filter(|passed| passed.method != "GET" && !passed.line().ends_with("/search"));
    wrote.map(|passed| (passed.line(), passed.body.clone())).collect()
}

fn changed(said: &Said) -> (bool, bool) {
    let said = said.json();
    (said["changed"].as_bool().unwrap(), said["repeated"].as_bool().unwrap())
}

/// Refused before anything is asked, with the line that would allow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_only_reads_asks_nothing_when_it_is_told_to_write() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let id = vendor.contacts().await.remove(0);
    let mut convey = Convey::new(&sandbox.summary());
    let commands: [&[&str]; 13] = [
        &["contact", "create", "--email", "ada@example.com"],
        &["contact", "upsert", "--email", "ada@example.com"],
        &["contact", "update", &id, "--city", "Linz"],
        &["contact", "delete", &id, "--yes"],
        &["tag", "add", &id, "vip"],
        &["tag", "remove", &id, "vip"],
        &["task", "create", &id, "--title", "Call", "--due", DUE],
        &["task", "update", &id, "t1", "--title", "Call"],
        &["task", "complete", &id, "t1"],
        &["task", "delete", &id, "t1", "--yes"],
        &["note", "create", &id, "--body", "x"],
        &["note", "update", &id, "n1", "--body", "x"],
        &["note", "delete", &id, "n1", "--yes"],
    ];
    for runs in [false, true] {
        if runs {
            convey.start().await;
        }
        let before = vendor.asked().await;
        // Each way of asking takes time: without a running convey one of each kind is enough.
        for command in commands.iter().filter(|command| runs || command[1] == "create") {
            let said = convey.command(&[&["crm"][..], *command].concat()).await;
            assert_eq!(said.code, Some(1), "{command:?}: {said:?}");
            assert!(said.stderr.contains("needs contacts.write"), "{command:?}: {said:?}");
            assert!(said.stderr.contains("access = "), "the line to write: {said:?}");
        }
        assert_eq!(vendor.asked().await, before, "nothing was asked");
    }
    assert!(convey.stop().await.success());
}

/// Under one key a contact is made once, whether convey runs or not, and also where the CRM answers that it could not be made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_made_once_for_a_key() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let create = ["crm", "contact", "create", "--first-name", "Ada", "--email", "Ada@Example.com", "--key", "k1"];
    let first = convey.command(&create).await;
    assert_eq!(changed(&first), (true, false), "{first:?}");
    assert_eq!(first.json()["key"], "k1");
    let posts = |passed: &[Passed]| passed.iter().filter(|passed| passed.line() == "POST /contacts/").count();
    assert_eq!(posts(&tap.take()), 1);
    convey.start().await;
    let again = convey.command(&create).await;
    assert_eq!((changed(&again), id_of(&again)), ((true, true), id_of(&first)));
    assert!(tap.take().is_empty(), "nothing is asked");
    let other = convey.command(&[&create[..8], &["k2"]].concat()).await;
    assert_eq!((changed(&other), id_of(&other)), ((false, false), id_of(&first)), "she is there already");
    assert_eq!(writes(&tap.take()), []);

    sandbox.set_quirks(Quirks { create_answers_422: true, ..Quirks::default() });
    let before = vendor.contacts().await.len();
    let made = convey.command(&["crm", "contact", "create", "--email", "grace@example.com"]).await;
    assert_eq!(changed(&made), (true, false), "{made:?}");
    let passed = tap.take();
    assert_eq!(posts(&passed), 1, "{passed:?}");
    assert_eq!(vendor.contacts().await.len(), before + 1);
    assert_eq!(vendor.contact(&id_of(&made)).await["email"], "grace@example.com");
    let useless = convey.command(&["crm", "contact", "create"]).await;
    assert_eq!((useless.code, tap.take().len()), (Some(2), 0), "{useless:?}");
    assert!(convey.stop().await.success());
}

/// Only what differs is sent; the tags, which an update would replace, stay. The custom field goes by its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_sends_what_differs_and_leaves_tags_alone() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let tagged = |contact: &Value| {
        contact["tags"].as_array().is_some_and(|tags| !tags.is_empty()) && contact["firstName"].is_string()
    };
    let (id, before) = vendor.first(tagged).await;
    convey.start().await;
    let first_name = before["firstName"].as_str().unwrap().trim();
    let update = ["crm", "contact", "update", &id, "--first-name", first_name, "--city", "Bad Ischl"];
    let said = convey.command(&update).await;
    assert_eq!(changed(&said), (true, false), "{said:?}");
    let sent = writes(&tap.take());
    let wanted = json!({"city": "Bad Ischl"});
    // A name that is written with blanks around it is another name.
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].0, format!("PUT /contacts/{id}"));
    assert_eq!(sent[0].1["city"], wanted["city"]);
    assert!(sent[0].1.get("tags").is_none() && sent[0].1.get("email").is_none(), "{sent:?}");
    if before["firstName"] == first_name {
        assert_eq!(sent[0].1, wanted);
    }
    let after = vendor.contact(&id).await;
    assert_eq!((&after["tags"], &after["city"]), (&before["tags"], &json!("Bad Ischl")));
    assert_eq!(changed(&convey.command(&update).await), (false, false));
    assert_eq!(writes(&tap.take()), [], "it is so already");

    let said = convey.command(&["crm", "contact", "update", &id, "--field", "preferred_time=after six"]).await;
    assert_eq!(changed(&said), (true, false), "{said:?}");
    let sent = writes(&tap.take());
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].1.as_object().unwrap().keys().collect::<Vec<_>>(), ["customFields"]);
    let got = convey.command(&["crm", "contact", "get", &id]).await.json();
    assert_eq!(got["tags"], before["tags"]);
    assert!(got["custom_fields"].to_string().contains("after six"), "{got}");

    // Found by the address, brought up to date; nobody is made.
    let people = vendor.contacts().await.len();
    let known = vendor.first(|contact| contact["email"].is_string() && contact["email"] != after["email"]).await;
    let email = known.1["email"].as_str().unwrap().trim();
    let said = convey.command(&["crm", "contact", "upsert", "--email", email, "--city", "Gmunden"]).await;
    assert_eq!((changed(&said), vendor.contacts().await.len()), ((true, false), people));
    assert_eq!(vendor.contact(&id_of(&said)).await["city"], "Gmunden");
    assert!(convey.stop().await.success());
}

/// Asked for twice over: a person says that it is meant, and what is gone already is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_is_meant_and_may_be_repeated() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let id = vendor.contacts().await.remove(0);
    convey.start().await;
    let delete = ["crm", "contact", "delete", &id];
    let refused = convey.command(&delete).await;
    assert_eq!((refused.code, tap.take().len()), (Some(2), 0), "{refused:?}");
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    let sure = [&delete[..], &["--yes"]].concat();
    assert_eq!(changed(&convey.command(&sure).await), (true, false));
    assert_eq!(writes(&tap.take()), [(format!("DELETE /contacts/{id}"), Value::Null)]);
    assert!(!vendor.contacts().await.contains(&id));
    assert_eq!(changed(&convey.command(&sure).await), (false, false), "it is gone already");
    assert!(convey.stop().await.success());
}

/// A task through its life: the id is carried from one command to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_made_changed_completed_and_deleted() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let id = vendor.contacts().await.remove(0);
    let before = vendor.of_contact(&id, "tasks").await.len();
    convey.start().await;
    let create = ["crm", "task", "create", &id, "--title", "Call back", "--due", DUE, "--body", "After six."];
    let made = convey.command(&create).await;
    assert_eq!(changed(&made), (true, false), "{made:?}");
    let task = id_of(&made);
    let sent = writes(&tap.take());
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].0, format!("POST /contacts/{id}/tasks"));
    let body = &sent[0].1;
    assert_eq!((&body["title"], &body["completed"]), (&json!("Call back"), &json!(false)), "{body}");
    let due: jiff::Timestamp = body["dueDate"].as_str().unwrap().parse().unwrap();
    assert_eq!(due, DUE.parse::<jiff::Timestamp>().unwrap());

    let one = format!("/contacts/{id}/tasks/{task}");
    let kept = async || {
        let tasks = vendor.of_contact(&id, "tasks").await;
        tasks.iter().find(|known| known["id"] == json!(task)).unwrap().clone()
    };
    let was = kept().await;
    let update = ["crm", "task", "update", &id, &task, "--title", "Call at seven"];
    assert_eq!(changed(&convey.command(&update).await), (true, false));
    assert_eq!(writes(&tap.take()), [(format!("PUT {one}"), json!({"title": "Call at seven"}))]);
    let now = kept().await;
    assert_eq!(now["title"], "Call at seven");
    for untouched in ["body", "dueDate", "completed", "assignedTo"] {
        assert_eq!(now[untouched], was[untouched], "{untouched}");
    }

    let complete = ["crm", "task", "complete", &id, &task];
    assert_eq!(changed(&convey.command(&complete).await), (true, false));
    assert_eq!(writes(&tap.take()), [(format!("PUT {one}/completed"), json!({"completed": true}))]);
    assert_eq!(changed(&convey.command(&complete).await), (false, false));
    assert_eq!(writes(&tap.take()), [], "it is completed already");

    let delete = ["crm", "task", "delete", &id, &task, "--yes"];
    assert_eq!(changed(&convey.command(&delete).await), (true, false));
    assert_eq!(writes(&tap.take()), [(format!("DELETE {one}"), Value::Null)]);
    assert_eq!(changed(&convey.command(&delete).await), (false, false));
    assert_eq!(vendor.of_contact(&id, "tasks").await.len(), before);
    assert!(convey.stop().await.success());
}

/// A note through its life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_made_changed_and_deleted() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let id = vendor.contacts().await.remove(0);
    convey.start().await;
    let made = convey.command(&["crm", "note", "create", &id, "--body", "Called, no answer.", "--key", "n1"]).await;
    assert_eq!(changed(&made), (true, false), "{made:?}");
    let note = id_of(&made);
    tap.take();
    let body = async || {
        let notes = vendor.of_contact(&id, "notes").await;
        notes.iter().find(|known| known["id"] == json!(note)).map(|known| known["body"].as_str().unwrap().to_owned())
    };
    assert!(body().await.unwrap().starts_with("Called, no answer."));
    let update = ["crm", "note", "update", &id, &note, "--body", "Called again, spoke to her."];
    assert_eq!(changed(&convey.command(&update).await), (true, false));
    assert_eq!(changed(&convey.command(&update).await), (false, false), "it says so already");
    assert_eq!(writes(&tap.take()).len(), 1);
    assert!(body().await.unwrap().starts_with("Called again"));
    let delete = ["crm", "note", "delete", &id, &note, "--yes"];
    assert_eq!(changed(&convey.command(&delete).await), (true, false));
    assert_eq!(changed(&convey.command(&delete).await), (false, false));
    assert_eq!(body().await, None);
    assert!(convey.stop().await.success());
}

/// Tags go by difference: what the contact has is not sent again, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_tags_that_are_missing_are_added() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, tap, vendor) = writer(&sandbox).await;
    let tagged = |contact: &Value| contact["tags"].as_array().is_some_and(|tags| tags.len() > 1);
    let (id, before) = vendor.first(tagged).await;
    let had: Vec<&str> = before["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    convey.start().await;
    let add = ["crm", "tag", "add", &id, had[0], "convey-new"];
    assert_eq!(changed(&convey.command(&add).await), (true, false));
    let path = format!("/contacts/{id}/tags");
    assert_eq!(writes(&tap.take()), [(format!("POST {path}"), json!({"tags": ["convey-new"]}))]);
    let tags = async || -> BTreeSet<String> {
        let contact = vendor.contact(&id).await;
        contact["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    };
    let all: BTreeSet<String> = had.iter().copied().chain(["convey-new"]).map(str::to_owned).collect();
    assert_eq!(tags().await, all);
    assert_eq!(changed(&convey.command(&add).await), (false, false));
    assert_eq!(writes(&tap.take()), []);
    let listed = convey.command(&["crm", "tag", "list", &id]).await.json();
    assert_eq!(listed["tags"].as_array().unwrap().len(), all.len());
    assert_eq!(
        changed(&convey.command(&["crm", "tag", "remove", &id, "convey-new", "never-had"]).await),
        (true, false)
    );
    assert_eq!(writes(&tap.take()).last().unwrap().1, json!({"tags": ["convey-new"]}));
    assert_eq!(tags().await, had.iter().map(|tag| (*tag).to_owned()).collect());
    assert!(convey.stop().await.success());
}

/// What convey writes comes back to it as webhooks, and is nobody's news: each is known as its own write, and no event is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_come_back_as_no_news() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, _tap, vendor) = writer(&sandbox).await;
    convey.start().await;
    sandbox.subscribe(Some(Subscription { retries: 3, ..Subscription::plain(convey.hook()) })).unwrap();
    let made = convey.command(&["crm", "contact", "create", "--first-name", "Ada", "--email", "ada@example.com"]).await;
    let id = id_of(&made);
    let came = |count: u64| {
        let convey = &convey;
        async move {
            eventually("the webhooks have come and were read", async || {
                let status = convey.status().await?["status"]["connections"]["acme"].clone();
                let silent: u64 = status["silent"].as_object()?.values().filter_map(Value::as_u64).sum();
                (silent + status["done"].as_u64()? >= count && status["waiting"] == 0).then_some(())
            })
            .await;
        }
    };
    came(1).await;
    for (count, command) in [
        (2, &["tag", "add", &id, "vip"][..]),
        (3, &["task", "create", &id, "--title", "Call", "--due", DUE][..]),
        (4, &["note", "create", &id, "--body", "Called."][..]),
        (5, &["contact", "update", &id, "--city", "Linz"][..]),
        (6, &["tag", "remove", &id, "vip"][..]),
    ] {
        assert_eq!(changed(&convey.command(&[&["crm"][..], command].concat()).await), (true, false), "{command:?}");
        came(count).await;
    }
    // Somebody else's change of the same contact is news, and is told.
    vendor.api(http::Method::POST, &format!("/contacts/{id}/tags"), &json!({"tags": ["theirs"]})).await;
    came(7).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let why: Vec<(&str, Option<&str>)> = book
        .accounts
        .iter()
        .map(|account| (account.kind.as_deref().unwrap_or(""), account.reason.as_deref()))
        .collect();
    let (own, told): (Vec<_>, Vec<_>) =
        book.accounts.iter().partition(|account| account.reason.as_deref() == Some("own-write"));
    assert_eq!((own.len(), told.len()), (6, 1), "{why:?}");
    assert_eq!((told[0].state.as_str(), told[0].changes.len()), ("done", 1), "{why:?}");
    assert_eq!(told[0].changes[0].kind, "tags-changed");
    assert!(sandbox.accepted(0).is_empty(), "tags are no event unless a mapping says so");
}
