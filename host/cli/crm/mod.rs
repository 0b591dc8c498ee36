//! `convey crm`: every read and write of the CRM by hand, through the connection's own component, credential and allowance.

mod contact;
mod fields;
mod note;
mod show;
mod tag;
mod task;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Context;
use super::desk::At;
use super::output::Exit;
use crate::contract::CrmCommand;
use crate::engine::{Answer, Query};

pub(super) use contact::contact_page;

use show::{appointment_value, contact_value, note_value, task_value};

#[derive(Args)]
pub(super) struct Crm {
    /// The connection; it may be left out where there is only one
    #[arg(long, global = true, value_name = "NAME")]
    connection: Option<String>,
    #[command(subcommand)]
    about: About,
}

#[derive(Subcommand)]
enum About {
    /// Contacts: get, list, create, update, upsert, delete
    #[command(subcommand)]
    Contact(contact::Contact),
    /// Tasks of a contact: list, get, create, update, complete, delete
    #[command(subcommand)]
    Task(task::Task),
    /// Notes of a contact: list, get, create, update, delete
    #[command(subcommand)]
    Note(note::Note),
    /// Tags of a contact: list, add, remove
    #[command(subcommand)]
    Tag(tag::Tag),
    /// Appointments of a contact
    #[command(subcommand)]
    Appointment(Appointment),
    /// The location's custom fields, pipelines with their stages, country, currency and time zone
    Catalogue,
}

#[derive(Subcommand)]
enum Appointment {
    /// List a contact's appointments
    List {
        /// The contact's id
        contact: String,
    },
}

/// Under which key a write is done once.
#[derive(Args)]
struct Once {
    /// Under one key it is done once, however often it is asked for
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Whether a deletion was said to be meant.
#[derive(Args)]
struct Sure {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    once: Once,
}

impl Crm {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let Self { connection, about } = self;
        let desk = Desk { context, connection };
        match about {
            About::Contact(contact) => contact.run(desk).await,
            About::Task(task) => task.run(desk).await,
            About::Note(note) => note.run(desk).await,
            About::Tag(tag) => tag.run(desk).await,
            About::Appointment(Appointment::List { contact }) => {
                match desk.open().await?.ask(&Query::Appointments(contact)).await? {
                    Answer::Appointments(appointments) => {
                        let values: Vec<Value> = appointments.iter().map(appointment_value).collect();
                        context.print(&values, || show::appointments(&appointments))
                    }
                    _ => Err(strange()),
                }
            }
            About::Catalogue => match desk.open().await?.ask(&Query::Catalogue).await? {
                // The source's own words: JSON where it is JSON, else as they are.
                Answer::Catalogue(text) => {
                    let value = serde_json::from_str(&text).unwrap_or(Value::String(text.clone()));
                    context.print(&value, || text)
                }
                _ => Err(strange()),
            },
        }
    }
}

/// Opened only once what was asked is known to make sense.
struct Desk<'a> {
    context: &'a Context,
    connection: Option<String>,
}

impl Desk<'_> {
    async fn open(self) -> Result<At, Exit> {
        At::open(self.context, self.connection).await
    }

    /// Has something of a contact's written and says that it was: what it is, and what was done.
    async fn write(
        self,
        contact: &str,
        command: CrmCommand,
        once: Once,
        (what, verb): (&str, &str),
    ) -> Result<(), Exit> {
        let context = self.context;
        let mut done = self.open().await?.execute(Some(contact), command, once.key).await?;
        done["contact"] = json!(contact);
        context.print(&done, || show::done(what, &done, verb))
    }
}

/// A source that answers another question than it was asked.
fn strange() -> Exit {
    Exit::Failed(anyhow::anyhow!("the source answered another question than it was asked"))
}
