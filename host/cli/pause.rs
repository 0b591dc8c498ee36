//! `convey pause` and `convey resume`.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::desk::names;
use super::output::Exit;
use crate::admin::PauseRequest;
use crate::config::{self, Config};
use crate::store::PauseScope;

/// What is meant: exactly one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Scope {
    /// A destination's or connection's name; `destination.NAME` or `connection.NAME` where both have it
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Every send
    #[arg(long)]
    all: bool,
}

impl Scope {
    pub(super) async fn pause(self, context: &Context) -> Result<(), Exit> {
        self.send(context, "/pause", "paused").await
    }

    pub(super) async fn resume(self, context: &Context) -> Result<(), Exit> {
        self.send(context, "/resume", "goes on").await
    }

    async fn send(self, context: &Context, path: &str, done: &str) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let door = Door::find(&config.state_dir)?;
        let (scope, name) = match self.name {
            None => (PauseScope::All, "everything".to_owned()),
            Some(name) => {
                // Installs make connections that only the running convey knows.
                let known: Vec<Value> = match &door {
                    Some(door) => door.get("/auth").await?,
                    None => config.connections.keys().map(|name| json!({"connection": name})).collect(),
                };
                (named(&config, &names(&known), &name)?, name)
            }
        };
        let door = door.map_or_else(|| Door::running(&config.state_dir), Ok)?;
        let request =
            PauseRequest { scope, reason: "asked for on the command line".to_owned(), by: "operator".to_owned() };
        let _: Value = door.post(path, &request).await?;
        context.print(&json!({"scope": request.scope, "done": done}), || format!("{name}: {done}"))
    }
}

/// What a name means. One that both a destination and a connection have is the destination's: pausing what leaves is what is urgent.
fn named(config: &Config, connections: &[&str], name: &str) -> Result<PauseScope, Exit> {
    let (destination, connection) = match name.split_once('.') {
        Some(("destination", plain)) => (Some(plain), None),
        Some(("connection", plain)) => (None, Some(plain)),
        _ => (Some(name), Some(name)),
    };
    if let Some(known) = destination.filter(|plain| config.destinations.contains_key(*plain)) {
        return Ok(PauseScope::Destination(known.to_owned()));
    }
    if let Some(known) = connection.filter(|plain| connections.contains(plain)) {
        return Ok(PauseScope::Connection(known.to_owned()));
    }
    let destinations = config.destinations.keys().map(|known| format!("destination.{known}"));
    let known: Vec<String> =
        destinations.chain(connections.iter().map(|known| format!("connection.{known}"))).collect();
    Err(Exit::Asked(format!("no destination or connection is called `{name}`: there are {}", known.join(", "))))
}
