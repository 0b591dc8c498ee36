//! `convey pause` and `convey resume`.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::output::Exit;
use crate::admin::PauseRequest;
use crate::config;
use crate::store::PauseScope;

/// What is meant: exactly one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Scope {
    /// A destination's or connection's name
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
        let (scope, name) = match self.name {
            None => (PauseScope::All, "everything".to_owned()),
            Some(name) if config.destinations.contains_key(&name) => (PauseScope::Destination(name.clone()), name),
            Some(name) if config.connections.contains_key(&name) => (PauseScope::Connection(name.clone()), name),
            Some(name) => {
                let known: Vec<&str> =
                    config.destinations.keys().chain(config.connections.keys()).map(String::as_str).collect();
                return Err(Exit::Asked(format!(
                    "no destination or connection is called `{name}`: there are {}",
                    known.join(", ")
                )));
            }
        };
        let request =
            PauseRequest { scope, reason: "asked for on the command line".to_owned(), by: "operator".to_owned() };
        let _: Value = Door::running(&config.state_dir)?.post(path, &request).await?;
        context.print(&json!({"scope": request.scope, "done": done}), || format!("{name}: {done}"))
    }
}
