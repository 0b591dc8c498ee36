//! Custom audiences: made in an ad account, filled and emptied by hashes, replaced as a whole in sessions (Marketing API).

mod payload;
mod people;
mod session;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::world::{World, lock};
use super::call::{Call, Kind};
use super::error::GraphError;
use crate::clock::Millis;
use payload::Row;
use people::People;
use session::{Session, Sessions};

/// Where the people of an audience that can be changed come from.
const SOURCES: [&str; 3] = ["USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"];
/// Permission, and its subcode for terms that nobody accepted.
const TERMS: (i64, i64) = (200, 1_870_034);

/// What happens to the people of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They come in.
    Add,
    /// They go.
    Remove,
    /// They take the place of all others once the session's last batch has come.
    Replace,
}

/// The account's audiences, by id.
#[derive(Default)]
pub struct Audiences(BTreeMap<String, Audience>);

struct Audience {
    name: String,
    description: String,
    people: People,
    sessions: Sessions,
    received: usize,
    invalid: usize,
}

/// An audience as the control door shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The platform's id.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// What was said of it.
    pub description: String,
    /// People it holds.
    pub members: usize,
    /// Rows it was ever sent.
    pub received: usize,
    /// Rows of these with a cell that should have been a hash.
    pub invalid: usize,
}

impl Audiences {
    /// One audience, empty.
    pub fn with(id: &str) -> Self {
        let mut audiences = Self::default();
        audiences.put(id, "Leads", "Ready when the sandbox starts");
        audiences
    }

    fn put(&mut self, id: &str, name: &str, description: &str) {
        let audience = Audience {
            name: name.to_owned(),
            description: description.to_owned(),
            people: People::default(),
            sessions: Sessions::default(),
            received: 0,
            invalid: 0,
        };
        self.0.insert(id.to_owned(), audience);
    }

    /// Whether there is one with this id.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// All of them, by id.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(id, audience): (&String, &Audience)| Shown {
            id: id.clone(),
            name: audience.name.clone(),
            description: audience.description.clone(),
            members: audience.people.count(),
            received: audience.received,
            invalid: audience.invalid,
        };
        self.0.iter().map(shown).collect()
    }

    /// At most `limit` people of an audience after the first `after`, each by key; none when there is no such audience.
    pub fn members(&self, id: &str, after: usize, limit: usize) -> Option<Vec<BTreeMap<String, String>>> {
        Some(self.0.get(id)?.people.shown(after, limit).cloned().collect())
    }
}

impl Audience {
    fn change(
        &mut self,
        change: Change,
        session: Option<&Session>,
        rows: Vec<Row>,
        now: Millis,
    ) -> Result<(), GraphError> {
        match (change, session) {
            (Change::Replace, Some(session)) => {
                let people = self.sessions.batch(session, now)?;
                rows.into_iter().for_each(|row| people.add(row));
                if session.last {
                    self.people = self.sessions.end().unwrap_or_default();
                }
            }
            (Change::Replace, None) => return Err(GraphError::parameter("The parameter session is required")),
            (Change::Add | Change::Remove, _) => {
                self.sessions.quiet(now)?;
                for row in rows {
                    if change == Change::Add { self.people.add(row) } else { self.people.remove(&row) }
                }
            }
        }
        Ok(())
    }
}

/// `POST /act_{id}/customaudiences`: a new one; answers with its id.
pub fn create(world: &World, call: Call) -> Result<Value, GraphError> {
    call.must_be(Kind::Account, "post")?;
    terms(&call)?;
    let parameters = call.parameters()?;
    let text = |key: &str| parameters.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("name").is_empty() {
        return Err(GraphError::parameter("The parameter name is required"));
    }
    if text("subtype") != "CUSTOM" {
        return Err(GraphError::parameter("Param subtype must be CUSTOM: others are not made from lists of people"));
    }
    if !SOURCES.contains(&text("customer_file_source")) {
        return Err(GraphError::parameter(&format!(
            "Param customer_file_source must be one of {}",
            SOURCES.join(", ")
        )));
    }
    let id = ids::digits(&mut world.trace(), 17);
    lock(&world.platform.audiences).put(&id, text("name"), text("description"));
    Ok(json!({ "id": id }))
}

/// `POST` and `DELETE /{audience}/users`, and `POST /{audience}/usersreplace`.
pub fn change(world: &World, call: Call, change: Change) -> Result<Value, GraphError> {
    call.must_be(Kind::Audience, if change == Change::Remove { "delete" } else { "post" })?;
    terms(&call)?;
    let id = call.object.clone();
    let mut parameters = call.parameters()?;
    let (people, session) = said(&mut parameters)?;
    let mut audiences = lock(&world.platform.audiences);
    let audience = audiences.0.get_mut(&id).ok_or_else(|| GraphError::no_object("post", &id))?;
    let (received, invalid) = (people.received, people.invalid);
    let answered = people.answer(&id, &session_id(world, session.as_ref()));
    audience.change(change, session.as_ref(), people.rows, world.time.now_ms())?;
    audience.received += received;
    audience.invalid += invalid;
    Ok(answered)
}

/// `DELETE /act_{id}/usersofanyaudience`: they leave every audience of the account.
pub fn forget(world: &World, call: Call) -> Result<Value, GraphError> {
    call.must_be(Kind::Account, "delete")?;
    let id = call.object.clone();
    let (people, session) = said(&mut call.parameters()?)?;
    for audience in lock(&world.platform.audiences).0.values_mut() {
        people.rows.iter().for_each(|row| audience.people.remove(row));
    }
    Ok(people.answer(&id, &session_id(world, session.as_ref())))
}

/// `GET /{audience}`.
pub fn show(world: &World, id: &str) -> Option<Value> {
    let audiences = lock(&world.platform.audiences);
    let audience = audiences.0.get(id)?;
    let busy = audience.sessions.quiet(world.time.now_ms()).is_err();
    let (status, text) = if busy { (300, "Update in progress") } else { (200, "Normal") };
    let account = world.summary.ad_account.trim_start_matches("act_");
    Some(json!({
        "id": id, "account_id": account, "name": audience.name, "description": audience.description, "subtype": "CUSTOM",
        "operation_status": { "code": status, "description": text },
    }))
}

fn terms(call: &Call) -> Result<(), GraphError> {
    if call.quirks.audience_terms_open { Err(GraphError::known(TERMS.0, TERMS.1)) } else { Ok(()) }
}

fn said(parameters: &mut Map<String, Value>) -> Result<(payload::People, Option<Session>), GraphError> {
    Ok((payload::read(parameters.remove("payload"))?, Session::read(parameters.remove("session"))?))
}

/// The session's id; the platform makes one for a request without.
fn session_id(world: &World, session: Option<&Session>) -> String {
    session.map_or_else(|| ids::digits(&mut world.trace(), 16), |session| session.id.clone())
}
