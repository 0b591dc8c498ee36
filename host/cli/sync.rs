//! `convey sync` and `convey backfill`: looking now instead of when it is due, and telling what happened before a connection began.

use std::collections::HashSet;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::crm::contact_page;
use super::desk::{At, look, names};
use super::output::Exit;
use super::written::{rfc3339, roughly};
use crate::clock::Millis;
use crate::config;
use crate::engine::{ContactFilter, Query, Sweep};

/// Ids that are shown of what a backfill would tell.
const SHOWN: usize = 10;

#[derive(Args)]
pub(super) struct Sync {
    /// These connections; all when left out
    connections: Vec<String>,
    /// Only for contacts that changed since it was last looked, not through everything
    #[arg(long)]
    updates: bool,
}

impl Sync {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let door = Door::running(&config.state_dir)?;
        let connections = match self.connections.is_empty() {
            true => names(&door.get::<Vec<Value>>("/auth").await?).into_iter().map(str::to_owned).collect(),
            false => self.connections,
        };
        let (sweep, word) = match self.updates {
            true => (Sweep::Updates, "updates"),
            false => (Sweep::Everything, "everything"),
        };
        for connection in &connections {
            look(&door, connection, sweep, false).await?;
        }
        context.print(&json!({"asked": connections, "sweep": word}), || {
            let what = if self.updates { "for what changed" } else { "through everything" };
            format!("convey looks {what}: {}. `convey status` shows how far it is.", connections.join(", "))
        })
    }
}

#[derive(Args)]
pub(super) struct Backfill {
    /// The connection
    connection: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What a backfill would tell of.
#[derive(Default)]
struct Found {
    /// Contacts that changed since.
    changed: usize,
    /// Those among them that were made since.
    created: usize,
    /// The first ids of those; names stay where they are.
    ids: Vec<String>,
}

impl Backfill {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let name = &self.connection;
        if config.connections.get(name).is_some_and(|connection| connection.terms.backfill_ms == 0) {
            return Err(Exit::Asked(format!(
                "connection `{name}` tells nothing of what was before it began. If that is meant, add the line, and reload with SIGHUP:\n\n\
                 [connection.{name}]\nbackfill = \"7d\"\n"
            )));
        }
        let door = Door::running(&config.state_dir)?;
        let status: Value = door.get("/status").await?;
        let since = status["connections"][name.as_str()]["since"].as_u64();
        let since = since.ok_or_else(|| Exit::Missing(format!("there is no connection called `{name}`")))?;
        let at = At::open(context, Some(name.clone())).await?;
        let bar = if context.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let found = count(&at, since, &bar).await;
        bar.finish_and_clear();
        let found = found?;
        let when = rfc3339(since).unwrap_or_default();
        let ago = roughly(status["status"]["at"].as_u64().unwrap_or(since).saturating_sub(since));
        context.advise(&format!(
            "Since {when} ({ago} ago): {} contact(s) made, {} changed.{}",
            found.created,
            found.changed,
            shown(&found)
        ));
        context.agree("Tell what happened to them since then? What was sent cannot be recalled.", self.yes)?;
        look(&door, name, Sweep::Updates, true).await?;
        let value = json!({
            "connection": name, "since": when, "created": found.created, "changed": found.changed, "contacts": found.ids, "asked": true,
        });
        context
            .print(&value, || format!("{name} is looked through from {when} on. `convey status` shows how far it is."))
    }
}

fn shown(found: &Found) -> String {
    if found.ids.is_empty() {
        return String::new();
    }
    let more = if found.created > found.ids.len() { ", …" } else { "" };
    format!(" Made since: {}{more}", found.ids.join(", "))
}

/// Counts, page by page, each contact once.
async fn count(at: &At, since: Millis, bar: &ProgressBar) -> Result<Found, Exit> {
    let (mut found, mut seen, mut cursor) = (Found::default(), HashSet::new(), None);
    loop {
        let filter = ContactFilter { text: None, updated_after: Some(since), limit: 100, cursor, older_listing: false };
        let (page, next) = contact_page(at, &Query::Contacts(filter)).await?;
        for contact in page {
            if !seen.insert(contact.id.clone()) {
                continue;
            }
            found.changed += 1;
            if contact.created_at.is_some_and(|created| created >= since) {
                found.created += 1;
                if found.ids.len() < SHOWN {
                    found.ids.push(contact.id);
                }
            }
        }
        bar.set_position(found.changed as u64);
        if next.is_none() {
            return Ok(found);
        }
        cursor = next;
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, shown};

    #[test]
    fn a_preview_shows_ids_and_that_there_are_more() {
        let found = |created: usize| Found { changed: 5, created, ids: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(shown(&found(2)), " Made since: a, b");
        assert_eq!(shown(&found(3)), " Made since: a, b, …");
        assert_eq!(shown(&Found::default()), "");
    }
}
