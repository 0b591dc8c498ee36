//! A little CRM that keeps what it is told, as the API does: it refuses twins and unknown contacts, and lower-cases tags.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::{Call, Method};
use crate::operations::granted;
use crate::reply::Reply;

/// What goes wrong with every write.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is done and the answer is lost.
    Lost,
    /// It is done and 422 is answered.
    Says422,
    /// It is not done and there is no answer.
    Unreached,
    /// It is not done and refused with this status.
    Refused(u16),
}

#[derive(Default)]
pub(super) struct Crm {
    pub(super) contacts: RefCell<BTreeMap<String, Value>>,
    /// `tasks` and `notes` by id.
    pub(super) objects: RefCell<BTreeMap<String, Value>>,
    pub(super) writes: RefCell<Vec<Call>>,
    pub(super) fault: Fault,
}

impl Crm {
    pub(super) fn with(contact: Value) -> Self {
        let crm = Self::default();
        let id = contact["id"].as_str().expect("an id").to_owned();
        crm.contacts.borrow_mut().insert(id, contact);
        crm
    }

    pub(super) async fn send(&self, call: Call) -> Result<Reply, String> {
        assert!(granted(&call), "{} {}", call.method.as_str(), call.path);
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let body = call.body.clone().unwrap_or_default();
        if call.method == Method::Get {
            return Ok(self.read(&segments, query));
        }
        let done = |answer| {
            self.writes.borrow_mut().push(call.clone());
            answer
        };
        match self.fault {
            Fault::None => Ok(done(self.write(call.method, &segments, &body))),
            Fault::Lost => {
                done(self.write(call.method, &segments, &body));
                Err("no answer: connection reset".into())
            }
            Fault::Says422 => {
                done(self.write(call.method, &segments, &body));
                Ok(reply(422, &json!({"message": ["zoe@example.org is odd"], "statusCode": 422})))
            }
            Fault::Unreached => Err("no answer: connection refused".into()),
            Fault::Refused(status) => Ok(reply(status, &json!({"message": "no, zoe@example.org", "traceId": "t-1"}))),
        }
    }

    fn read(&self, segments: &[&str], query: &str) -> Reply {
        let of = |kind: &str, contact: &str| -> Vec<Value> {
            let objects = self.objects.borrow();
            objects.values().filter(|it| it["kind"] == kind && it["contactId"] == contact).cloned().collect()
        };
        match segments {
            ["contacts", "search", "duplicate"] => {
                let wanted = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)).map(plain);
                let (email, phone) = (wanted("email="), wanted("number="));
                let is = |it: &&Value| {
                    email.as_ref().is_some_and(|email| it["email"] == email.to_lowercase())
                        || phone.as_ref().is_some_and(|phone| it["phone"] == *phone)
                };
                reply(200, &json!({"contact": self.contacts.borrow().values().find(is)}))
            }
            ["contacts", id] => match self.contacts.borrow().get(*id) {
                Some(contact) => reply(200, &json!({"contact": contact})),
                None => reply(400, &json!({"message": format!("Contact with id {id} not found")})),
            },
            ["contacts", id, kind] => {
                let (kind, id) = (*kind, *id);
                reply(200, &json!({kind: of(kind, id)}))
            }
            ["contacts", _, kind, id] => match self.objects.borrow().get(*id) {
                Some(object) => reply(200, &json!({kind.trim_end_matches('s'): object})),
                None => reply(400, &json!({"message": "not found"})),
            },
            ["locations", _, "customFields"] => reply(
                200,
                &json!({"customFields": [{"id": "f1", "fieldKey": "contact.plan", "name": "Plan", "dataType": "TEXT"}]}),
            ),
            ["locations", id] => reply(200, &json!({"location": {"id": id}})),
            ["opportunities", "pipelines"] => reply(200, &json!({"pipelines": []})),
            other => panic!("no such request: {other:?}"),
        }
    }

    fn write(&self, method: Method, segments: &[&str], body: &Value) -> Reply {
        let gone = || reply(400, &json!({"message": "not found"}));
        let mut contacts = self.contacts.borrow_mut();
        let mut objects = self.objects.borrow_mut();
        match (method, segments) {
            (Method::Post, ["contacts", last @ ("" | "upsert")]) => {
                let twin = contacts.values().find(|it| it["email"].is_string() && it["email"] == body["email"]);
                if let (Some(twin), "") = (twin, *last) {
                    let meta = json!({"contactId": twin["id"], "contactName": "Zoe", "matchingField": "email"});
                    return reply(
                        400,
                        &json!({"message": "This location does not allow duplicated contacts.", "meta": meta}),
                    );
                }
                let id = format!("new{}", contacts.len());
                let mut contact = json!({"id": id, "dateAdded": "2026-01-01T00:00:00.000Z"});
                overwrite(&mut contact, body);
                contacts.insert(id, contact.clone());
                reply(201, &json!({"contact": contact, "new": true}))
            }
            (Method::Put, ["contacts", id]) => {
                if body.get("tags").is_some() || body.get("locationId").is_some() {
                    return reply(422, &json!({"message": ["property tags should not exist"]}));
                }
                let Some(contact) = contacts.get_mut(*id) else { return gone() };
                overwrite(contact, body);
                reply(200, &json!({"succeded": true, "contact": contact}))
            }
            (Method::Delete, ["contacts", id]) => match contacts.remove(*id) {
                Some(_) => reply(200, &json!({"succeded": true})),
                None => gone(),
            },
            (_, ["contacts", id, "tags"]) => {
                let Some(contact) = contacts.get_mut(*id) else { return gone() };
                let named: Vec<String> = body["tags"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_lowercase)
                    .collect();
                let mut tags = crate::contact::tags(contact);
                tags.retain(|tag| !named.contains(&tag.to_lowercase()));
                if method == Method::Post {
                    tags.extend(named);
                }
                contact["tags"] = json!(tags);
                reply(if method == Method::Post { 201 } else { 200 }, &json!({"tags": tags}))
            }
            (Method::Post, ["contacts", id, kind]) => {
                if !contacts.contains_key(*id) {
                    return gone();
                }
                let new = format!("o{}", objects.len());
                let mut object = json!({"id": new, "kind": kind, "contactId": id});
                overwrite(&mut object, body);
                objects.insert(new, object.clone());
                reply(201, &json!({kind.trim_end_matches('s'): object}))
            }
            (Method::Put, ["contacts", _, kind, id, ..]) => {
                let Some(object) = objects.get_mut(*id) else { return gone() };
                overwrite(object, body);
                reply(200, &json!({kind.trim_end_matches('s'): object}))
            }
            (Method::Delete, ["contacts", _, _, id]) => match objects.remove(*id) {
                Some(_) => reply(200, &json!({"succeded": true})),
                None => gone(),
            },
            other => panic!("no such request: {:?}", other.1),
        }
    }
}

/// Fields of the body over those of the object; a custom field's value is told under its other name.
fn overwrite(object: &mut Value, body: &Value) {
    for (name, value) in body.as_object().into_iter().flatten() {
        object[name] = match (name.as_str(), value) {
            ("email", Value::String(email)) => json!(email.to_lowercase()),
            ("customFields", Value::Array(fields)) => {
                let told = |field: &Value| json!({"id": field["id"], "value": field["field_value"]});
                fields.iter().map(told).collect()
            }
            _ => value.clone(),
        };
    }
}

fn plain(escaped: &str) -> String {
    escaped.replace("%40", "@").replace("%2B", "+")
}

pub(super) fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}
