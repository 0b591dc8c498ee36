use serde_json::json;

use super::*;
use crate::bindings::convey::pipeline::types::{Change, Origin, Trigger};
use crate::crm::{Crm, hook, of, told};
use crate::samples::{delivery, ready, subject};

fn deal(kind: &str, second: u64, stage: &str, status: &str) -> Value {
    hook(
        kind,
        second,
        json!({"id": "o", "contactId": "c", "pipelineId": "p", "pipelineStageId": stage, "status": status, "monetaryValue": 40}),
    )
}

fn zoe() -> Value {
    json!({"id": "c", "locationId": "loc", "firstName": "Zoë", "email": "z@example.org", "tags": ["a"], "city": "Austin",
        "attributionSource": {"fbclid": "IwAR1"}})
}

fn opportunity(answer: &Result<Vec<Change>, Silence>) -> (String, Vec<String>) {
    match answer.as_ref().map(|changes| &changes[0].trigger) {
        Ok(Trigger::OpportunityChanged(told)) => {
            let stage = told.stage.as_ref().map(|stage| stage.id.clone()).unwrap_or_default();
            (stage, told.earlier.iter().map(|stage| stage.id.clone()).collect())
        }
        other => panic!("not an opportunity: {other:?}"),
    }
}

fn delta(answer: &Result<Vec<Change>, Silence>) -> Vec<(String, String)> {
    let changes = answer.as_ref().expect("changes");
    let deltas = changes.iter().map(|change| match &change.trigger {
        Trigger::TagsChanged(delta) => (delta.added.join(" "), delta.removed.join(" ")),
        other => panic!("not tags: {other:?}"),
    });
    deltas.collect()
}

#[test]
fn a_new_contact_speaks_once_with_its_attribution() {
    let crm = Crm::holding(zoe());
    let body = hook("ContactCreate", 1, json!({"firstName": "Zoë"}));
    let answers = crm.read(&[body.clone(), body]);
    let changes = answers[0].as_ref().expect("told");
    assert_eq!(
        (changes.len(), &changes[0].trigger, changes[0].occurred_at, changes[0].seen_at),
        (1, &Trigger::ContactCreated, 1_767_225_601_000, 1000)
    );
    assert!(changes[0].contact.first_touch.is_some());
    assert_eq!(changes[0].country.as_deref(), Some("US"));
    assert_eq!(answers[1], Err(Silence::Repeated));
    assert_eq!(*crm.asked.borrow(), ["/contacts/c"], "once for all that waits");
}

#[test]
fn first_sight_is_a_baseline() {
    for kind in ["ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"] {
        let crm = Crm::holding(zoe());
        assert_eq!(crm.one(hook(kind, 1, json!({"tags": ["a"]}))), Err(Silence::Baseline), "{kind}");
        let again = crm.one(hook(kind, 1, json!({"tags": ["a"]})));
        assert!(matches!(again, Err(Silence::Unchanged | Silence::Repeated)), "{kind} {again:?}");
    }
    let crm = Crm::holding(zoe());
    assert!(crm.one(hook("TaskCreate", 1, json!({"id": "t", "contactId": "c", "title": "call"}))).is_ok());
    assert!(crm.one(deal("OpportunityUpdate", 2, "s1", "open")).is_ok());
}

#[test]
fn a_report_for_a_contact_that_is_not_there_ends_with_a_reason() {
    let report = |at: u64| {
        let body =
            json!({"eventType": "Purchase", "timestamp": 1_767_225_601_000_u64, "value": 5.0, "currency": "EUR"});
        Delivery { origin: Origin::Reported("c".into()), ..delivery("r", at, &body) }
    };
    let crm = Crm::holding(zoe());
    let told = told(crm.reading(vec![report(1), report(2)], true).expect("the CRM answers"));
    let change = &told[0].as_ref().expect("told")[0];
    assert!(matches!(&change.trigger, Trigger::ConversionReported(conversion) if conversion.value == Some(5.0)));
    assert_eq!((change.occurred_at, change.contact.emails.len()), (1_767_225_601_000, 1));
    assert_eq!(told[1], Err(Silence::Repeated), "the same again");
    crm.contact.replace(None);
    let nobody = crm.reading(vec![report(3)], true).err();
    assert!(matches!(&nobody, Some(SourceError::NotFound(text)) if text.contains("reported id")), "{nobody:?}");
}

#[test]
fn an_update_names_what_changed() {
    let crm = Crm::holding(zoe());
    assert_eq!(crm.one(hook("ContactUpdate", 1, json!({}))), Err(Silence::Baseline));
    assert_eq!(crm.one(hook("ContactUpdate", 2, json!({}))), Err(Silence::Unchanged));
    crm.set("city", json!("Boston"));
    crm.set("phone", json!("+13105550100"));
    let answer = crm.one(hook("ContactUpdate", 3, json!({}))).expect("told");
    assert_eq!(answer[0].trigger, Trigger::ContactUpdated(vec!["city".into(), "phones".into()]));
    crm.set("city", json!("Austin"));
    let back = crm.one(hook("ContactUpdate", 4, json!({}))).expect("told");
    crm.set("city", json!("Boston"));
    let again = crm.one(hook("ContactUpdate", 5, json!({}))).expect("told");
    assert!(answer[0].id != again[0].id && back[0].id != again[0].id, "a return is another fact");
}

#[test]
fn an_update_between_creation_and_fetch_is_not_swallowed() {
    let crm = Crm::holding(zoe());
    crm.set("city", json!("Boston"));
    assert!(
        crm.one(hook("ContactCreate", 1, json!({"firstName": "Zoë", "email": "z@example.org", "city": "Austin"})))
            .is_ok()
    );
    let answer = crm.one(hook("ContactUpdate", 2, json!({"city": "Boston"}))).expect("told");
    assert_eq!(answer[0].trigger, Trigger::ContactUpdated(vec!["city".into()]));
}

#[test]
fn an_update_read_together_with_the_first_sight_is_not_swallowed() {
    for kind in ["ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"] {
        let crm = Crm::holding(zoe());
        crm.set("city", json!("Boston"));
        crm.set("phone", json!("+13105550100"));
        crm.set("dateUpdated", json!("2026-01-01T00:00:02.000Z"));
        let then = json!({"firstName": "Zoë", "email": "z@example.org", "tags": ["a"], "city": "Austin"});
        let now = json!({"firstName": "Zoë", "email": "z@example.org", "tags": ["a"], "city": "Boston", "phone": "+13105550100"});
        let answers = crm.read(&[hook(kind, 1, then), hook("ContactUpdate", 2, now)]);
        assert_eq!(answers[0], Err(Silence::Baseline), "{kind}");
        let changes = answers[1].as_ref().expect("told");
        assert_eq!(changes[0].trigger, Trigger::ContactUpdated(vec!["city".into(), "phones".into()]), "{kind}");
    }
}

#[test]
fn tags_are_told_by_difference_in_any_order() {
    let crm = Crm::holding(zoe());
    let answers = crm.read(&[
        hook("ContactTagUpdate", 5, json!({"tags": ["a", "b", "c"]})),
        hook("ContactTagUpdate", 3, json!({"tags": ["a", "b"]})),
        hook("ContactCreate", 1, json!({"tags": ["a"]})),
    ]);
    assert_eq!(delta(&answers[0]), [("c".into(), String::new())]);
    assert_eq!(delta(&answers[1]), [("b".into(), String::new())]);
    assert_eq!(crm.one(hook("ContactTagUpdate", 5, json!({"tags": ["a", "b", "c"]}))), Err(Silence::Repeated));
    assert_eq!(delta(&crm.one(hook("ContactTagUpdate", 9, json!({})))), [(String::new(), "a b c".into())]);
    // Late: d came after 5 and was gone by 9.
    let late = crm.one(hook("ContactTagUpdate", 7, json!({"tags": ["a", "b", "c", "d"]})));
    assert_eq!(delta(&late), [("d".into(), String::new()), (String::new(), "d".into())]);
}

#[test]
fn tags_before_the_creation_was_heard_of() {
    let crm = Crm::holding(zoe());
    assert_eq!(crm.one(hook("ContactTagUpdate", 5, json!({"tags": ["a", "vip"]}))), Err(Silence::Baseline));
    let created = crm.one(hook("ContactCreate", 1, json!({"tags": ["a"]}))).expect("told");
    assert_eq!(created[0].trigger, Trigger::ContactCreated);
    assert!(matches!(&created[1].trigger, Trigger::TagsChanged(delta) if delta.added == ["vip"]));
    assert_eq!(created[1].occurred_at, 1_767_225_605_000);
}

#[test]
fn consent_changes_once() {
    let crm = Crm::holding(zoe());
    assert!(crm.one(hook("ContactCreate", 1, json!({}))).is_ok());
    let blocked = json!({"dnd": true, "dndSettings": {"SMS": {"status": "active"}}});
    let change = crm.one(hook("ContactDndUpdate", 2, blocked.clone())).expect("told");
    assert_eq!(
        (&change[0].trigger, &change[0].contact.consent.blocked_channels),
        (&Trigger::ConsentChanged, &vec!["sms".to_owned()])
    );
    assert_eq!(crm.one(hook("ContactDndUpdate", 2, blocked)), Err(Silence::Repeated));
    assert_eq!(crm.one(hook("ContactDndUpdate", 1, json!({"dnd": true}))), Err(Silence::Unchanged));
}

#[test]
fn twins_of_an_opportunity_are_one_fact() {
    let crm = Crm::holding(zoe());
    let answers = crm.read(&[deal("OpportunityCreate", 1, "new", "open"), deal("OpportunityUpdate", 1, "new", "open")]);
    assert_eq!((opportunity(&answers[0]).0.as_str(), &answers[1]), ("new", &Err(Silence::Repeated)));
    let answers =
        crm.read(&[deal("OpportunityUpdate", 5, "won", "open"), deal("OpportunityStageUpdate", 6, "won", "open")]);
    assert_eq!((opportunity(&answers[0]), &answers[1]), (("won".into(), vec!["new".into()]), &Err(Silence::Repeated)));
    let late = crm.one(deal("OpportunityStageUpdate", 3, "called", "open"));
    assert_eq!(opportunity(&late), ("called".into(), vec!["new".into()]), "late, and told");
    assert_eq!(crm.one(deal("OpportunityUpdate", 3, "called", "open")), Err(Silence::Repeated));
    assert_eq!(crm.one(deal("OpportunityAssignedToUpdate", 7, "won", "open")), Err(Silence::Unchanged));
    assert!(matches!(&crm.one(deal("OpportunityDelete", 8, "won", "open")).expect("told")[0].trigger,
        Trigger::OpportunityChanged(told) if told.status.as_deref() == Some("deleted")));
    assert_eq!(crm.one(deal("OpportunityUpdate", 8, "won", "open")), Err(Silence::Repeated));
}

#[test]
fn tasks_notes_and_appointments_speak_once_each() {
    let crm = Crm::holding(zoe());
    for body in [
        of("TaskComplete", 2, json!({"id": "t", "title": "call"})),
        of("TaskCreate", 1, json!({"id": "t", "title": "call"})),
        of("TaskDelete", 3, json!({"id": "t"})),
        of("NoteCreate", 1, json!({"id": "n", "body": "one"})),
        of("NoteUpdate", 2, json!({"id": "n", "body": "two"})),
        of("NoteDelete", 3, json!({"id": "n", "body": "two"})),
        hook("AppointmentCreate", 1, json!({"appointment": {"id": "a", "contactId": "c", "appointmentStatus": "new"}})),
        hook(
            "AppointmentUpdate",
            2,
            json!({"appointment": {"id": "a", "contactId": "c", "appointmentStatus": "showed"}}),
        ),
        hook("AppointmentDelete", 3, json!({"appointment": {"id": "a", "contactId": "c"}})),
    ] {
        assert_eq!(crm.one(body.clone()).map(|changes| changes.len()), Ok(1), "{body}");
        assert_eq!(crm.one(body.clone()), Err(Silence::Repeated), "{body}");
    }
    assert_eq!(
        crm.one(of("NoteUpdate", 1, json!({"id": "n", "body": "one"}))),
        Err(Silence::Repeated),
        "the twin of its creation"
    );
}

#[test]
fn a_deleted_contact_is_not_asked_for() {
    let crm = Crm::holding(zoe());
    let answers = crm.read(&[
        hook("NoteCreate", 1, json!({"id": "n", "contactId": "c", "body": "x"})),
        hook("ContactDelete", 2, json!({"firstName": "Zoë", "email": "z@example.org"})),
    ]);
    assert!(crm.asked.borrow().is_empty());
    for answer in &answers {
        assert_eq!(answer.as_ref().expect("told")[0].contact.emails, ["z@example.org"]);
    }
    assert_eq!(crm.one(hook("ContactDelete", 2, json!({}))), Err(Silence::Repeated));
}

#[test]
fn a_contact_that_is_gone_is_what_its_webhook_says() {
    let crm = Crm::holding(zoe());
    assert!(crm.one(hook("ContactCreate", 1, zoe())).is_ok());
    crm.contact.replace(None);
    let answer = crm.one(hook("ContactUpdate", 2, json!({"firstName": "Zoë", "city": "Boston"}))).expect("told");
    assert_eq!(answer[0].trigger, Trigger::ContactUpdated(vec!["city".into()]));
    assert_eq!(answer[0].contact.city.as_deref(), Some("Boston"));
}

#[test]
fn reading_again_after_a_crash_gives_the_same() {
    let crm = Crm::holding(zoe());
    crm.read(&[hook("ContactCreate", 1, json!({"tags": ["a"]}))]);
    let waiting = [
        deal("OpportunityCreate", 2, "new", "open"),
        hook("ContactTagUpdate", 3, json!({"tags": ["a", "b"]})),
        hook("TaskCreate", 4, json!({"id": "t", "contactId": "c"})),
    ];
    let first = crm.try_read(&waiting, false).expect("read");
    let second = crm.try_read(&waiting, false).expect("read");
    assert!(
        first.tellings == second.tellings && first.memory == second.memory && told(first).iter().all(Result::is_ok)
    );
}

#[test]
fn bad_and_foreign_deliveries_take_no_neighbour_along() {
    let crm = Crm::holding(zoe());
    let answers = crm.read(&[
        json!("not an object"),
        hook("PLAN_CHANGE", 1, json!({})),
        hook("NoteCreate", 2, json!({"id": "n", "contactId": "someone else"})),
        hook("NoteCreate", 3, json!({"id": "n", "contactId": "c", "body": "x"})),
    ]);
    let told: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(told, [false, false, false, true]);
    let quiet = Crm::holding(zoe());
    assert_eq!(quiet.one(hook("LocationUpdate", 1, json!({}))), Err(Silence::Irrelevant));
    assert!(quiet.asked.borrow().is_empty() && quiet.memory.borrow().is_none());
}

#[test]
fn an_error_of_the_api_is_the_works() {
    let crm = Crm::holding(zoe());
    crm.status.set(503);
    assert!(matches!(crm.try_read(&[hook("ContactCreate", 1, json!({}))], true), Err(SourceError::Unavailable(_))));
    let work = Work { contact: Some("c".into()), memory: None, deliveries: Vec::new() };
    let send = async |_: Call| Err("no answer".to_owned());
    let readings = ready(read(&subject("x = 1"), std::slice::from_ref(&work), &send));
    assert!(matches!(&readings.items[0], Err(SourceError::Invalid(text)) if text.contains('x')));
}

#[test]
fn memory_repeats_nothing_personal() {
    let crm = Crm::holding(zoe());
    crm.read(&[
        hook("ContactCreate", 1, zoe()),
        hook("NoteCreate", 2, json!({"id": "n", "contactId": "c", "body": "secret"})),
    ]);
    let memory = String::from_utf8(crm.memory.borrow().clone().expect("remembered")).expect("text");
    assert!(
        !["z@example.org", "Zoë", "Austin", "secret", "IwAR1"].iter().any(|personal| memory.contains(personal)),
        "{memory}"
    );
}

#[test]
fn a_task_that_names_nobody_finds_its_contact() {
    let crm = Crm::holding(zoe());
    crm.list("/tasks/search", json!({"tasks": [{"id": "t", "contactId": "c", "title": "call"}]}));
    let body = hook("TaskCreate", 1, json!({"id": "t", "title": "call"}));
    let deliveries = vec![
        delivery("1", 1000, &body),
        delivery("2", 1001, &hook("TaskCreate", 1, json!({"id": "u", "title": "other"}))),
        delivery("3", 1002, &hook("PLAN_CHANGE", 1, json!({}))),
    ];
    let reading =
        crm.readings(&[Work { contact: None, memory: None, deliveries }]).items.remove(0).expect("the CRM answers");
    assert_eq!(
        reading.tellings,
        [Telling::Belongs("c".into()), Telling::Silent(Silence::Irrelevant), Telling::Silent(Silence::Irrelevant)]
    );
    assert_eq!(reading.memory, None);
    let changes = crm.one(body.clone()).expect("told with the contact it belongs to");
    assert!(matches!(&changes[0].trigger, Trigger::TaskCreated(task) if task.id == "t"));
    assert_eq!((changes[0].contact.id.as_str(), crm.one(body)), ("c", Err(Silence::Repeated)));
    let foreign = hook("TaskCreate", 1, json!({"id": "v", "contactId": "d"}));
    assert_eq!(crm.one(foreign), Err(Silence::Irrelevant));
}

#[test]
fn what_hangs_on_the_contact_is_told_with_it_where_wanted() {
    let crm = Crm::holding(zoe());
    crm.configure("enrich = \"tasks notes appointments\"");
    crm.list("/tasks", json!({"tasks": [{"id": "t", "title": "call", "dueDate": "2026-01-02", "completed": true}]}));
    crm.list("/notes", json!({"notes": [{"id": "n", "body": "x", "dateAdded": "2026-01-01T00:00:00Z"}]}));
    crm.list("/appointments", json!({"events": [{"id": "a", "title": "visit", "startTime": "2021-07-16 11:00:00"}]}));
    let contact = crm.one(hook("ContactCreate", 1, json!({}))).expect("told")[0].contact.clone();
    assert_eq!((contact.tasks.len(), contact.notes.len(), contact.tasks[0].completed), (1, 1, true));
    assert_eq!(contact.appointments[0].starts_at, Some(1_626_433_200_000));
    assert_eq!(
        *crm.asked.borrow(),
        ["/contacts/c", "/contacts/c/tasks", "/contacts/c/notes", "/contacts/c/appointments"]
    );

    crm.lists.borrow_mut().insert("/notes", (403, json!({"message": "no"})));
    let poorer = crm.one(of("TaskCreate", 2, json!({"id": "t"}))).expect("told all the same");
    assert_eq!((poorer[0].contact.notes.len(), poorer[0].contact.tasks.len()), (0, 1));
    for (status, body) in [(503, json!({})), (429, json!({})), (401, json!({"message": "Invalid JWT"}))] {
        crm.lists.borrow_mut().insert("/notes", (status, body));
        assert!(crm.try_read(&[of("TaskCreate", 3, json!({"id": "u"}))], false).is_err(), "{status}");
    }
}

#[test]
fn a_contact_may_be_taken_from_its_webhook() {
    let crm = Crm::holding(zoe());
    crm.configure("contact_from = \"webhook\"");
    let carried = |kind: &str, second: u64, city: &str| {
        hook(kind, second, json!({"firstName": "Zoë", "email": "z@example.org", "tags": ["a"], "city": city}))
    };
    let created = crm.one(carried("ContactCreate", 1, "Austin")).expect("told");
    assert_eq!((created[0].contact.city.as_deref(), created[0].contact.first_touch.is_none()), (Some("Austin"), true));
    let moved = crm.one(carried("ContactUpdate", 2, "Dallas")).expect("told").remove(0);
    assert_eq!(moved.trigger, Trigger::ContactUpdated(vec!["city".into()]));
    assert_eq!(crm.one(carried("ContactUpdate", 3, "Dallas")), Err(Silence::Unchanged));
    assert_eq!(*crm.asked.borrow(), Vec::<String>::new(), "without a request");

    crm.set("city", json!("Dallas"));
    let task = crm.one(of("TaskCreate", 4, json!({"id": "t"}))).expect("told").remove(0);
    assert!(task.contact.first_touch.is_some());
    assert_eq!(*crm.asked.borrow(), ["/contacts/c"], "a task's webhook carries no contact");
    assert_eq!(crm.one(carried("ContactUpdate", 5, "Dallas")), Err(Silence::Unchanged), "what was fetched is no news");
}

#[test]
fn the_catalogue_is_fetched_once_and_names_what_is_told() {
    let crm = Crm::holding(zoe());
    crm.set("customFields", json!([{"id": "f1", "value": "7"}]));
    crm.subject.borrow_mut().catalogue = None;
    let fields =
        |key: &str| json!({"customFields": [{"id": "f1", "name": "Score", "fieldKey": key, "dataType": "NUMERICAL"}]});
    crm.list("/customFields", fields("contact.score"));
    crm.list(
        "/pipelines",
        json!({"pipelines": [{"id": "p", "name": "Sales", "stages": [{"id": "new", "name": "New", "position": 0}]}]}),
    );
    crm.list("/locations/loc", json!({"location": {"country": "CA", "currency": "CAD"}}));
    let change = crm.one(deal("OpportunityCreate", 1, "new", "open")).expect("told").remove(0);
    assert!(matches!(&change.trigger, Trigger::OpportunityChanged(told)
        if told.stage.as_ref().is_some_and(|stage| stage.pipeline.as_deref() == Some("Sales") && stage.name.as_deref() == Some("New"))));
    assert_eq!((change.country.as_deref(), change.currency.as_deref()), (Some("US"), Some("CAD")), "the settings win");
    assert_eq!(change.contact.custom_fields[0].key, "score");
    assert_eq!(crm.asked.borrow().len(), 4);
    crm.one(of("NoteCreate", 2, json!({"id": "n"}))).expect("told");
    assert_eq!(crm.asked.borrow().len(), 5, "kept");

    crm.list(
        "/pipelines",
        json!({"pipelines": [{"id": "p", "name": "Sales", "stages": [
        {"id": "new", "name": "New"}, {"id": "won", "name": "Won"}]}]}),
    );
    let won = crm.one(deal("OpportunityStageUpdate", 3, "won", "open")).expect("told").remove(0);
    assert!(matches!(&won.trigger, Trigger::OpportunityChanged(told)
        if told.stage.as_ref().and_then(|stage| stage.name.as_deref()) == Some("Won") && told.earlier[0].name.as_deref() == Some("New")));
    assert_eq!(crm.asked.borrow().len(), 9, "an unknown stage has it fetched again");
    for second in [4, 5] {
        crm.one(deal("OpportunityStageUpdate", second, "deleted", "open")).ok();
    }
    assert_eq!(crm.asked.borrow().len(), 14, "asked for in vain once");

    crm.set("customFields", json!([{"id": "f1", "value": "8"}]));
    let updated = crm.one(hook("ContactUpdate", 6, json!({}))).expect("told").remove(0);
    assert_eq!(updated.trigger, Trigger::ContactUpdated(vec!["custom-fields.score".into()]));
    crm.list("/customFields", fields("contact.renamed"));
    assert_eq!(
        crm.one(hook("ContactUpdate", 7, json!({}))),
        Err(Silence::Unchanged),
        "a renamed key changes no contact"
    );
}

#[test]
fn without_its_catalogue_nothing_is_told_by_ids() {
    let crm = Crm::holding(zoe());
    crm.subject.borrow_mut().catalogue = None;
    crm.lists.borrow_mut().insert("/pipelines", (503, json!({})));
    let body = deal("OpportunityCreate", 1, "new", "open");
    assert!(matches!(crm.try_read(std::slice::from_ref(&body), true), Err(SourceError::Unavailable(_))));
    crm.lists.borrow_mut().insert("/pipelines", (403, json!({})));
    assert!(crm.one(body).is_ok(), "a missing scope stops nothing");
    let kept = catalogue::of(&crm.subject.borrow()).expect("kept");
    assert!(kept.missing.contains(&"opportunities.readonly".to_owned()));
    assert_eq!(crm.one(hook("LocationUpdate", 1, json!({}))), Err(Silence::Irrelevant));
}
