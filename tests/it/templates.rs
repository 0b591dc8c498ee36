//! The shipped templates, unedited, on a running convey; and one mapping for locations whose fields have other ids.

use std::collections::{BTreeMap, BTreeSet};

use convey::builtin::TEMPLATES;
use convey::sandbox::{Kind, Play, Sandbox, Summary};
use serde_json::Value;

use crate::program::Folder;
use crate::rig::{Convey, eventually, sandbox, second_connection};
use crate::wire;

/// A convey that tells what a template says.
fn with_template(summary: &Summary, name: &str) -> Convey {
    let path = format!("{name}/mapping.toml");
    let text = TEMPLATES.iter().find(|text| text.path == path).unwrap_or_else(|| panic!("no {path}")).text;
    mapping(summary, text)
}

fn mapping(summary: &Summary, text: &str) -> Convey {
    let convey = Convey::new(summary).configure(|config| {
        *config = config.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"mapping.toml\"\n");
    });
    convey.file("mapping.toml", text);
    convey
}

/// Plays these changes to it and waits until all is told.
async fn play(sandbox: &Sandbox, convey: &Convey, kinds: &[Kind], changes: usize) -> Vec<String> {
    let play = Play { changes, rate: 0.0, kinds: kinds.to_vec(), target: convey.hook(), ..Play::default() };
    let played = sandbox.play(play).await.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    played.fired.into_iter().map(|fired| fired.webhook_id).collect()
}

fn events(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.accepted(0).into_iter().map(|accepted| accepted.event).collect()
}

fn names(events: &[Value]) -> BTreeSet<&str> {
    events.iter().filter_map(|event| event["event_name"].as_str()).collect()
}

/// Each template is written out, is free of mistakes, and its cases come out as they say: at least three each, some of them a silence.
#[test]
fn every_template_is_written_out_and_passes_its_cases() {
    let names: BTreeSet<&str> = TEMPLATES.iter().filter_map(|text| Some(text.path.split_once('/')?.0)).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let folder = Folder::new();
        folder.run(&["mapping", "new", "--template", name, "--out", "made"]).ended(0);
        let page = folder.read("made/README.md");
        assert!(page.starts_with(&format!("# {name}\n")) && page.contains("Use it "), "{name}: when to use it");
        let checked = folder.run(&["--format", "json", "mapping", "check", "made/mapping.toml"]).ended(0).json();
        let file = &checked["files"][0];
        assert!(file["cases"].as_u64() >= Some(3), "{name}: {file}");
        assert_eq!((&file["ok"], &file["problems"]), (&Value::Bool(true), &Value::Array(Vec::new())), "{name}");
        let cases = TEMPLATES.iter().filter(|text| text.path.starts_with(&format!("{name}/cases/")));
        assert!(cases.into_iter().any(|case| case.text.contains("\"skip\"")), "{name} has no case of a silence");
    }
}

/// Every stage of every deal is an event of Meta's Conversion Leads, the first and the raw lead included, in the order they were entered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage_of_a_deal_is_told_the_first_included() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = with_template(&sandbox.summary(), "stage-to-lead-events");
    convey.start().await;
    let mut fired = play(&sandbox, &convey, &[Kind::ContactCreated, Kind::OpportunityCreated], 12).await;
    for _ in 0..3 {
        fired.extend(play(&sandbox, &convey, &[Kind::StageMoved], 6).await);
    }
    fired.extend(play(&sandbox, &convey, &[Kind::Won], 2).await);
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(fired.iter().map(String::as_str));

    let told = events(&sandbox);
    assert!(names(&told).is_superset(&BTreeSet::from(["Lead", "Won"])), "{:?}", names(&told));
    for event in &told {
        let custom = &event["custom_data"];
        assert_eq!(event["action_source"], "system_generated", "{event}");
        assert_eq!(
            (custom["event_source"].as_str(), custom["lead_event_source"].as_str()),
            (Some("crm"), Some("HighLevel"))
        );
    }
    // What was told of each deal, against what the source said of it.
    let mut stages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut changes: Vec<_> = book.changes.iter().collect();
    changes.sort_by_key(|change| change.occurred_at);
    for change in changes {
        let convey::contract::Trigger::OpportunityChanged(deal) = &change.trigger else { continue };
        let open = deal.status.as_deref().is_none_or(|status| status == "open");
        if let (true, Some(name)) = (open, deal.stage.as_ref().and_then(|stage| stage.name.as_deref())) {
            stages.entry(&deal.id).or_default().push(name);
        }
    }
    assert!(stages.values().any(|entered| entered.len() > 1), "no deal moved: {stages:?}");
    let entered: usize = stages.values().map(Vec::len).sum();
    let of_stages: Vec<&str> = told.iter().filter_map(|event| event["event_name"].as_str()).collect();
    for name in stages.values().flatten() {
        assert!(of_stages.contains(name), "{name} was entered and not told");
    }
    let told_stages = of_stages.iter().filter(|name| !["Lead", "Won", "Lost"].contains(name)).count();
    assert_eq!(told_stages, entered, "each stage once");
    for entered in stages.values() {
        assert_eq!(entered.first(), Some(&"New Lead"), "the first stage included: {entered:?}");
    }
}

/// `contact-changes` and `purchase-from-opportunity` run as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_and_sales_are_told_by_the_templates_as_they_are() {
    for (template, kinds, wanted) in [
        (
            "contact-changes",
            &[Kind::ContactCreated, Kind::ContactUpdated, Kind::TagsChanged][..],
            &["Lead", "Tagged"][..],
        ),
        ("purchase-from-opportunity", &[Kind::ContactCreated, Kind::OpportunityCreated, Kind::Won], &["Purchase"]),
    ] {
        let sandbox = sandbox(1, 1).await;
        let mut convey = with_template(&sandbox.summary(), template);
        convey.start().await;
        // One kind after another: what happens to a contact nobody has seen yet is its baseline.
        let mut fired = Vec::new();
        for kind in kinds {
            fired.extend(play(&sandbox, &convey, &[*kind], 30).await);
        }
        assert!(convey.stop().await.success());
        convey.book().await.assert_all_told(fired.iter().map(String::as_str));
        let told = events(&sandbox);
        assert!(names(&told).is_superset(&wanted.iter().copied().collect()), "{template}: {:?}", names(&told));
        for event in told.iter().filter(|event| event["event_name"] == "Purchase") {
            assert!(event["custom_data"]["value"].as_f64().is_some_and(|value| value > 0.0), "{event}");
            assert_eq!(event["custom_data"]["currency"], "USD");
            assert!(event["custom_data"]["order_id"].is_string() && event["custom_data"]["pipeline"].is_string());
        }
    }
}

/// A mapping names a custom field by its key; each location has another id for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mapping_reads_a_field_by_its_key_in_locations_with_other_ids() {
    let sandbox = sandbox(2, 1).await;
    let summary = sandbox.summary();
    let text = "[[rule]]\nname = \"lead\"\non = \"contact-created\"\nwhen = \"has(contact.fields.budget)\"\n\
                event = { name = \"Lead\", data = { budget = \"{contact.fields.budget}\", at = \"{location.id}\" } }\n";
    let mut convey =
        mapping(&summary, text).configure(|config| config.push_str(&second_connection(&summary.locations[1])));
    convey.start().await;
    play(&sandbox, &convey, &[Kind::ContactCreated], 60).await;
    assert!(convey.stop().await.success());
    let told = events(&sandbox);
    let places: BTreeSet<&str> = told.iter().filter_map(|event| event["custom_data"]["at"].as_str()).collect();
    assert_eq!(places, summary.locations.iter().map(String::as_str).take(2).collect(), "both locations were told of");
    assert!(told.iter().all(|event| !event["custom_data"]["budget"].is_null()));
    // The same key stands behind different ids.
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for location in &summary.locations[..2] {
        let path = format!("{}/locations/{location}/customFields", summary.crm);
        let token = format!("Bearer {}", summary.crm_token);
        let answer = eventually("the CRM answers", async || {
            wire::get(&path, &[("authorization", &token), ("version", "2021-07-28")]).await
        })
        .await;
        for field in answer.json()["customFields"].as_array().unwrap() {
            let key = field["fieldKey"].as_str().unwrap().to_owned();
            ids.entry(key).or_default().insert(field["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids["contact.budget"].len(), 2, "{ids:?}");
}
