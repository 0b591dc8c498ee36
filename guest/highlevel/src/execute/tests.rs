//! Every command against a little CRM: once, again, and with each thing that goes wrong.

use serde_json::{Value, json};

use super::*;
use crate::bindings::convey::pipeline::types::{ContactDraft, CustomField, FieldValue, TaskDraft};
use crate::samples::{ready, subject};
use crm::{Crm, Fault};

mod crm;
mod echo;

const DUE: u64 = 1_800_000_000_000;

fn run(crm: &Crm, contact: Option<&str>, command: &CrmCommand) -> Result<Execution, SourceError> {
    let send = async |call: Call| crm.send(call).await;
    ready(execute(&subject(""), contact, None, command.clone(), "key-1", 1_700_000_000_000, &send))
}

fn draft(email: &str) -> ContactDraft {
    ContactDraft {
        first_name: Some("Zoë".into()),
        last_name: None,
        email: Some(email.into()),
        phone: Some("+13105550100".into()),
        city: Some("Austin".into()),
        state: None,
        postal_code: None,
        country: None,
        source: None,
        custom_fields: vec![CustomField { key: "plan".into(), name: None, value: FieldValue::Text("gold".into()) }],
    }
}

fn task(title: Option<&str>, due_at: Option<u64>) -> TaskDraft {
    TaskDraft { title: title.map(str::to_owned), body: Some("Ask".into()), due_at, completed: None, assignee: None }
}

fn person() -> Value {
    json!({"id": "c1", "email": "zoe@example.org", "phone": "+13105550100", "tags": ["old", "vip"], "city": "X"})
}

/// A CRM in which each command has something to do: contact, command.
fn everything() -> Vec<(Option<&'static str>, CrmCommand)> {
    let done = TaskDraft { completed: Some(true), ..task(Some("Call"), Some(DUE)) };
    vec![
        (None, CrmCommand::CreateContact(draft("new@example.org"))),
        (None, CrmCommand::UpsertContact(draft("New2@example.org"))),
        (None, CrmCommand::UpsertContact(draft("zoe@example.org"))),
        (Some("c1"), CrmCommand::UpdateContact(draft("zoe@example.org"))),
        (Some("c1"), CrmCommand::DeleteContact),
        (Some("c1"), CrmCommand::AddTags(vec!["VIP".into(), "New".into()])),
        (Some("c1"), CrmCommand::RemoveTags(vec!["Old".into(), "none".into()])),
        (Some("c1"), CrmCommand::CreateTask(done.clone())),
        (Some("c1"), CrmCommand::UpdateTask(("t".into(), done))),
        (Some("c1"), CrmCommand::CompleteTask(("t".into(), true))),
        (Some("c1"), CrmCommand::DeleteTask("t".into())),
        (Some("c1"), CrmCommand::CreateNote("Called".into())),
        (Some("c1"), CrmCommand::UpdateNote(("n".into(), "Called twice".into()))),
        (Some("c1"), CrmCommand::DeleteNote("n".into())),
    ]
}

fn world(command: &CrmCommand, fault: Fault) -> Crm {
    let mut contact = person();
    if matches!(command, CrmCommand::CreateContact(_) | CrmCommand::UpsertContact(_))
        && !matches!(command, CrmCommand::UpsertContact(draft) if draft.email.as_deref() == Some("zoe@example.org"))
    {
        contact["phone"] = json!("+13105550199");
    }
    let crm = Crm { fault, ..Crm::with(contact) };
    let mut objects = crm.objects.borrow_mut();
    let dated = "2026-01-01T09:00:00.000Z";
    objects.insert(
        "t".into(),
        json!({"id": "t", "kind": "tasks", "contactId": "c1", "title": "T", "dueDate": dated, "completed": false, "body": "B\nconvey:00000000"}),
    );
    objects.insert("n".into(), json!({"id": "n", "kind": "notes", "contactId": "c1", "body": "N\nconvey:00000000"}));
    drop(objects);
    crm
}

#[test]
fn a_repeat_writes_nothing() {
    for (contact, command) in everything() {
        let crm = world(&command, Fault::None);
        let first = run(&crm, contact, &command).unwrap_or_else(|error| panic!("{command:?}: {error:?}"));
        assert!(first.changed && first.memory.is_some(), "{command:?}");
        assert_eq!(crm.writes.borrow().len(), 1, "{command:?}");
        let again = run(&crm, contact, &command).unwrap_or_else(|error| panic!("{command:?}: {error:?}"));
        assert!(!again.changed && again.id == first.id, "{command:?}");
        // Only a deletion asks again: that it is gone is what the answer says.
        let deletes =
            matches!(command, CrmCommand::DeleteContact | CrmCommand::DeleteTask(_) | CrmCommand::DeleteNote(_));
        assert_eq!(crm.writes.borrow().len(), if deletes { 2 } else { 1 }, "a repeat of {command:?} wrote");
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_looked_up() {
    for fault in [Fault::Lost, Fault::Says422] {
        for (contact, command) in everything() {
            let crm = world(&command, fault);
            let done = run(&crm, contact, &command).unwrap_or_else(|error| panic!("{command:?}: {error:?}"));
            assert!(done.changed && done.memory.is_some(), "{command:?}");
            assert_eq!(crm.writes.borrow().len(), 1, "{command:?}");
        }
    }
}

#[test]
fn what_was_not_done_is_said_and_nobody_is_named() {
    for (contact, command) in everything() {
        for (fault, wanted) in [
            (Fault::Unreached, "Unavailable"),
            (Fault::Refused(500), "Unavailable"),
            (Fault::Refused(401), "Unauthorized"),
            (Fault::Refused(403), "Forbidden"),
            (Fault::Refused(429), "Throttled"),
            (Fault::Refused(400), "Invalid"),
            (Fault::Refused(422), "Invalid"),
        ] {
            let crm = world(&command, fault);
            let error = format!("{:?}", run(&crm, contact, &command).expect_err("nothing was done"));
            assert!(error.contains(wanted), "{command:?}: {error}");
            assert!(!error.contains("zoe") && !error.contains('@'), "{error}");
            assert!(wanted != "Forbidden" || error.contains("contacts.write"), "{error}");
        }
    }
}

#[test]
fn a_contact_that_is_not_there_is_named() {
    for (contact, command) in everything().into_iter().filter(|(contact, _)| contact.is_some()) {
        let crm = Crm::default();
        match (run(&crm, contact, &command), &command) {
            (Ok(done), CrmCommand::DeleteContact | CrmCommand::DeleteTask(_) | CrmCommand::DeleteNote(_)) => {
                assert!(!done.changed, "{command:?}");
            }
            (Err(SourceError::NotFound(text)), _) => assert!(text.contains("c1"), "{command:?}: {text}"),
            (other, _) => panic!("{command:?}: {other:?}"),
        }
    }
}

#[test]
fn a_command_without_its_contact_is_refused() {
    let crm = Crm::with(person());
    for (contact, command) in everything() {
        if contact.is_some() {
            assert!(matches!(run(&crm, None, &command), Err(SourceError::Invalid(_))), "{command:?}");
        }
    }
    assert!(crm.writes.borrow().is_empty());
}

#[test]
fn a_twin_is_never_overwritten_by_a_create() {
    let crm = Crm::with(person());
    let done = run(&crm, None, &CrmCommand::CreateContact(draft("ZOE@example.org"))).expect("found");
    assert_eq!((done.id.as_deref(), done.changed, done.memory), (Some("c1"), false, None));
    // By the number where the address is new.
    let done = run(&crm, None, &CrmCommand::CreateContact(draft("other@example.org"))).expect("found");
    assert_eq!((done.id.as_deref(), done.changed), (Some("c1"), false));
    assert!(crm.writes.borrow().is_empty());
    let nobody = ContactDraft { email: None, phone: Some(" ".into()), ..draft("") };
    assert!(matches!(run(&crm, None, &CrmCommand::CreateContact(nobody)), Err(SourceError::Invalid(_))));
}

#[test]
fn only_what_differs_is_sent() {
    let crm = Crm::with(person());
    run(&crm, Some("c1"), &CrmCommand::UpdateContact(draft("zoe@example.org"))).expect("updated");
    let wanted = json!({"firstName": "Zoë", "city": "Austin", "customFields": [{"id": "f1", "field_value": "gold"}]});
    assert_eq!(crm.writes.borrow()[0].body, Some(wanted));
}

#[test]
fn an_upsert_loses_no_address_and_takes_no_number_away() {
    let mut contact = person();
    contact["additionalEmails"] = json!([{"email": "second@example.org"}]);
    let crm = Crm::with(contact);
    let other = json!({"id": "c2", "email": "other@example.org", "phone": "+13105550177"});
    crm.contacts.borrow_mut().insert("c2".into(), other);
    // Found by the number; the address is the second one already.
    run(&crm, None, &CrmCommand::UpsertContact(draft("second@example.org"))).expect("updated");
    assert_eq!(crm.contacts.borrow()["c1"]["email"], "zoe@example.org");
    // Found by the address; the number is somebody else's.
    let clash = ContactDraft { phone: Some("+13105550177".into()), ..draft("zoe@example.org") };
    let done = run(&crm, None, &CrmCommand::UpsertContact(clash)).expect("nothing to do");
    assert!(!done.changed);
    assert_eq!(crm.contacts.borrow()["c1"]["phone"], "+13105550100");
    // Without either it is the contact at hand.
    let city = ContactDraft { email: None, phone: None, city: Some("Y".into()), ..draft("") };
    assert!(run(&crm, Some("c2"), &CrmCommand::UpsertContact(city.clone())).expect("updated").changed);
    assert!(matches!(run(&crm, None, &CrmCommand::UpsertContact(city)), Err(SourceError::Invalid(_))));
}

#[test]
fn a_custom_field_nobody_has_is_refused_before_any_write() {
    let crm = Crm::with(person());
    let field = CustomField { key: "colour".into(), name: None, value: FieldValue::Text("secret".into()) };
    let draft = ContactDraft { custom_fields: vec![field], ..draft("zoe@example.org") };
    let Err(SourceError::Invalid(text)) = run(&crm, Some("c1"), &CrmCommand::UpdateContact(draft)) else {
        panic!("there is no such field")
    };
    assert!(text.contains("colour") && !text.contains("secret"), "{text}");
    assert!(crm.writes.borrow().is_empty());
}

#[test]
fn a_task_says_what_it_lacks_and_whose_it_is() {
    let crm = Crm::with(person());
    for (draft, lacks) in [(task(None, Some(DUE)), "title"), (task(Some("Call"), None), "due date")] {
        let error = run(&crm, Some("c1"), &CrmCommand::CreateTask(draft)).expect_err("refused");
        assert!(matches!(&error, SourceError::Invalid(text) if text.contains(lacks)), "{error:?}");
    }
    run(&crm, Some("c1"), &CrmCommand::CreateTask(task(Some("Call"), Some(DUE)))).expect("made");
    let body = crm.writes.borrow()[0].body.clone().expect("a body");
    let line = marker::marker("key-1");
    let wanted = json!({"title": "Call", "dueDate": "2027-01-15T08:00:00.000Z", "completed": false, "body": format!("Ask\n{line}")});
    assert_eq!(body, wanted);
}

#[test]
fn an_edit_keeps_the_line_a_look_up_finds() {
    for command in
        [CrmCommand::UpdateTask(("t".into(), task(None, None))), CrmCommand::UpdateNote(("n".into(), "Ask".into()))]
    {
        let crm = world(&command, Fault::None);
        run(&crm, Some("c1"), &command).expect("updated");
        assert_eq!(crm.writes.borrow()[0].body, Some(json!({"body": "Ask\nconvey:00000000"})));
    }
}

#[test]
fn what_was_written_to_another_is_not_this_contacts_memory() {
    let crm = Crm::with(json!({"id": "c1"}));
    let send = async |call: Call| crm.send(call).await;
    let command = CrmCommand::CreateContact(draft("new@example.org"));
    let done = ready(execute(&subject(""), Some("c1"), Some(b"kept"), command, "key", 0, &send)).expect("made");
    assert!(done.changed && done.memory.as_deref() == Some(b"kept"));
}
