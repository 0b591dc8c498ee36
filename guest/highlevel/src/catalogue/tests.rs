use serde_json::{Value, json};

use super::*;
use crate::bindings::convey::pipeline::types::CustomField;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::contact::contact;
use crate::reply::Reply;
use crate::samples::{ready, subject};
use crate::settings::ApiVersion;

fn answer(path: &str) -> (u16, Value) {
    match path {
        "/locations/loc/customFields?model=contact" => (
            200,
            json!({"customFields": [
                {"id": "f1", "name": "Lead score", "fieldKey": "contact.lead_score", "dataType": "NUMERICAL"},
                {"id": "f2", "name": "Interests", "fieldKey": "contact.interests", "dataType": "CHECKBOX"},
                {"name": "no id"}]}),
        ),
        "/opportunities/pipelines?locationId=loc" => (
            200,
            json!({"pipelines": [{"id": "p", "name": "Sales", "stages": [
                {"id": "s2", "name": "Won", "position": 1}, {"id": "s1", "name": "New", "position": 0}]}]}),
        ),
        "/locations/loc" => (200, json!({"location": {"id": "loc", "country": "us", "timezone": "America/Chicago"}})),
        other => panic!("not asked for: {other}"),
    }
}

fn fetched(refuse: &str, status: u16, body: Value) -> Result<Catalogue, SourceError> {
    let send = async |call: Call| {
        let (status, body) = if call.path.contains(refuse) { (status, body.clone()) } else { answer(&call.path) };
        Ok(Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    };
    ready(fetch("loc", ApiVersion::Dated, &send))
}

fn whole() -> Catalogue {
    fetched("nothing", 200, json!({})).expect("three answers")
}

#[test]
fn three_answers_make_a_catalogue() {
    let catalogue = whole();
    assert_eq!(catalogue.fields["f1"].key, "lead_score");
    assert_eq!(catalogue.fields.len(), 2);
    assert_eq!((catalogue.country.as_deref(), catalogue.time_zone.as_deref()), (Some("US"), Some("America/Chicago")));
    assert_eq!((&catalogue.currency, catalogue.missing.len()), (&None, 0));
    let kept = of(&Subject { catalogue: Some(catalogue.save()), ..subject("") });
    assert_eq!(kept, Some(Catalogue { v: VERSION, ..catalogue.clone() }));
    assert!(text(&catalogue).contains("\"Sales\"") && !text(&catalogue).contains("vain"));
    let strange = Subject { catalogue: Some(br#"{"v":9}"#.to_vec()), ..subject("") };
    assert_eq!((of(&strange), of(&subject(""))), (None, None));
}

#[test]
fn a_missing_scope_empties_its_part_only() {
    for (status, message) in [(401, "The token is not authorized for this scope."), (403, "Forbidden")] {
        let catalogue = fetched("pipelines", status, json!({"message": message})).expect("the rest is read");
        assert_eq!(
            (catalogue.missing.as_slice(), catalogue.fields.len()),
            (&["opportunities.readonly".to_owned()][..], 2)
        );
        assert!(catalogue.pipelines.is_empty());
    }
    let old = fetched("customFields", 404, json!({"message": "Cannot GET /locations/loc/customFields"})).expect("read");
    assert_eq!(old.missing, ["catalogue.fields"]);
    assert!(matches!(fetched("pipelines", 401, json!({"message": "Invalid JWT"})), Err(SourceError::Unauthorized(_))));
    assert!(matches!(fetched("pipelines", 503, json!({})), Err(SourceError::Unavailable(_))));
    assert!(matches!(fetched("pipelines", 429, json!({})), Err(SourceError::Throttled(_))));
}

#[test]
fn custom_fields_are_told_by_key_and_type() {
    let raw = contact(&json!({"id": "c", "customFields": [
        {"id": "f1", "value": " 12.5 "}, {"id": "f2", "value": "sailing"}, {"id": "f9", "value": "x"}]}));
    let told = resolved(raw, Some(&whole())).custom_fields;
    let field =
        |key: &str, name: Option<&str>, value| CustomField { key: key.into(), name: name.map(Into::into), value };
    assert_eq!(
        told,
        [
            field("lead_score", Some("Lead score"), FieldValue::Number(12.5)),
            field("interests", Some("Interests"), FieldValue::Many(vec!["sailing".into()])),
            field("f9", None, FieldValue::Text("x".into()))
        ]
    );
    assert_eq!(typed("NUMERICAL", FieldValue::Text("many".into())), FieldValue::Text("many".into()));
    let names = whole().resolve(Trigger::ContactUpdated(vec![
        "city".into(),
        "custom-fields.f2".into(),
        "custom-fields.f1".into(),
    ]));
    assert_eq!(
        names,
        Trigger::ContactUpdated(vec![
            "city".into(),
            "custom-fields.interests".into(),
            "custom-fields.lead_score".into()
        ])
    );
}

#[test]
fn a_stage_is_told_with_its_pipeline() {
    let bare = |pipeline: &str, id: &str| TypedStage {
        pipeline_id: pipeline.into(),
        pipeline: None,
        id: id.into(),
        name: None,
        position: None,
    };
    let catalogue = whole();
    let won = catalogue.stage(bare("p", "s2"));
    assert_eq!((won.pipeline.as_deref(), won.name.as_deref(), won.position), (Some("Sales"), Some("Won"), Some(1)));
    assert_eq!(catalogue.stage(bare("", "s1")).pipeline_id, "p");
    assert_eq!(catalogue.stage(bare("q", "s1")), bare("q", "s1"), "another pipeline's stage of that id is another");
}

#[test]
fn an_id_asked_for_in_vain_is_left_alone_for_ten_minutes() {
    let named = |id: &str| Named { fields: vec![id.to_owned()], stages: Vec::new() };
    let catalogue = whole();
    assert!(!catalogue.lacks(&named("f1"), 0) && catalogue.lacks(&named("gone"), 0));
    let renewed = catalogue.renewed(whole(), &named("gone"), 1_000);
    assert!(!renewed.lacks(&named("gone"), 1_000 + VAIN_MS - 1));
    assert!(renewed.lacks(&named("gone"), 1_000 + VAIN_MS) && renewed.lacks(&named("other"), 1_001));
    let poor = fetched("pipelines", 403, json!({})).expect("the rest");
    let stage = |id: &str| Named { fields: Vec::new(), stages: vec![id.to_owned()] };
    let poor = Catalogue::default().renewed(poor, &Named::default(), 5);
    assert!(!poor.lacks(&stage("any"), 6) && poor.lacks(&stage("any"), 5 + VAIN_MS), "a scope is not tried each time");
}

#[test]
fn ids_asked_for_in_vain_are_bounded() {
    let many = Named { fields: (0..1000).map(|id| id.to_string()).collect(), stages: Vec::new() };
    assert_eq!(Catalogue::default().renewed(whole(), &many, 1).vain.len(), VAIN);
}
