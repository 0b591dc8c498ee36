//! `convey test-mode`: for a while, events are marked as tests.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Context;
use super::client::Door;
use super::output::Exit;
use super::written::from_now;
use crate::admin::{TestModeBegun, TestModeEnded};
use crate::config::{self, Config, span};

/// Mark events as tests for a while.
#[derive(Subcommand)]
pub(super) enum TestMode {
    /// Begin: it ends by itself
    On(On),
    /// End it now
    Off(Off),
}

#[derive(Args)]
pub(super) struct On {
    /// The code that the platform shows for its tests
    #[arg(long, value_name = "CODE")]
    code: String,
    /// For how long: `30m`, `1h`, at most 24 h
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    lasts: String,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Args)]
pub(super) struct Off {
    #[command(flatten)]
    whose: Whose,
}

#[derive(Args)]
struct Whose {
    /// The destination; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
}

impl TestMode {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        match self {
            Self::On(On { code, lasts, whose }) => {
                let for_ms =
                    span(&lasts).ok_or_else(|| Exit::Asked(format!("--for {lasts}: write it like `30m` or `1h`")))?;
                let destination = whose.named(&config)?;
                let asked = TestModeBegun { destination, code, for_ms, by: "operator".to_owned() };
                let mode: Value = Door::running(&config.state_dir)?.post("/test-mode/on", &asked).await?;
                let (since, until) = (mode["since"].as_u64(), mode["until"].as_u64());
                let ends = from_now(until.unwrap_or_default(), since.unwrap_or_default());
                context.print(&mode, || {
                    format!(
                        "{}: events are marked as tests; it ends {ends}, or with `convey test-mode off`",
                        asked.destination
                    )
                })
            }
            Self::Off(Off { whose }) => {
                let asked = TestModeEnded { destination: whose.named(&config)? };
                let ended: Value = Door::running(&config.state_dir)?.post("/test-mode/off", &asked).await?;
                let word = if ended["was_on"] == true { "test mode is off" } else { "test mode was not on" };
                context.print(&ended, || format!("{}: {word}", asked.destination))
            }
        }
    }
}

impl Whose {
    fn named(self, config: &Config) -> Result<String, Exit> {
        let known: Vec<&str> = config.destinations.keys().map(String::as_str).collect();
        match (self.destination, known.as_slice()) {
            (Some(name), known) if known.contains(&name.as_str()) => Ok(name),
            (Some(name), _) => {
                Err(Exit::Asked(format!("no destination is called `{name}`: there are {}", known.join(", "))))
            }
            (None, [only]) => Ok((*only).to_owned()),
            (None, _) => Err(Exit::Asked(format!("say which: --destination {}", known.join(" or ")))),
        }
    }
}
