//! `convey crm contact`.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::Value;

use super::fields::Fields;
use super::{Desk, Once, Sure, contact_value, show, strange};
use crate::cli::desk::At;
use crate::cli::output::Exit;
use crate::cli::written::Since;
use crate::clock::{Clock, Millis};
use crate::contract::{self, ContactDraft, CrmCommand};
use crate::engine::{Answer, BusinessFilter, ContactFilter, Query};

/// Contacts asked for with one request.
const PAGE: usize = 100;

#[derive(Subcommand)]
pub(super) enum Contact {
    /// Show one contact
    Get {
        /// Its id
        id: String,
    },
    /// List contacts, newest first; with --updated-since in the order of their changes
    List(List),
    /// Make a contact
    Create(Draft),
    /// Change fields of a contact; what is left out is left alone
    Update {
        /// Its id
        id: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Change the contact with this e-mail or phone, or make it
    Upsert(Draft),
    /// Delete a contact
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Args)]
pub(super) struct List {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only those that hold this text in name, e-mail or phone
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those changed since: `7d`, `12h`, or 2026-12-01T10:00:00Z
    #[arg(long, value_name = "SINCE", value_parser = Since::parse, conflicts_with = "legacy_list")]
    updated_since: Option<Since>,
    /// Only those of this business
    #[arg(long, value_name = "ID", conflicts_with_all = ["text", "updated_since", "legacy_list"])]
    business: Option<String>,
    /// Through the vendor's deprecated listing instead of its search
    #[arg(long)]
    legacy_list: bool,
}

#[derive(Args)]
pub(super) struct Draft {
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    once: Once,
}

impl Contact {
    pub(super) async fn run(self, desk: Desk<'_>) -> Result<(), Exit> {
        let context = desk.context;
        let (contact, command, once, verb) = match self {
            Contact::Get { id } => {
                return match desk.open().await?.ask(&Query::Contact(id)).await? {
                    Answer::Contact(contact) => context.print(&contact_value(&contact), || show::contact(&contact)),
                    _ => Err(strange()),
                };
            }
            Contact::List(list) => {
                let bar = match context.shows_progress() {
                    true => ProgressBar::new(u64::from(list.limit)),
                    false => ProgressBar::hidden(),
                };
                let contacts = list.gather(&desk.open().await?, &bar).await;
                bar.finish_and_clear();
                let contacts = contacts?;
                let values: Vec<Value> = contacts.iter().map(contact_value).collect();
                return context.print(&values, || show::contacts(&contacts));
            }
            Contact::Create(draft) => {
                let (draft, once) = draft.read()?;
                (None, CrmCommand::CreateContact(draft), once, "made")
            }
            Contact::Upsert(draft) => {
                let (draft, once) = draft.read()?;
                (None, CrmCommand::UpsertContact(draft), once, "made or changed")
            }
            Contact::Update { id, draft } => {
                let (draft, once) = draft.read()?;
                (Some(id), CrmCommand::UpdateContact(draft), once, "changed")
            }
            Contact::Delete { id, sure } => {
                context.agree(&format!("Delete contact {id}, with its tasks and notes?"), sure.yes)?;
                (Some(id), CrmCommand::DeleteContact, sure.once, "deleted")
            }
        };
        let done = desk.open().await?.execute(contact.as_deref(), command, once.key).await?;
        context.print(&done, || show::done("contact", &done, verb))
    }
}

impl Draft {
    fn read(self) -> Result<(ContactDraft, Once), Exit> {
        let draft = self.fields.draft();
        let draft =
            draft.ok_or_else(|| Exit::Asked("say what the contact shall have, as in --email ADDRESS".into()))?;
        Ok((draft, self.once))
    }
}

impl List {
    /// Page after page, each contact once, until there are enough.
    async fn gather(&self, at: &At, bar: &ProgressBar) -> Result<Vec<contract::Contact>, Exit> {
        let updated_after = self.updated_since.map(|since| since.from(Clock::system().now_ms()));
        let (limit, mut cursor) = (self.limit as usize, None);
        let (mut seen, mut contacts) = (HashSet::new(), Vec::new());
        loop {
            let page = PAGE.min(limit - contacts.len());
            let (page, next) = contact_page(at, &self.query(page as u32, updated_after, cursor)).await?;
            contacts.extend(page.into_iter().filter(|contact| seen.insert(contact.id.clone())));
            bar.set_position(contacts.len() as u64);
            if contacts.len() >= limit || next.is_none() {
                contacts.truncate(limit);
                return Ok(contacts);
            }
            cursor = next;
        }
    }

    fn query(&self, limit: u32, updated_after: Option<Millis>, cursor: Option<String>) -> Query {
        match &self.business {
            Some(business) => Query::BusinessContacts(BusinessFilter { business: business.clone(), limit, cursor }),
            None => {
                let (text, older_listing) = (self.text.clone(), self.legacy_list);
                Query::Contacts(ContactFilter { text, updated_after, limit, cursor, older_listing })
            }
        }
    }
}

/// One page of contacts, and where the next one begins.
pub(in crate::cli) async fn contact_page(
    at: &At,
    query: &Query,
) -> Result<(Vec<contract::Contact>, Option<String>), Exit> {
    match at.ask(query).await? {
        Answer::Contacts(page) => Ok(page),
        _ => Err(strange()),
    }
}
