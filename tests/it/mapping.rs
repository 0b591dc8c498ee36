//! From a template to a mapping one has seen at work: new, check, preview, and what may be tried but does not go live.

use std::collections::BTreeMap;
use std::path::Path;

use convey::sandbox::{Play, Sandbox};
use serde_json::{Value, json};

use crate::guests;
use crate::program::Folder;
use crate::rig::{Convey, options, sandbox};

/// The misbehaving mapper, in a file beside the configuration.
fn strange(convey: &Convey) -> String {
    shown(&convey.bytes("strange.wasm", &guests::component("convey-test-mapper", guests::PURE)))
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Every effect of a preview that is an event, by its id.
fn events(preview: &Value) -> BTreeMap<&str, &Value> {
    let effects = preview["rows"].as_array().unwrap().iter().flat_map(|row| row["effects"].as_array().unwrap());
    let events = effects.filter_map(|effect| effect.get("convert"));
    events.map(|event| (event["id"].as_str().unwrap(), event)).collect()
}

/// What its store holds, in numbers, whenever it is asked.
async fn stored(convey: &Convey) -> Value {
    let mut status = convey.status().await.unwrap()["status"].clone();
    status.as_object_mut().unwrap().remove("at");
    status
}

#[test]
fn every_template_is_written_once_and_passes_its_own_check() {
    let folder = Folder::new();
    let listed = folder.run(&["mapping", "new", "--list", "--format", "json"]).ended(0).json();
    assert!(!listed.as_array().unwrap().is_empty());
    for template in listed.as_array().unwrap() {
        let name = template["name"].as_str().unwrap();
        let new = ["mapping", "new", "--template", name];
        let written = folder.run(&[&new[..], &["--format", "json"]].concat()).ended(0).json();
        let files: Vec<String> = texts(&template["files"]).iter().map(|file| format!("{name}/{file}")).collect();
        assert_eq!(texts(&written["written"]), files);
        let again = folder.run(&new).ended(2);
        assert!(again.err.contains("is there already") && again.err.contains("--out"), "{}", again.err);
        let mapping = format!("{name}/mapping.toml");
        let checked = folder.run(&["mapping", "check", &mapping, "--format", "json"]).ended(0).json();
        assert_eq!(checked["ok"], true, "{checked}");
        let elsewhere = folder.run(&[&new[..], &["--out", &format!("my/{name}")]].concat()).ended(0);
        assert!(elsewhere.out.contains(&format!("convey mapping check my/{name}/mapping.toml")), "{}", elsewhere.out);
        assert_eq!(folder.read(&format!("my/{mapping}")), folder.read(&mapping));
    }
    let first = listed[0]["name"].as_str().unwrap();
    let mistyped = format!("{}x", &first[..first.len() - 1]);
    let unknown = folder.run(&["mapping", "new", "--template", &mistyped]).ended(2);
    assert!(unknown.err.contains(&format!("did you mean `{first}`?")), "{}", unknown.err);
    assert!(!folder.at(&mistyped).exists(), "nothing is made for nothing");
}

#[test]
fn check_names_every_mistake_with_its_file_line_and_caret() {
    let folder = Folder::new();
    folder.write("bad.toml", "[events]\ncontact-creatd = \"Lead\"\nlead-source = 3\n");
    folder.write("good.toml", "[events]\ncontact-created = \"Lead\"\n");
    let ran = folder.run(&["mapping", "check", "bad.toml", "good.toml"]).ended(78);
    for wanted in [
        "bad.toml: line 2, column 1: ",
        "\n  contact-creatd = \"Lead\"\n  ^^^^",
        "did you mean",
        "bad.toml: line 3, ",
        "good.toml is good: 0 case(s)",
    ] {
        assert!(ran.out.contains(wanted), "{wanted}: {}", ran.out);
    }
    let report = folder.run(&["mapping", "check", "bad.toml", "--format", "json"]).ended(78).json();
    let problems = report["files"][0]["problems"].as_array().unwrap();
    assert_eq!((problems.len(), &problems[0]["line"], &problems[0]["column"]), (2, &json!(2), &json!(1)));
    assert!(folder.run(&["mapping", "check"]).ended(2).err.contains("mapping new --list"));
    // Without a name, the usual one.
    folder.write("mapping.toml", "[events]\n");
    assert!(folder.run(&["mapping", "check"]).ended(0).out.contains("mapping.toml is good"));
}

#[test]
fn cases_beside_a_mapping_are_run_and_may_hold_a_change() {
    let folder = Folder::new();
    folder.write("mapping.toml", "[events]\nopportunity-open = \"{stage}\"\n");
    std::fs::create_dir(folder.at("cases")).unwrap();
    let stage = json!({"opportunity-changed": {"status": "open", "stage": {"name": "Qualified"}}});
    let told = json!({"change": {
        "trigger": stage,
        "contact": {"emails": ["Ann@Example.com"], "custom_fields": {"budget": 5000}},
    }});
    folder.write("cases/told.json", told.to_string());
    let mut silent = told.clone();
    silent["change"]["contact"]["consent"] = json!({"do_not_disturb": true});
    silent["skip"] = json!("no-consent");
    folder.write("cases/silent.json", silent.to_string());
    let checked = folder.run(&["mapping", "check", "--format", "json"]).ended(0).json();
    assert_eq!(checked["files"][0]["cases"], 2);

    // All that come out otherwise are named, each with what came out.
    let mut wrong = told.clone();
    wrong["effects"] = json!([]);
    folder.write("cases/wrong.json", wrong.to_string());
    wrong["skip"] = json!("no-rule");
    folder.write("cases/wrong_too.json", wrong.to_string());
    let ran = folder.run(&["mapping", "check"]).ended(78);
    assert!(ran.out.contains("mapping.toml: case `wrong` came out otherwise"), "{}", ran.out);
    assert!(ran.out.contains("case `wrong_too`") && ran.out.contains("\"name\":\"Qualified\""), "{}", ran.out);
    let elsewhere = folder.run(&["mapping", "check", "--cases", "."]).ended(0);
    assert!(elsewhere.out.contains("0 case(s)"), "{}", elsewhere.out);

    // The same cases are tried by hand with the component.
    std::fs::remove_file(folder.at("cases/wrong.json")).unwrap();
    let mut unknown = told.clone();
    unknown["change"]["contact"]["mail"] = json!("a@example.com");
    folder.write("cases/wrong_too.json", unknown.to_string());
    folder.run(&["component", "export", "--out", ".", "rules"]).ended(0);
    let test = ["mapper", "test", "--mapper", "rules.wasm", "--settings", "mapping.toml", "--cases", "cases"];
    let refused = folder.run(&test).ended(1);
    assert!(refused.err.contains("case `wrong_too`: `change.contact.mail` is no key"), "{}", refused.err);
    for (case, wanted) in [
        (json!({"skip": "no-rule"}), "neither a `delivery` nor a `change`"),
        (json!({"change": {}, "delivery": {}}), "keep one"),
        (json!({"change": {}, "trigger": "contact-created"}), "move `trigger` into `change`"),
    ] {
        folder.write("cases/wrong_too.json", case.to_string());
        let refused = folder.run(&test).ended(1);
        assert!(refused.err.contains(wanted), "{}", refused.err);
    }
}

/// Custom fields that a location lacks are named, whether convey runs there or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_field_that_a_connection_lacks_is_named() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    let mapper = strange(&convey);
    let catalogue = convey.command(&["crm", "catalogue"]).await.json();
    let known = catalogue["fields"].as_object().unwrap().values().next().unwrap()["key"].as_str().unwrap().to_owned();
    let mistyped = format!("{known}z");
    let file = shown(&convey.file("reading.toml", &format!("reads {known} {mistyped} nobody-has-this")));
    for running in [false, true] {
        if running {
            convey.start().await;
        }
        let report = convey.command(&["mapping", "check", &file, "--mapper", &mapper]).await.json();
        let checked = &report["files"][0];
        let lacking = json!([
            {"connection": "acme", "field": mistyped, "near": known},
            {"connection": "acme", "field": "nobody-has-this", "near": null},
        ]);
        assert_eq!((&checked["lacking"], &checked["warnings"]), (&lacking, &json!([])), "{report}");
        let drift = json!([
            {"field": mistyped, "lacking": 1, "of": 1, "connections": ["acme"]},
            {"field": "nobody-has-this", "lacking": 1, "of": 1, "connections": ["acme"]},
        ]);
        assert_eq!(checked["drift"], drift, "{report}");
        assert_eq!(checked["remarks"].as_array().unwrap().len(), 3, "remarks are no problem: {report}");
    }
    assert!(convey.stop().await.success());
}

/// What a preview shows is what was sent, field by field; and it sends and stores nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_of_a_change_is_what_the_live_mapper_says_of_it() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let played = sandbox.play(Play { changes: 60, target: convey.hook(), ..Play::default() }).await.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    let before = (stored(&convey).await, sandbox.accepted(0).len());

    let preview = convey.command(&["mapping", "preview", "--last", "1000"]).await.json();
    assert_eq!(preview["of"], "stored");
    let foreseen = events(&preview);
    let accepted = sandbox.accepted(0);
    assert!(accepted.len() > 10, "{}", accepted.len());
    assert_eq!(foreseen.len(), accepted.len());
    for sent in &accepted {
        let event = foreseen[sent.event["event_id"].as_str().unwrap()];
        assert_eq!(event["name"], sent.event["event_name"]);
        assert_eq!(event["occurred_at"].as_u64().unwrap() / 1_000, sent.event["event_time"].as_u64().unwrap());
        assert_eq!(event.get("value"), sent.event["custom_data"].get("value"));
        for (ours, theirs) in
            [("emails", "em"), ("phones", "ph"), ("first_names", "fn"), ("external_ids", "external_id"), ("fbc", "fbc")]
        {
            assert_eq!(event["user_data"].get(ours), sent.event["user_data"].get(theirs), "{ours}");
        }
    }

    // Every change is told or has a reason, and what would help is named.
    let totals = &preview["totals"];
    let silent: u64 = totals["left_out"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(totals["changes"].as_u64().unwrap(), totals["told"].as_u64().unwrap() + silent);
    let mean = totals["mean_estimate"].as_f64().unwrap();
    assert!((1.0..10.0).contains(&mean), "{totals}");
    assert!(totals["would_help"]["gain"].as_f64().unwrap() > 0.0, "{totals}");

    // Another mapping says something else of the same changes; the live one stays.
    let other = shown(&convey.file("other.toml", "[events]\ncontact-created = \"Someone\"\n"));
    let otherwise = convey.command(&["mapping", "preview", "--settings", &other, "--last", "1000"]).await.json();
    assert!(events(&otherwise).values().all(|event| event["name"] == "Someone"));
    assert!(otherwise["totals"]["left_out"]["no-rule"].as_u64().unwrap() > 0);
    let few = convey.command(&["mapping", "preview", "--connection", "acme", "--last", "3"]).await.json();
    assert_eq!(few["rows"].as_array().unwrap()[..], preview["rows"].as_array().unwrap()[..3], "the newest");
    let nobody = convey.command(&["mapping", "preview", "--connection", "nobody"]).await;
    assert_eq!(nobody.code, Some(3), "{nobody:?}");
    let wrong = shown(&convey.file("wrong.toml", "[evnts]\n"));
    let refused = convey.command(&["mapping", "preview", "--settings", &wrong]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("line 1, column"), "{refused:?}");
    let after = (stored(&convey).await, sandbox.accepted(0).len());
    assert_eq!(before, after, "nothing was sent, nothing was stored");
    assert!(convey.stop().await.success());
}

/// Before anything is stored, the CRM's contacts stand in: whole ones, with who is left out and why, and nobody's data on the screen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_stored_changes_contacts_are_asked_of_the_crm() {
    let people = convey::sandbox::Options { contacts: 100, ..options() };
    let sandbox = Sandbox::start(people).await.unwrap();
    let mut convey = Convey::new(&sandbox.summary());
    let mapping = shown(&convey.file("tags.toml", "[events]\ncontact-created = \"Lead\"\ntag-added = \"Tagged\"\n"));
    let ask = ["mapping", "preview", "--settings", &mapping, "--last", "100"];
    let preview = convey.command(&ask).await.json();
    assert_eq!(preview["of"], "contacts");
    let contacts: std::collections::BTreeSet<&str> =
        preview["rows"].as_array().unwrap().iter().map(|row| row["contact"].as_str().unwrap()).collect();
    assert_eq!(contacts.len(), 100);
    let events = events(&preview);
    assert!(events.values().any(|event| event["name"] == "Tagged"));
    assert!(
        events.values().any(|event| event["user_data"]["fbc"].is_string()),
        "a fetched contact says where it came from"
    );
    assert!(events.values().all(|event| event["user_data"]["countries"].is_array()), "the location has a country");
    assert!(preview["totals"]["left_out"]["no-consent"].as_u64().unwrap() > 0, "{}", preview["totals"]);

    let text =
        convey.command(&["mapping", "preview", "--settings", &mapping, "--last", "100", "--format", "text"]).await;
    assert_eq!(text.code, Some(0), "{text:?}");
    for wanted in [
        "nothing: no-consent",
        "asked not to be disturbed",
        "estimated match quality",
        "what would help most: ",
        "Nothing was sent.",
    ] {
        assert!(text.stdout.contains(wanted), "{wanted}: {}", text.stdout);
    }
    assert!(!text.stdout.contains('@') && !preview.to_string().contains('@'), "no address is shown");

    // The same people through the door of a convey that runs and has heard of nothing yet.
    convey.start().await;
    let running = convey.command(&ask).await.json();
    assert_eq!((&running["of"], &running["totals"]), (&json!("contacts"), &preview["totals"]));
    assert!(convey.stop().await.success());
    assert!(sandbox.accepted(0).is_empty());
}

#[test]
fn a_mapping_is_seen_on_invented_people_without_an_account() {
    let folder = Folder::new();
    let alone = folder.run(&["mapping", "preview"]).ended(2);
    assert!(alone.err.contains("--sandbox") && alone.err.contains("convey init"), "{}", alone.err);
    folder.write("mapping.toml", "[events]\ncontact-created = \"Lead\"\nopportunity-open = \"{stage}\"\n");
    let preview = ["mapping", "preview", "--settings", "mapping.toml", "--sandbox", "--last", "30", "--format", "json"];
    let ran = folder.run(&preview).ended(0);
    let seen = ran.json();
    assert_eq!((&seen["of"], seen["rows"].as_array().unwrap().len()), (&json!("sandbox"), 30));
    let kinds: std::collections::BTreeSet<&str> =
        seen["rows"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains("contact-created") && kinds.contains("opportunity-changed"), "{kinds:?}");
    assert!(!ran.out.contains('@'), "no address is shown");
    folder.write("mapping.toml", "[evnts]\n");
    assert!(folder.run(&preview).ended(1).err.contains("line 1, column"));
}
