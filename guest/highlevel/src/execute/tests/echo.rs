//! What a command wrote comes back as a webhook, and is known for our own; what somebody else then does is told.

use super::*;
use crate::bindings::exports::convey::pipeline::contact_source::{Reading, Silence, Telling, Work};
use crate::read::read;
use crate::samples::delivery;

const BEGAN: u64 = 1_700_000_000_000;

fn heard(crm: &Crm, memory: Option<Vec<u8>>, at: u64, body: &Value) -> Reading {
    let send = async |call: Call| crm.send(call).await;
    let mut body = body.clone();
    body["timestamp"] = json!(at);
    body["locationId"] = json!("loc");
    let deliveries = vec![delivery(&at.to_string(), at, &body)];
    let work = [Work { contact: Some("c1".into()), memory, deliveries }];
    ready(read(&subject(""), &work, &send)).items.remove(0).expect("read")
}

fn written(crm: &Crm, memory: Option<Vec<u8>>, command: CrmCommand) -> Execution {
    let send = async |call: Call| crm.send(call).await;
    ready(execute(&subject(""), Some("c1"), memory.as_deref(), command, "key-1", BEGAN + 10_000, &send))
        .expect("written")
}

fn flat(crm: &Crm, kind: &str) -> Value {
    let mut body = crm.contacts.borrow()["c1"].clone();
    body["type"] = json!(kind);
    body
}

fn object(crm: &Crm, kind: &str, id: &str) -> Value {
    let mut body = crm.objects.borrow()[id].clone();
    body["type"] = json!(kind);
    body["dateAdded"] = json!(BEGAN + 10_000);
    body
}

#[test]
fn an_echo_is_our_own_and_what_follows_is_not() {
    let silent = |reading: &Reading| matches!(reading.tellings[..], [Telling::Silent(Silence::OwnWrite)]);
    let told = |reading: &Reading| matches!(&reading.tellings[..], [Telling::Changes(changes)] if changes.len() == 1);
    let crm = Crm::with(person());
    let mut memory = heard(&crm, None, BEGAN, &flat(&crm, "ContactUpdate")).memory;
    assert!(memory.is_some());
    let hear = |memory: &mut Option<Vec<u8>>, seconds: u64, body: Value| {
        let reading = heard(&crm, memory.take(), BEGAN + seconds * 1000, &body);
        memory.clone_from(&reading.memory);
        reading
    };

    memory = written(&crm, memory, CrmCommand::AddTags(vec!["new".into()])).memory;
    assert!(silent(&hear(&mut memory, 11, flat(&crm, "ContactTagUpdate"))), "tags");
    crm.contacts.borrow_mut().get_mut("c1").expect("there")["tags"] = json!(["old", "vip", "new", "theirs"]);
    assert!(told(&hear(&mut memory, 12, flat(&crm, "ContactTagUpdate"))), "their tag");

    memory = written(&crm, memory, CrmCommand::UpdateContact(draft("zoe@example.org"))).memory;
    assert!(silent(&hear(&mut memory, 13, flat(&crm, "ContactUpdate"))), "fields");
    crm.contacts.borrow_mut().get_mut("c1").expect("there")["city"] = json!("Theirs");
    assert!(told(&hear(&mut memory, 14, flat(&crm, "ContactUpdate"))), "their field");

    let done = written(&crm, memory, CrmCommand::CreateTask(task(Some("Call"), Some(DUE))));
    memory = done.memory;
    let id = done.id.expect("an id");
    assert!(silent(&hear(&mut memory, 15, object(&crm, "TaskCreate", &id))), "a task");
    assert!(told(&hear(&mut memory, 16, object(&crm, "TaskComplete", &id))), "completed by them");

    let done = written(&crm, memory, CrmCommand::CreateNote("Called".into()));
    memory = done.memory;
    let id = done.id.expect("an id");
    assert!(silent(&hear(&mut memory, 17, object(&crm, "NoteCreate", &id))), "a note");
    memory = written(&crm, memory, CrmCommand::UpdateNote((id.clone(), "Called twice".into()))).memory;
    assert!(silent(&hear(&mut memory, 18, object(&crm, "NoteUpdate", &id))), "its text");
    crm.objects.borrow_mut().get_mut(&id).expect("there")["body"] = json!("Theirs");
    assert!(told(&hear(&mut memory, 19, object(&crm, "NoteUpdate", &id))), "their text");
}

#[test]
fn a_repeat_notes_a_write_once() {
    let crm = Crm::with(person());
    for command in [CrmCommand::CreateNote("Called".into()), CrmCommand::CreateTask(task(Some("Call"), Some(DUE)))] {
        let first = written(&crm, None, command.clone());
        let again = written(&crm, first.memory.clone(), command);
        assert!(!again.changed && again.memory == first.memory);
    }
}
