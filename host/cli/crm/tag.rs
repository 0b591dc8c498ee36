//! `convey crm tag`. Tags go by name; what is there is never replaced, only added to or taken from.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Desk, Once, show, strange};
use crate::cli::output::Exit;
use crate::contract::CrmCommand;
use crate::engine::{Answer, Query};

#[derive(Subcommand)]
pub(super) enum Tag {
    /// List a contact's tags
    List {
        /// The contact's id
        contact: String,
    },
    /// Add tags; those that are there stay
    Add(Tags),
    /// Remove tags; the others stay
    Remove(Tags),
}

#[derive(Args)]
pub(super) struct Tags {
    /// The contact's id
    contact: String,
    /// The tags' names
    #[arg(required = true, value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    once: Once,
}

impl Tag {
    pub(super) async fn run(self, desk: Desk<'_>) -> Result<(), Exit> {
        let context = desk.context;
        let (Tags { contact, tags, once }, adds) = match self {
            Tag::Add(tags) => (tags, true),
            Tag::Remove(tags) => (tags, false),
            Tag::List { contact } => {
                return match desk.open().await?.ask(&Query::Contact(contact)).await? {
                    Answer::Contact(contact) => {
                        context.print(&json!({"contact": contact.id, "tags": contact.tags}), || contact.tags.join("\n"))
                    }
                    _ => Err(strange()),
                };
            }
        };
        let (command, verb) = match adds {
            true => (CrmCommand::AddTags(tags.clone()), "tagged"),
            false => (CrmCommand::RemoveTags(tags.clone()), "untagged"),
        };
        let mut done = desk.open().await?.execute(Some(&contact), command, once.key).await?;
        done["contact"] = json!(contact);
        done["tags"] = json!(tags);
        context.print(&done, || show::done("contact", &done, &format!("{verb} {}", tags.join(", "))))
    }
}
