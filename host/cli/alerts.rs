//! `convey alerts`: what is the matter now, and whether anybody would hear of it.

use clap::Subcommand;

use super::Context;
use super::client::Door;
use super::output::{Exit, heads, table};
use super::written::rfc3339;
use crate::config;
use crate::flow::{Message, Said};

#[derive(Subcommand)]
pub(super) enum Alerts {
    /// List what was said and still holds
    List,
    /// Send a message to every target of [alerts] and say whether it arrived
    Test,
}

impl Alerts {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let door = Door::running(&config::load(&context.config)?.state_dir)?;
        match self {
            Alerts::List => {
                let open: Vec<Message> = door.get("/alerts").await?;
                context.print(&open, || listed(&open))
            }
            Alerts::Test => {
                let said: Vec<Said> = door.post("/alerts/test", &serde_json::Value::Null).await?;
                context.print(&said, || tried(&said))?;
                if said.iter().all(|said| said.error.is_none()) { Ok(()) } else { Err(Exit::Said) }
            }
        }
    }
}

fn listed(open: &[Message]) -> String {
    if open.is_empty() {
        return "nothing is the matter".to_owned();
    }
    let line = |message: &Message| {
        let since = rfc3339(message.since).unwrap_or_default();
        format!("{} (since {since})\n  {}\n  next: {}", message.alert.alert, message.alert.cause, message.alert.next)
    };
    open.iter().map(line).collect::<Vec<_>>().join("\n\n")
}

fn tried(said: &[Said]) -> String {
    let mut rows = vec![heads(["target", "message"])];
    for said in said {
        let came = said.error.as_ref().map_or_else(|| "arrived".to_owned(), |error| format!("did not arrive: {error}"));
        rows.push(vec![said.target.clone(), came]);
    }
    table(&rows)
}
