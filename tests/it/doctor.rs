//! Before anything is carried: what there is, what it needs, whether it works, and a trial that leaves nothing behind.

use std::collections::BTreeSet;

use convey::sandbox::Kind;
use http::Method;
use serde_json::{Value, json};

use crate::grants::{agreed, app_table, opened};
use crate::rig::{Convey, eventually, sandbox};
use crate::vendor::Vendor;
use crate::wire::{SIGNATURE, deliver, letters_of};

/// What a connection that reads needs.
const READING: [&str; 5] = [
    "contacts.readonly",
    "locations.readonly",
    "locations/customFields.readonly",
    "locations/tasks.readonly",
    "opportunities.readonly",
];

fn set(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn named(scopes: &[&str]) -> BTreeSet<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

fn may_write(convey: Convey) -> Convey {
    convey.configure(|text| *text = text.replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\n"))
}

/// Every trigger, query and command of the contract, each with its fields, and with its request where it makes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalog_lists_everything_there_is() {
    let sandbox = sandbox(1, 1).await;
    let catalog = Convey::new(&sandbox.summary()).command(&["catalog"]).await.json();
    let entries = catalog.as_array().unwrap();
    let of = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!((of("trigger"), of("query"), of("command"), of("reading")), (14, 9, 13, 1));
    assert_eq!(entries.len(), 37);
    for entry in entries {
        let operations = entry["operations"].as_array().unwrap();
        assert_eq!(operations.is_empty(), entry["kind"] == "trigger", "{entry}");
        for operation in operations {
            for key in ["name", "method", "path", "scope", "source"] {
                assert!(operation[key].is_string(), "{key}: {entry}");
            }
        }
    }
    let requests: usize = entries.iter().map(|entry| entry["operations"].as_array().unwrap().len()).sum();
    assert_eq!(requests, 28);
    let create = entries.iter().find(|entry| entry["name"] == "create-task").unwrap();
    assert_eq!(create["operations"][0]["path"], "/contacts/{contact}/tasks");
    assert_eq!(create["operations"][0]["scope"], "contacts.write");
    assert_eq!(create["fields"], json!(["title", "body", "due_at", "completed", "assignee"]));
}

/// The plan is exactly what is configured needs, and asks nobody; what was granted beyond it is a warning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_is_the_least_that_is_needed() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let before = vendor.asked().await;
    let convey = Convey::new(&summary);
    let plan = convey.command(&["auth", "plan"]).await.json();
    assert_eq!(set(&plan["union"]), named(&READING));
    assert_eq!(plan["needed"].as_array().unwrap().len(), 1);
    assert_eq!(plan["needed"][0]["place"], "connection.acme");
    assert!(plan["needed"][0]["scopes"]["contacts.readonly"].to_string().contains("contact"), "{plan}");
    let mut convey = may_write(convey);
    let plan = convey.command(&["auth", "plan"]).await.json();
    assert_eq!(set(&plan["union"]), named(&[&READING[..], &["contacts.write"]].concat()));
    assert_eq!(vendor.asked().await, before, "nobody was asked");

    // By the app: the address asks for exactly the plan, and what was granted beyond it is named.
    convey.file("app.secret", &summary.oauth_client_secret);
    let table = app_table(&convey, &summary);
    convey = convey.configure(|text| {
        *text = text.replace("token = { file = \"crm.token\" }", "auth = \"oauth\"");
        text.push_str(&table);
    });
    convey.start().await;
    let url = opened(&convey, "acme").await;
    let asked = url.split("scope=").nth(1).unwrap().split('&').next().unwrap();
    let asked = asked.replace("%2F", "/").replace("%20", "+");
    assert_eq!(asked.split('+').map(str::to_owned).collect::<BTreeSet<_>>(), set(&plan["union"]));
    let more = url.replace("scope=", "scope=calendars%2Fevents.readonly%20");
    let redirected = agreed(&more).await;
    let login = ["auth", "login", "acme", "--redirected", &redirected];
    assert_eq!(convey.command(&login).await.code, Some(0));
    let plan = convey.command(&["auth", "plan"]).await.json();
    assert_eq!(plan["extra"], json!([{"connection": "acme", "scopes": ["calendars/events.readonly"]}]));
    assert!(convey.stop().await.success());
}

/// One harmless request for each scope: all is well, or what is missing is named with what to do about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tries_every_scope() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let mut convey = may_write(Convey::new(&summary));
    let people = vendor.contacts().await.len();
    let narrow = json!({"location": summary.location, "scopes": ["contacts.readonly", "locations.readonly"]});
    let narrow = vendor.control(Method::POST, "/tokens", &narrow).await["token"].as_str().unwrap().to_owned();
    for runs in [false, true] {
        convey.file("crm.token", &summary.crm_token);
        if runs {
            convey.start().await;
        }
        let well = convey.command(&["doctor"]).await.json();
        let checks = well["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["ok"] != false), "{well}");
        let tried = |checks: &[Value], ok: bool| -> BTreeSet<String> {
            let of_scopes = checks.iter().filter(|check| check["ok"] == ok);
            of_scopes.filter_map(|check| Some(check["what"].as_str()?.strip_prefix("scope ")?.to_owned())).collect()
        };
        assert_eq!(tried(checks, true), named(&[&READING[..], &["contacts.write"]].concat()));

        convey.file("crm.token", &narrow);
        let ill = convey.command(&["doctor"]).await;
        assert_eq!(ill.code, Some(1), "{ill:?}");
        let said: Value = serde_json::from_str(ill.stdout.lines().last().unwrap()).unwrap();
        let checks = said["checks"].as_array().unwrap();
        assert_eq!(tried(checks, true), named(&["contacts.readonly", "locations.readonly"]));
        let failed = tried(checks, false);
        assert_eq!(failed.len(), 4, "{said}");
        for check in checks.iter().filter(|check| check["ok"] == false) {
            let scope = check["what"].as_str().unwrap().strip_prefix("scope ").unwrap();
            assert_eq!(check["connection"], "acme");
            assert!(check["fix"].as_str().unwrap().contains(&format!("add {scope}")), "{check}");
        }

        convey.file("crm.token", "");
        let ill = convey.command(&["doctor"]).await;
        assert!(ill.code == Some(1) && ill.stdout.contains("crm.token"), "{ill:?}");
    }
    assert_eq!(vendor.contacts().await.len(), people, "probing made nobody");
    assert!(convey.stop().await.success());
}

/// A contact from a file comes as a signed webhook, over loopback only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulated_webhook_arrives_and_never_leaves_the_machine() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let id = vendor.contacts().await.remove(0);
    let mut convey = Convey::new(&summary);
    let fixture = json!({"id": id, "firstName": "Ada", "email": "ada@example.com", "locationId": summary.location});
    let fixture = convey.file("fixture.json", &fixture.to_string());
    let fixture = fixture.to_str().unwrap();
    convey.start().await;
    let simulate = ["simulate", "contact.updated", "--contact", fixture, "--sandbox", &summary.control];
    for away in ["http://192.0.2.1:9/hooks/highlevel", "https://127.0.0.1:9/hooks/highlevel", "http://crm.example/"] {
        let refused = convey.command(&[&simulate[..], &["--to", away]].concat()).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("not on this machine"), "{refused:?}");
    }
    let refused = convey.command(&[&simulate[..4], &["--sandbox", "http://192.0.2.1:9"]].concat()).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(convey.command(&[&["simulate", "contact.exploded"][..], &simulate[2..]].concat()).await.code == Some(2));

    let sent = convey.command(&simulate).await.json();
    assert_eq!((&sent["status"], &sent["target"]), (&json!(200), &json!(convey.hook())), "the ingress by itself");
    let told = convey.command(&[&simulate[..], &["--to", &convey.hook()]].concat()).await.json();
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let arrived: BTreeSet<&str> = book.accounts.iter().map(|account| account.webhook_id.as_str()).collect();
    let fired = [&sent, &told].map(|sent| sent["webhook_id"].as_str().unwrap());
    assert_eq!(arrived, BTreeSet::from(fired), "what was refused did not come");
    assert!(book.accounts.iter().all(|account| account.kind.as_deref() == Some("ContactUpdate")));
    let refused = convey.command(&simulate).await;
    assert_eq!(refused.code, Some(1), "nobody listens any more: {refused:?}");
}

/// The trial writes, reads back and cleans up: afterwards the location is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_smoke_test_leaves_nothing_behind() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let reads_only = Convey::new(&summary);
    let before = vendor.asked().await;
    let refused = reads_only.command(&["smoke"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!((refused.stdout + &refused.stderr).contains("contacts.write"));
    assert_eq!(vendor.asked().await, before, "refused before anything is asked");

    let mut convey = may_write(reads_only);
    let people: BTreeSet<String> = vendor.contacts().await.into_iter().collect();
    let trial = convey.command(&["smoke"]).await.json();
    assert_eq!((&trial["ok"], &trial["left"]), (&json!(true), &json!([])), "{trial}");
    let steps = trial["steps"].as_array().unwrap();
    assert!(steps.len() >= 10 && steps.iter().all(|step| step["latency_ms"].is_number()), "{trial}");
    assert_eq!(vendor.contacts().await.into_iter().collect::<BTreeSet<_>>(), people);

    // On somebody who is there: their tags and tasks are as they were. The tasks' order tells nothing.
    convey.start().await;
    let id = people.first().unwrap().clone();
    let state = async || (vendor.contact(&id).await["tags"].clone(), vendor.of_contact(&id, "tasks").await);
    let was = state().await;
    let trial = convey.command(&["smoke", "--connection", "acme", "--contact", &id]).await.json();
    assert_eq!((&trial["ok"], &trial["contact"]), (&json!(true), &json!(id)), "{trial}");
    assert_eq!(state().await, was);

    // A token that may not write: it says so, and there is nothing to clean up.
    let narrow = json!({"location": summary.location, "scopes": ["contacts.readonly"]});
    let narrow = vendor.control(Method::POST, "/tokens", &narrow).await["token"].as_str().unwrap().to_owned();
    convey.file("crm.token", &narrow);
    let failed = convey.command(&["smoke"]).await;
    assert!(failed.code == Some(1) && failed.stdout.contains("contacts.write"), "{failed:?}");
    let said: Value = serde_json::from_str(failed.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&said["ok"], &said["left"]), (&json!(false), &json!([])));
    assert_eq!(vendor.contacts().await.into_iter().collect::<BTreeSet<_>>(), people);
    convey.file("crm.token", &summary.crm_token);

    // Its webhooks are its own writes coming back, like any other.
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    letter.insist(&convey.hook()).await;
    eventually("the pipeline goes on", async || (!sandbox.accepted(0).is_empty()).then_some(())).await;
    assert!(convey.stop().await.success());
}

/// Both ends: the running convey takes a signed webhook, as it takes the vendor's, and keeps nothing of it; the platform takes an event that is marked as
/// a test, and none that is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tries_both_ends_and_carries_nothing() {
    const HOOK: &str = "signed test webhook to /hooks/highlevel";
    const EVENT: &str = "test event to destination ads";
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    let check = |said: &Value, what: &str| {
        let checks = said["checks"].as_array().unwrap();
        checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{what}: {said}")).clone()
    };
    let stopped = convey.command(&["doctor"]).await.json();
    assert!(check(&stopped, HOOK)["ok"].is_null() && check(&stopped, HOOK)["fix"].to_string().contains("convey run"));
    let untold = check(&stopped, EVENT);
    assert!(untold["ok"].is_null() && untold["fix"].as_str().unwrap().contains("--test-code"), "{untold}");
    assert_eq!(check(&stopped, "token reaches destination ads")["ok"], true);
    assert!(sandbox.accepted(0).is_empty(), "without a code nothing is sent");

    convey.start().await;
    let well = convey.command(&["doctor", "--test-code", "TEST4242"]).await.json();
    assert_eq!((&check(&well, HOOK)["ok"], &check(&well, EVENT)["ok"]), (&json!(true), &json!(true)), "{well}");
    let sent = sandbox.accepted(0);
    assert!(sent.len() == 1 && sent[0].test && sent[0].event["event_name"] == "ConveyDoctor", "{sent:?}");
    let other = convey.command(&["doctor", "--test-code", "TEST4242", "--destination", "nobody"]).await;
    assert_eq!(other.code, Some(2), "{other:?}");

    // A webhook that nobody asked for is forged as before, whatever it says of itself.
    let forged = json!({"webhookId": "convey-doctor-1", "locationId": sandbox.summary().location}).to_string();
    let answer = deliver(&convey.hook(), &[(SIGNATURE, "AAAA")], forged.into()).await.unwrap();
    assert_eq!(answer.status, 401);

    convey.file("ads.token", "nobody-knows-this-one");
    let ill = convey.command(&["doctor"]).await;
    assert_eq!(ill.code, Some(1), "{ill:?}");
    let said: Value = serde_json::from_str(ill.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(check(&said, "token reaches destination ads")["ok"], false);
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert!(book.accounts.is_empty(), "nothing was kept: {:?}", book.accounts);
}
