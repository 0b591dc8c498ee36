//! `convey crm note`. What a note says is printed because it was asked for; it is never logged.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Desk, Once, Sure, note_value, show, strange};
use crate::cli::output::Exit;
use crate::contract::CrmCommand;
use crate::engine::{Answer, Query};

#[derive(Subcommand)]
pub(super) enum Note {
    /// List a contact's notes
    List {
        /// The contact's id
        contact: String,
    },
    /// Show one note
    Get {
        #[command(flatten)]
        of: Of,
    },
    /// Make a note
    Create {
        /// The contact's id
        contact: String,
        /// What it says
        #[arg(long, value_name = "TEXT")]
        body: String,
        #[command(flatten)]
        once: Once,
    },
    /// Change what a note says
    Update {
        #[command(flatten)]
        of: Of,
        /// What it says from now on
        #[arg(long, value_name = "TEXT")]
        body: String,
        #[command(flatten)]
        once: Once,
    },
    /// Delete a note
    Delete {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Which note.
#[derive(Args)]
pub(super) struct Of {
    /// The contact's id
    contact: String,
    /// The note's id
    note: String,
}

impl Note {
    pub(super) async fn run(self, desk: Desk<'_>) -> Result<(), Exit> {
        let context = desk.context;
        let (contact, command, once, verb) = match self {
            Note::List { contact } => {
                return match desk.open().await?.ask(&Query::Notes(contact)).await? {
                    Answer::Notes(notes) => {
                        let values: Vec<Value> = notes.iter().map(note_value).collect();
                        context.print(&values, || show::notes(&notes))
                    }
                    _ => Err(strange()),
                };
            }
            Note::Get { of: Of { contact, note } } => {
                return match desk.open().await?.ask(&Query::Note((contact, note))).await? {
                    Answer::Note(note) => context.print(&note_value(&note), || show::note(&note)),
                    _ => Err(strange()),
                };
            }
            Note::Create { contact, body, once } => (contact, CrmCommand::CreateNote(body), once, "made"),
            Note::Update { of, body, once } => (of.contact, CrmCommand::UpdateNote((of.note, body)), once, "changed"),
            Note::Delete { of, sure } => {
                context.agree(&format!("Delete note {} of contact {}?", of.note, of.contact), sure.yes)?;
                (of.contact, CrmCommand::DeleteNote(of.note), sure.once, "deleted")
            }
        };
        desk.write(&contact, command, once, ("note", verb)).await
    }
}
