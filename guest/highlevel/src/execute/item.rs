//! What tasks and notes have in common: they stand below a contact, are found again by a line in their text, and are deleted alike.

use serde_json::Value;

use super::attempt::attempt;
use super::marker::found;
use super::written::Written;
use super::{Done, Errand};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::{list, text};
use crate::path;
use crate::query::missing;
use crate::reply::{Reply, held};
use crate::scope::CONTACTS_READ;

/// A kind of thing below a contact, by the API's words.
pub struct Item {
    /// One of them, as answers and errors name it.
    pub one: &'static str,
    /// All of them, as paths and lists name them.
    pub all: &'static str,
}

/// Tasks.
pub const TASK: Item = Item { one: "task", all: "tasks" };

/// Notes.
pub const NOTE: Item = Item { one: "note", all: "notes" };

impl Item {
    /// Sends the creation; the id of what was made. Where the answer does not tell it, or leaves open whether anything was made, it is looked for by its line.
    pub async fn make<G>(
        &self,
        errand: &Errand<'_>,
        contact: &str,
        body: Value,
        line: &str,
        send: &G,
    ) -> Result<String, SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
    {
        let call = Call::post(path::of_contact(contact, self.all), errand.version, body);
        let id = match attempt(call, send).await {
            Ok(answer) => match answer.get(self.one).and_then(|made| text(made, "id")) {
                Some(id) => Some(id),
                None => self.look_up(errand, contact, line, send).await?,
            },
            Err(failed) if failed.open => match self.look_up(errand, contact, line, send).await? {
                Some(id) => Some(id),
                None => return Err(failed.into()),
            },
            Err(failed) => return Err(missing(failed.into(), &format!("contact {contact}"))),
        };
        id.ok_or_else(|| SourceError::Unavailable(format!("a successful answer holds no {}", self.one)))
    }

    /// The id of the contact's one with this line in its text.
    pub async fn look_up<G>(
        &self,
        errand: &Errand<'_>,
        contact: &str,
        line: &str,
        send: &G,
    ) -> Result<Option<String>, SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
    {
        let answer = Call::get(path::of_contact(contact, self.all), errand.version).json(CONTACTS_READ, send).await;
        let answer = answer.map_err(|error| missing(error, &format!("contact {contact}")))?;
        let ours = |item: &&Value| text(*item, "body").is_some_and(|body| found(&body) == Some(line));
        Ok(list(&answer, self.all).iter().find(ours).and_then(|item| text(item, "id")))
    }

    /// The item as it is now.
    pub async fn fetch<G>(&self, errand: &Errand<'_>, contact: &str, id: &str, send: &G) -> Result<Value, SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
    {
        let answer = Call::get(path::object(contact, self.all, id), errand.version).json(CONTACTS_READ, send).await;
        held(answer.map_err(|error| missing(error, &self.named(contact, id)))?, self.one)
    }

    /// Sends a change; where the answer leaves it open, the item itself says whether `is_so`.
    pub async fn write<G, S>(
        &self,
        errand: &Errand<'_>,
        (contact, id): (&str, &str),
        call: Call,
        is_so: S,
        send: &G,
    ) -> Result<(), SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
        S: Fn(&Value) -> Result<bool, SourceError>,
    {
        match attempt(call, send).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.open => {
                let now = self.fetch(errand, contact, id, send).await?;
                if is_so(&now)? { Ok(()) } else { Err(failed.into()) }
            }
            Err(failed) => Err(missing(failed.into(), &self.named(contact, id))),
        }
    }

    /// Deletes an item; one that is gone is done.
    pub async fn delete<G>(&self, errand: &Errand<'_>, contact: &str, id: &str, send: &G) -> Result<Done, SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
    {
        let deleted = || Done::now(id, vec![Written::Object(self.one, id.to_owned(), "deleted")]);
        match attempt(Call::delete(path::object(contact, self.all, id), errand.version), send).await {
            Ok(_) => Ok(deleted()),
            Err(failed) if matches!(failed.error, SourceError::NotFound(_)) => Ok(Done::already(id)),
            Err(failed) if failed.open => match self.fetch(errand, contact, id, send).await {
                Err(SourceError::NotFound(_)) => Ok(deleted()),
                _ => Err(failed.into()),
            },
            Err(failed) => Err(failed.into()),
        }
    }

    fn named(&self, contact: &str, id: &str) -> String {
        format!("{} {id} of contact {contact}", self.one)
    }
}
