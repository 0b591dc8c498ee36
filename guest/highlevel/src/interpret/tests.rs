use std::path::Path;

use serde_json::json;

use super::*;
use crate::bindings::convey::pipeline::types::Trigger;
use crate::samples::subject;

fn told(trigger: Option<&str>, body: Value) -> Result<Vec<Change>, String> {
    interpret(&subject("country = \"US\"\ncurrency = \"USD\""), trigger, &[body.to_string().into_bytes()]).remove(0)
}

fn bare() -> Value {
    json!({"id": "c1", "locationId": "l1", "type": "lead", "firstName": "Zoë", "email": "z@example.org", "tags": ["a", "b"],
        "dateAdded": "2021-11-26T12:41:02.193Z", "dateUpdated": "2021-11-27T00:00:00Z", "dnd": true})
}

#[test]
fn a_bare_contact_with_and_without_wrapper() {
    let plain = told(None, bare()).expect("a contact");
    let wrapped = told(Some("contact-created"), json!({"contact": bare()})).expect("a contact");
    assert_eq!(plain, wrapped);
    let change = &plain[0];
    assert_eq!(
        (&change.trigger, change.occurred_at, change.seen_at),
        (&Trigger::ContactCreated, 1_637_930_462_193, 1_637_930_462_193)
    );
    assert_eq!(
        (change.country.as_deref(), change.currency.as_deref(), change.contact.location.as_str()),
        (Some("US"), Some("USD"), "l1")
    );
}

#[test]
fn each_trigger_of_a_bare_contact() {
    let changes = |trigger| told(Some(trigger), bare()).map(|mut changes| changes.remove(0)).expect("a change");
    assert!(
        matches!(changes("contact-updated").trigger, Trigger::ContactUpdated(names) if names == ["emails", "first-name"])
    );
    assert_eq!(changes("contact-updated").occurred_at, 1_637_971_200_000);
    assert_eq!(changes("contact-deleted").trigger, Trigger::ContactDeleted);
    assert!(matches!(changes("tags-changed").trigger, Trigger::TagsChanged(delta) if delta.added == ["a", "b"]));
    assert_eq!(changes("consent-changed").trigger, Trigger::ConsentChanged);
    let error = told(Some("task-created"), bare()).expect_err("no task in a contact");
    assert!(error.contains("contact-created"), "{error}");
}

#[test]
fn ids_are_stable_and_differ_by_fact() {
    let id = |trigger| told(Some(trigger), bare()).map(|changes| changes[0].id.clone()).expect("a change");
    assert_eq!(id("tags-changed"), id("tags-changed"));
    assert_ne!(id("tags-changed"), id("contact-created"));
}

#[test]
fn a_bad_body_does_not_stop_the_rest() {
    let bodies =
        [b"{".to_vec(), b"{\"a\":1}".to_vec(), bare().to_string().into_bytes(), br#"{"type":"PLAN_CHANGE"}"#.to_vec()];
    let answers = interpret(&subject(""), None, &bodies);
    let ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [false, false, true, false]);
    assert_eq!(answers[3], Err("PLAN_CHANGE says nothing of a contact".into()));
    assert_eq!(told(None, json!({"type": "TaskCreate", "id": "t"})), Err("TaskCreate names no contact".into()));
    assert!(interpret(&subject("nonsense = 1"), None, &bodies).iter().all(Result::is_err));
}

#[test]
fn a_payload_without_tags_or_time_still_speaks() {
    for kind in ["ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"] {
        assert_eq!(told(None, json!({"type": kind, "id": "c"})).map(|changes| changes.len()), Ok(1), "{kind}");
    }
}

/// The vendor's own samples, where they lie beside this repository.
#[test]
fn the_vendors_samples() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/webhook-examples");
    let Ok(files) = std::fs::read_dir(&samples) else {
        let mut stderr = std::io::stderr();
        std::io::Write::write_all(&mut stderr, b"skipped: no webhook-examples beside the repository\n")
            .expect("stderr is open");
        return;
    };
    let mut read = 0;
    for file in files {
        let path = file.expect("a readable directory").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let body = std::fs::read(&path).expect("a readable file");
        let answer = interpret(&subject(""), None, &[body]).remove(0);
        if name.starts_with("App") && !name.starts_with("Appointment") || name.starts_with("Location") {
            assert!(answer.is_err(), "{name}");
        } else {
            let changes = answer.expect(&name);
            assert_eq!(changes.len(), 1, "{name}");
            assert!(
                !changes[0].contact.id.is_empty()
                    && !changes[0].contact.location.is_empty()
                    && changes[0].occurred_at > 0,
                "{name}"
            );
        }
        read += 1;
    }
    assert!(read >= 25, "{read}");
}

#[test]
fn the_short_way_reads_as_the_long_one() {
    let odd = json!({"id": 7, "email": "", "phone": null, "additionalEmails": ["a@b.c", {"email": "d@e.f"}], "dnd": "true", "postalCode": 73301,
        "dateAdded": 1_637_930_462_193_u64, "dndSettings": {"SMS": {"status": "active"}, "Email": {"status": "inactive"}},
        "customFields": [{"id": "f", "value": [1, "x"]}, {"id": "g", "value": {"b": 1, "a": [null]}}, {"key": "h", "fieldValue": 1.5}, {"id": "i"}],
        "attributions": [{"isFirst": true, "fbclid": "I w", "gclid": "G", "url": " u "}, {"isLast": true, "pageUrl": "p", "leadId": "123456789012345"}],
        "appointment": {"dateAdded": "2021-11-26T12:41:02Z"}});
    for body in [
        bare(),
        json!({"contact": bare()}),
        odd,
        json!({"id": "c", "appointment": {"dateAdded": "2021-11-26"}}),
        json!({"id": "c"}),
    ] {
        let subject = subject("country = \"US\"");
        let (settings, catalogue) = (settings::parse(&subject.settings).expect("valid"), Catalogue::default());
        let bytes = body.to_string().into_bytes();
        let short = created::at_once(&subject, &settings, &catalogue, None, &bytes).expect("the short way");
        assert_eq!(long(&subject, &settings, &catalogue, None, &bytes), Ok(vec![short]), "{body}");
    }
    for body in [json!({"type": "ContactCreate", "id": "c"}), json!({"email": "a@b.c"}), json!([])] {
        let subject = subject("");
        let body = body.to_string().into_bytes();
        assert!(created::at_once(&subject, &Settings::default(), &Catalogue::default(), None, &body).is_none());
    }
}
