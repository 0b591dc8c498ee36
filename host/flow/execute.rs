//! Step four: what rules ask of the CRM is carried out, at most once by key, and a delivered event is written back where that is asked for.

use serde::{Deserialize, Serialize};

use super::Flow;
use super::judge::{Circumstances, judge_command};
use super::lines::note;
use super::plan::Connection;
use crate::clock::Millis;
use crate::contract::{Change, CrmCommand, Digest, Effect, Proposal, command_name};
use crate::store::{About, Carried, NewCommand, StoreError};

/// How many commands one turn of a lane carries out.
const BATCH: usize = 8;

/// A command that could not be carried out for so long is worth nothing any more.
const WORTH_MS: Millis = 7 * 24 * 60 * 60 * 1_000;

/// What is kept of a command.
#[derive(Serialize, Deserialize)]
struct Errand {
    contact: Option<String>,
    command: CrmCommand,
}

impl Flow {
    /// Carries out what is due of a connection; how many commands that was.
    pub async fn execute_once(&self, name: &str) -> Result<usize, StoreError> {
        if !self.plan().connections.contains_key(name) || self.is_paused(name) || self.is_all_paused() {
            return Ok(0);
        }
        let claimed = self.store.claim_commands(name, self.clock.now_ms(), BATCH).await?;
        let count = claimed.len();
        let mut written = Vec::new();
        for command in claimed {
            let carried = match serde_json::from_slice::<Errand>(&command.bytes) {
                Ok(Errand { contact, command: asked }) => {
                    let mut lines = None;
                    let done = self.execute_heard(name, contact.as_deref(), &asked, &command.key, &mut lines).await;
                    note(&mut written, lines, || vec![About::Command(command.row)]);
                    let given = Circumstances {
                        now: self.clock.now_ms(),
                        tries: command.tries + 1,
                        jitter: fastrand::f64(),
                        deadline: command.created_at.saturating_add(WORTH_MS),
                        rest: None,
                    };
                    judge_command(done, given)?
                }
                Err(error) => Carried::Dead { reason: format!("the stored command cannot be read: {error}") },
            };
            if let Carried::Dead { reason } = &carried {
                tracing::error!(connection = name, command = %command.name, %reason, "a rule's command is given up");
            }
            self.store.settle_carried(command.row, carried, self.clock.now_ms()).await?;
            self.keep_lines(std::mem::take(&mut written)).await;
        }
        Ok(count)
    }
}

/// The commands that the proposals themselves ask for.
pub(super) fn asked(change: &Change, proposals: &[Proposal]) -> Vec<NewCommand> {
    let asked = proposals.iter().filter_map(|proposal| match &proposal.effect {
        Effect::Command(command) => new(change, &proposal.rule, command, None),
        Effect::Convert(_) | Effect::Audience(_) => None,
    });
    asked.collect()
}

/// The commands that the proposals ask for, and those that write their events back.
pub(super) fn wanted(connection: &Connection, change: &Change, proposals: &[Proposal]) -> Vec<NewCommand> {
    let mut wanted = Vec::new();
    for proposal in proposals {
        match &proposal.effect {
            Effect::Command(command) => wanted.extend(new(change, &proposal.rule, command, None)),
            Effect::Convert(event) => {
                for command in written_back(connection) {
                    let after = |destination: &str| Some((destination.to_owned(), event.id.clone()));
                    let all = connection.destinations.iter().map(|destination| after(&destination.name));
                    wanted.extend(all.filter_map(|after| new(change, &proposal.rule, &command, after)));
                }
            }
            Effect::Audience(_) => {}
        }
    }
    wanted
}

fn written_back(connection: &Connection) -> impl Iterator<Item = CrmCommand> {
    let tag = connection.write_back.tag.iter().map(|tag| CrmCommand::AddTags(vec![tag.clone()]));
    tag.chain(connection.write_back.note.iter().map(|note| CrmCommand::CreateNote(note.clone())))
}

fn new(change: &Change, rule: &str, command: &CrmCommand, after: Option<(String, String)>) -> Option<NewCommand> {
    let is_about_nobody = matches!(command, CrmCommand::CreateContact(_) | CrmCommand::UpsertContact(_));
    let contact = (!is_about_nobody).then(|| change.contact.id.clone());
    let errand = Errand { contact, command: command.clone() };
    let bytes = match serde_json::to_vec(&errand) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(rule, %error, "a command cannot be kept");
            return None;
        }
    };
    // The same fact asks for the same command once, whichever rule or generation says so.
    let parts = [change.connection.as_bytes(), change.id.as_bytes(), bytes.as_slice()];
    let event = after.iter().flat_map(|(destination, event)| [destination.as_bytes(), event.as_bytes()]);
    let whole: Vec<&[u8]> = parts.into_iter().chain(event).collect();
    let key = Digest::of(&whole.join(&0)).to_string();
    Some(NewCommand { key, name: command_name(command).to_owned(), rule: rule.to_owned(), after, bytes })
}
