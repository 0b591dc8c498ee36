//! Commands, each safe to repeat: what is so already is left alone, what may have been written before is looked up first, and of what is
//! written only the difference is sent.

use crate::bindings::convey::pipeline::types::CrmCommand;
use crate::bindings::exports::convey::pipeline::contact_source::{Execution, SourceError, Subject};
use crate::call::Call;
use crate::memory::Memory;
use crate::reply::Reply;
use crate::settings::{self, ApiVersion};

mod attempt;
mod contact;
mod draft;
mod find;
mod item;
mod marker;
mod notes;
mod tags;
mod tasks;
mod upsert;
mod written;

use written::Written;

/// What every command has.
struct Errand<'a> {
    subject: &'a Subject,
    version: ApiVersion,
    /// Stable across retries of one command.
    key: &'a str,
}

/// What became of a command.
struct Done {
    id: Option<String>,
    changed: bool,
    written: Vec<Written>,
}

impl Done {
    /// It was so already.
    fn already(id: &str) -> Self {
        Self { id: Some(id.to_owned()), changed: false, written: Vec::new() }
    }

    /// The contact that was made or updated; none where the thing written hangs on one.
    fn of_contact(&self) -> Option<&str> {
        let own = self.written.iter().any(|written| matches!(written, Written::Created(_) | Written::Fields { .. }));
        self.id.as_deref().filter(|_| own)
    }

    /// It is so now.
    fn now(id: &str, written: Vec<Written>) -> Self {
        Self { id: Some(id.to_owned()), changed: true, written }
    }
}

/// Executes a command for the contact, at `now` (ms). Errors: the API's, classified; `invalid` for a command that lacks what the API requires.
pub async fn execute<G>(
    subject: &Subject,
    contact: Option<&str>,
    memory: Option<&[u8]>,
    command: CrmCommand,
    key: &str,
    now: u64,
    send: &G,
) -> Result<Execution, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let settings = settings::parse(&subject.settings).map_err(SourceError::Invalid)?;
    let errand = Errand { subject, version: settings.api_version, key };
    let whose = || contact.ok_or_else(|| SourceError::Invalid("this command needs a contact; name one".into()));
    let done = match &command {
        CrmCommand::CreateContact(draft) => contact::create(&errand, draft, send).await,
        CrmCommand::UpsertContact(draft) => upsert::upsert(&errand, contact, draft, send).await,
        CrmCommand::UpdateContact(draft) => contact::update(&errand, whose()?, draft, send).await,
        CrmCommand::DeleteContact => contact::delete(&errand, whose()?, send).await,
        CrmCommand::AddTags(tags) => tags::add(&errand, whose()?, tags, send).await,
        CrmCommand::RemoveTags(tags) => tags::remove(&errand, whose()?, tags, send).await,
        CrmCommand::CreateTask(draft) => tasks::create(&errand, whose()?, draft, send).await,
        CrmCommand::UpdateTask((task, draft)) => tasks::update(&errand, whose()?, task, draft, send).await,
        CrmCommand::CompleteTask((task, completed)) => tasks::complete(&errand, whose()?, task, *completed, send).await,
        CrmCommand::DeleteTask(task) => item::TASK.delete(&errand, whose()?, task, send).await,
        CrmCommand::CreateNote(text) => notes::create(&errand, whose()?, text, send).await,
        CrmCommand::UpdateNote((note, text)) => notes::update(&errand, whose()?, note, text, send).await,
        CrmCommand::DeleteNote(note) => item::NOTE.delete(&errand, whose()?, note, send).await,
    }?;
    // The memory handed in is that of the contact named; what was written to another is not its own.
    let elsewhere = done.of_contact().is_some_and(|id| contact.is_some_and(|contact| contact != id));
    let memory = match (done.written.is_empty() || elsewhere, memory) {
        (true, memory) => memory.map(<[u8]>::to_vec),
        (false, memory) => {
            let mut remembered = Memory::load(memory);
            for written in &done.written {
                written.note(&mut remembered, settings.contact_from, now);
            }
            Some(remembered.save())
        }
    };
    Ok(Execution { id: done.id, changed: done.changed, memory })
}

#[cfg(test)]
mod tests;
