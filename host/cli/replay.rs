//! `convey replay`: stored changes through the mapper that is live now, and only what was never told or done is sent.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::client::Door;
use super::output::{Exit, heads, table};
use super::queue::{each, text};
use super::written::{Since, rfc3339};
use super::{Context, shadow};
use crate::admin::{Proposed, ReplayedWith};
use crate::clock::Clock;
use crate::config;
use crate::flow::{Replay as Asked, ToldOtherwise};
use crate::store::Window;

/// Events that are shown to people; programs get more.
const SHOWN: usize = 20;

#[derive(Args)]
pub(super) struct Replay {
    /// What happened from then on: a span (`3d`) or a moment
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Since,
    /// What happened before then
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    until: Option<Since>,
    /// In this connection only
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Of this contact only
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// Only what this rule asks for
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// By this component, whatever is live: its file, or the digest of one that is kept
    #[arg(long, value_name = "FILE|DIGEST")]
    mapper: Option<PathBuf>,
    /// By these settings, whatever is live
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// With --mapper or --settings: send what was never told
    #[arg(long, conflicts_with = "dry_run")]
    send: bool,
    /// With --mapper or --settings: the mapper's name in the configuration whose connections are meant
    #[arg(long, default_value = "default")]
    name: String,
    /// With --send: why, for the history
    #[arg(long, requires = "send")]
    note: Option<String>,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let door = Door::running(&config::load(&context.config)?.state_dir)?;
        let now = Clock::system().now_ms();
        let Self { since, until, connection, contact, rule, dry_run, mapper, settings, send, name, note } = self;
        let window = Window { since: since.from(now), until: until.map(|until| until.from(now)), connection, contact };
        let who = "operator".to_owned();
        let asked = Asked { window, rule, dry_run, by: who.clone() };
        if mapper.is_none() && settings.is_none() {
            let said: Value = door.post("/replay", &asked).await?;
            return shown(context, &said, dry_run);
        }
        if !dry_run && !send {
            let text =
                "with another mapper or settings say what is meant: --dry-run looks, --send sends what was never told";
            return Err(Exit::Asked(text.to_owned()));
        }
        let (component, digest) = mapper.map(shadow::given).transpose()?.unwrap_or_default();
        let read =
            |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        let settings = settings.map(read).transpose()?;
        let proposed = Proposed { component, digest, settings, who, note, ..Proposed::default() };
        let said: Value = door.post(&format!("/replay/{name}"), &ReplayedWith { replay: asked, proposed }).await?;
        shown(context, &said, dry_run)
    }
}

fn shown(context: &Context, said: &Value, dry_run: bool) -> Result<(), Exit> {
    let otherwise = serde_json::from_value(said["otherwise"].clone()).map_err(anyhow::Error::from)?;
    context.print(said, || told(said, &otherwise, dry_run))
}

fn told(said: &Value, otherwise: &ToldOtherwise, dry_run: bool) -> String {
    let count = |key: &str| said[key].as_u64().unwrap_or_default();
    let verb = if dry_run { "would be sent" } else { "are sent" };
    let mut lines = vec![format!(
        "{} change(s) translated once more: {} event(s) {verb}, {} of them in the place of dead ones; {} told before.",
        count("changes"),
        count("sent"),
        count("replaced"),
        count("told_before"),
    )];
    let would_change = otherwise.count_of_all() + count("sent") + count("too_late");
    if would_change > 0 {
        lines.push(format!("{would_change} event(s) would change, {} of them too old to be sent.", count("too_late")));
    }
    if otherwise.count_of_all() > 0 {
        lines.push(told_otherwise(otherwise));
    }
    for (key, what) in [
        ("skipped", "change(s) of which nothing is said"),
        ("dead", "change(s) that the mapper breaks on"),
        ("orphaned", "change(s) of a connection that is no more"),
        ("may_be_told", "dead event(s) that may have arrived: `convey queue retry` sends them, if that is meant"),
        ("too_late", "event(s) that the platform takes no more"),
        ("members", if dry_run { "place(s) in audiences would change" } else { "place(s) in audiences change" }),
        ("withheld", "place(s) in audiences that are not taken: these contacts asked since not to be disturbed"),
        (
            "commands",
            if dry_run {
                "command(s) to the CRM would be carried out"
            } else {
                "command(s) to the CRM are carried out"
            },
        ),
        ("done_before", "command(s) that were carried out before, wait to be, or were given up"),
    ] {
        if count(key) > 0 {
            lines.push(format!("{} {what}", count(key)));
        }
    }
    for (key, head) in [("to_send", "sent"), ("late", "too late since")] {
        let mut rows = vec![heads([head, "event", "for", "rule", "happened"])];
        for event in each(said, key).take(SHOWN) {
            let deadline = event["deadline"].as_u64().and_then(rfc3339).unwrap_or_default();
            let first = if key == "late" { deadline } else { text(event, "event_id") };
            let happened = event["occurred_at"].as_u64().and_then(rfc3339).unwrap_or_default();
            rows.push(vec![first, text(event, "name"), text(event, "destination"), text(event, "rule"), happened]);
        }
        if rows.len() > 1 {
            lines.push(format!("\n{}", table(&rows)));
        }
    }
    lines.join("\n")
}

/// What was told, would be told otherwise, and stays as it was told.
fn told_otherwise(otherwise: &ToldOtherwise) -> String {
    let ToldOtherwise { different, unasked, .. } = otherwise;
    let said = format!(
        "{different} of them were told otherwise, and {unasked} would not be told at all: the platform takes an id once, so these stay as they are."
    );
    let mut rows = vec![heads(["count", "what"])];
    let mut row = |count: u64, what: String| {
        if count > 0 {
            rows.push(vec![count.to_string(), what]);
        }
    };
    for (path, place) in &otherwise.paths {
        row(place.different, format!("{path} is different"));
        row(place.added, format!("{path} is added"));
        row(place.removed, format!("{path} is missing"));
    }
    otherwise.removed.iter().for_each(|(effect, count)| row(*count, format!("{effect} is missing")));
    format!("{said}\n\n{}\n", table(&rows))
}
