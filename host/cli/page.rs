//! `convey page`: where the operator's page is, and a link that signs a browser in once.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Context;
use super::client::Door;
use super::output::Exit;
use super::written::from_now;
use crate::admin::{AskForCode, Role, SignInCode};
use crate::clock::Clock;
use crate::config;

#[derive(Args)]
pub(super) struct Page {
    /// What the browser may do: a viewer looks, an operator also changes
    #[arg(long, value_enum, default_value_t = As::Operator)]
    r#as: As,
}

/// A role, as it is typed.
#[derive(Clone, Copy, ValueEnum)]
enum As {
    Viewer,
    Operator,
}

impl Page {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let door = Door::running(&config.state_dir)?;
        let role = match self.r#as {
            As::Viewer => Role::Viewer,
            As::Operator => Role::Operator,
        };
        let SignInCode { code, role, until } = door.post("/sign-in/code", &AskForCode { role }).await?;
        let base = config.admin.public_url.as_ref().map_or_else(|| door.base().to_owned(), ToString::to_string);
        let base = base.trim_end_matches('/');
        // Behind the #: a browser sends that to nobody, so no log holds the code.
        let url = format!("{base}/sign-in#{code}");
        context.print(&json!({"page": base, "url": url, "role": role, "until": until}), || {
            format!(
                "{url}\nIt signs one browser in as {role}, once; it is good {}.",
                from_now(until, Clock::system().now_ms())
            )
        })
    }
}
