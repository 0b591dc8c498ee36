//! `convey verify`: what is stored comes out again, byte for byte, of the mapper and settings that made it.

use anyhow::Error;
use clap::Args;

use super::Context;
use super::client::Door;
use super::output::{Exit, heads, table};
use super::written::Since;
use crate::app::Desk;
use crate::clock::Clock;
use crate::config;
use crate::flow::{Proof, Verify as Asked};
use crate::store::Window;

/// Rows that are shown to people; programs get more.
const SHOWN: usize = 20;

#[derive(Args)]
pub(super) struct Verify {
    /// Of an event or a fact; or a name in `convey why` (`e12`, `c34`)
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<String>,
    /// Everything that is stored
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// With --all: what happened from then on: a span (`3d`) or a moment
    #[arg(long, value_name = "WHEN", value_parser = Since::parse, requires = "all")]
    since: Option<Since>,
    /// With --all: what happened before then
    #[arg(long, value_name = "WHEN", value_parser = Since::parse, requires = "all")]
    until: Option<Since>,
    /// With --all: in this connection only
    #[arg(long, value_name = "NAME", requires = "all")]
    connection: Option<String>,
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let now = Clock::system().now_ms();
        let Self { id, since, until, connection, .. } = self;
        let from = |when: Option<Since>| when.map(|when| when.from(now));
        let window = Window { since: from(since).unwrap_or_default(), until: from(until), connection, contact: None };
        let asked = id.map_or(Asked::All(window), Asked::One);
        let config = config::load(&context.config)?;
        let proof = match Door::find(&config.state_dir)? {
            Some(door) => door.post("/verify", &asked).await?,
            None => {
                let desk = Desk::build(&config, Clock::system()).await?;
                let proof = desk.flow.verify(&asked).await.map_err(Error::from)?;
                proof.ok_or_else(|| Exit::Missing("nothing that is stored matches".to_owned()))?
            }
        };
        context.print(&proof, || told(&proof))?;
        // Programs that look at nothing but the exit code must not take a difference for a proof.
        if proof.unequal > 0 { Err(Exit::Said) } else { Ok(()) }
    }
}

fn told(proof: &Proof) -> String {
    let Proof { changes, events, commands, members, skips, unequal, unproven, named } = proof;
    let mut lines = vec![format!(
        "{changes} change(s) translated once more by the mapper and settings of their own: {events} event(s), {commands} command(s), {members} place(s) in audiences and {skips} skip(s) compared."
    )];
    lines.push(match unequal {
        0 => "All came out again, byte for byte.".to_owned(),
        some => format!("{some} change(s) did not come out again:"),
    });
    if !named.is_empty() {
        let mut rows = vec![heads(["change", "of it", "connection", "generation", "what"])];
        rows.extend(named.iter().take(SHOWN).map(|row| {
            let event = row.event.clone().unwrap_or_default();
            vec![row.change.clone(), event, row.connection.clone(), row.generation.to_string(), row.what.clone()]
        }));
        lines.push(table(&rows));
    }
    if *unproven > 0 {
        lines.push(format!("{unproven} change(s) cannot be proven: what translated them is not kept."));
    }
    lines.join("\n")
}
