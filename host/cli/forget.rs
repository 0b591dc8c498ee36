//! `convey forget`: nothing that is stored of a contact opens any more; what is counted still adds up.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::ledger::Ledger;
use super::output::Exit;
use super::queue::text;
use crate::config;
use crate::flow::Operation;

#[derive(Args)]
pub(super) struct Forget {
    /// The CRM's id of the contact
    contact: String,
    /// In this connection only; in all that know it when left out
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Why; it stands in the audit, so name nobody
    #[arg(long, value_name = "TEXT", default_value = "asked for on the command line")]
    because: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Forget {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        context.agree("Destroy the key of all that is stored of this contact? Nobody can bring it back.", self.yes)?;
        let ledger = Ledger::open(&config).await?;
        let Self { contact, connection, because, .. } = self;
        let asked = Operation::Forget { contact, connection, why: because, by: "operator".to_owned() };
        let said = ledger.take(asked).await?;
        context.print(&said, || told(&said["forgotten"]))
    }
}

fn told(forgotten: &Value) -> String {
    format!(
        "Forgotten. Dropped of what was waiting or dead: {} event(s), {} change(s), {} delivery(s), {} command(s). \
         Places in audiences that the platform is told to give up: {}. Ids and counts stay; events that were sent to a platform before are there still, and a word of the CRM's about this contact makes it known anew.\n\
         Key files of earlier backups hold its key: destroy them (docs/operations.md).",
        text(forgotten, "events_dropped"),
        text(forgotten, "changes_dropped"),
        text(forgotten, "deliveries_dropped"),
        text(forgotten, "commands_dropped"),
        text(forgotten, "places_left"),
    )
}
