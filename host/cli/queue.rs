//! `convey queue`: what waits, what is parked and why; sending it again, or giving it up.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::Context;
use super::ledger::Ledger;
use super::output::{Exit, card, heads, table};
use super::written::{from_now, rfc3339, roughly};
use crate::config;
use crate::flow::Operation;
use crate::store::{Pick, QueueFilter, QueueKind, QueueState};

#[derive(Subcommand)]
pub(super) enum Queue {
    /// List what is parked, by reason, or what waits, row by row
    List(List),
    /// Show one row with its attempts
    Show {
        /// Its name in the list, or an id: of an event, a fact, a delivery or a webhook
        #[arg(value_name = "NAME|ID")]
        name: String,
    },
    /// Send again what is dead, and at once what waits
    Retry(Picked),
    /// Give up what is dead or waits; the ids of events stay told
    Drop {
        #[command(flatten)]
        picked: Picked,
        /// Why; it stays with the rows
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Row by row, also what is dead
    #[arg(long)]
    rows: bool,
    /// How many groups or rows at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u64,
}

#[derive(Args)]
pub(super) struct Picked {
    /// Names in the list, or ids
    #[arg(value_name = "NAME|ID", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// All that the filter means, not single rows
    #[arg(long, requires = "narrowed")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

/// Which rows. With `--all` at least one of these is needed.
#[derive(Args)]
#[group(id = "narrowed", multiple = true)]
struct Filter {
    /// Where they stand [default: dead]
    #[arg(long, value_enum)]
    state: Option<State>,
    /// What they are
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Where they go: events only
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Whose they are
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// What their reason contains
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// Parked until you decide
    Dead,
    /// Waiting for its turn
    Waiting,
    /// A delivery without a connection, or a command whose event is not delivered
    Held,
    /// In a request without an answer so far
    InFlight,
    /// Past its deadline
    Expired,
    /// Given up
    Dropped,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A delivery to be read
    Delivery,
    /// A change to be translated
    Change,
    /// An event to be sent
    Event,
    /// A command to the CRM that a rule asked for
    Command,
}

impl From<Filter> for QueueFilter {
    fn from(filter: Filter) -> Self {
        let Filter { state, kind, destination, connection, reason } = filter;
        let state = match state.unwrap_or(State::Dead) {
            State::Dead => QueueState::Dead,
            State::Waiting => QueueState::Waiting,
            State::Held => QueueState::Held,
            State::InFlight => QueueState::InFlight,
            State::Expired => QueueState::Expired,
            State::Dropped => QueueState::Dropped,
        };
        let kind = kind.map(|kind| match kind {
            Kind::Delivery => QueueKind::Delivery,
            Kind::Change => QueueKind::Change,
            Kind::Event => QueueKind::Event,
            Kind::Command => QueueKind::Command,
        });
        Self { state, kind, destination, connection, reason }
    }
}

impl From<Picked> for Pick {
    fn from(picked: Picked) -> Self {
        if picked.all { Self::All(picked.filter.into()) } else { Self::Named(picked.names) }
    }
}

impl Queue {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let ledger = Ledger::open(&config::load(&context.config)?).await?;
        match self {
            Self::List(List { filter, rows, limit }) => {
                let filter = QueueFilter::from(filter);
                // What is dead is many of few kinds; what waits is looked at one by one.
                let grouped = !rows && filter.state == QueueState::Dead;
                let asked = match grouped {
                    true => Operation::QueueGroups { filter, limit },
                    false => Operation::QueueRows { filter, limit },
                };
                let said = ledger.take(asked).await?;
                context.print(&said, || if grouped { groups(&said) } else { listed(&said) })
            }
            Self::Show { name } => {
                let said = ledger.take(Operation::QueueShow { name }).await?;
                context.print(&said, || shown(&said))
            }
            Self::Retry(picked) => {
                let said =
                    ledger.take(Operation::QueueRetry { pick: picked.into(), by: "operator".to_owned() }).await?;
                context.print(&said, || decided(&said, "retried", "go again"))
            }
            Self::Drop { picked, because } => {
                let asked = Operation::QueueDrop { pick: picked.into(), why: because, by: "operator".to_owned() };
                let said = ledger.take(asked).await?;
                context.print(&said, || decided(&said, "dropped", "are given up; their ids stay told"))
            }
        }
    }
}

/// What stands under `key`, as text; empty where nothing does.
pub(super) fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The objects under `key`.
pub(super) fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// How long ago something was, of an answer that says when it was given.
fn ago(said: &Value, at: &Value) -> String {
    let (now, at) = (said["at"].as_u64().unwrap_or_default(), at.as_u64().unwrap_or_default());
    from_now(at.min(now), now)
}

fn groups(said: &Value) -> String {
    let mut rows = vec![heads(["count", "what", "of", "since", "reason"])];
    for group in each(said, "groups") {
        let since = ago(said, &group["oldest"]);
        rows.push(vec![text(group, "count"), text(group, "kind"), text(group, "lane"), since, text(group, "reason")]);
    }
    format!(
        "{}\n\n`convey queue list --rows --reason TEXT` shows them one by one; `convey queue retry --all --reason TEXT` sends them again.",
        table(&rows)
    )
}

fn listed(said: &Value) -> String {
    let mut rows = vec![heads(["name", "what", "of", "state", "since", "due", "tries", "reason"])];
    for row in each(said, "rows") {
        let lane = if row["destination"].is_null() { text(row, "connection") } else { text(row, "destination") };
        let due = from_now(row["due_at"].as_u64().unwrap_or_default(), said["at"].as_u64().unwrap_or_default());
        let due = if row["state"] == "waiting" { due } else { String::new() };
        let tries = text(row, "tries");
        let (name, what, state, reason) =
            (text(row, "name"), text(row, "what"), text(row, "state"), text(row, "reason"));
        rows.push(vec![name, what, lane, state, ago(said, &row["since"]), due, tries, reason]);
    }
    table(&rows)
}

fn shown(said: &Value) -> String {
    let shown = each(said, "rows").map(|row| {
        let deadline = row["deadline"].as_u64().and_then(rfc3339).unwrap_or_default();
        let state = if row["ambiguous"] == true {
            format!("{}, may have arrived", text(row, "state"))
        } else {
            text(row, "state")
        };
        let head = card(&[
            ("name", text(row, "name")),
            ("what", format!("{} {}", text(row, "kind"), text(row, "what"))),
            ("id", text(row, "id")),
            ("connection", text(row, "connection")),
            ("destination", text(row, "destination")),
            ("state", state),
            ("reason", text(row, "reason")),
            ("tries", text(row, "tries")),
            ("since", row["since"].as_u64().and_then(rfc3339).unwrap_or_default()),
            ("deadline", deadline),
        ]);
        let attempts = attempts(row);
        if attempts.is_empty() { head } else { format!("{head}\n\n{attempts}") }
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

/// The requests that carried an event; empty if none did.
pub(super) fn attempts(event: &Value) -> String {
    let mut rows = vec![heads(["attempt", "at", "took", "outcome", "for this event", "sink"])];
    for attempt in each(event, "attempts") {
        let at = attempt["at"].as_u64().and_then(rfc3339).unwrap_or_default();
        let took = attempt["took_ms"].as_u64().map(|ms| if ms < 10_000 { format!("{ms} ms") } else { roughly(ms) });
        let sink: String = text(attempt, "sink_digest").chars().take(12).collect();
        let or = |key: &str, other: &str| if attempt[key].is_null() { other.to_owned() } else { text(attempt, key) };
        rows.push(vec![
            text(attempt, "attempt"),
            at,
            took.unwrap_or_default(),
            or("outcome", "no answer yet"),
            or("verdict", "none yet"),
            sink,
        ]);
    }
    if rows.len() == 1 { String::new() } else { table(&rows) }
}

fn decided(said: &Value, key: &str, done: &str) -> String {
    let mut lines = vec![format!("{} of {} row(s) {done}.", text(said, key), text(said, "found"))];
    let names = |key: &str| each(said, key).filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    for (key, what) in [
        ("too_late", "too old for the platform, and left where they are"),
        ("left", "left: done, under way, given up already, or of a contact that was forgotten"),
        ("unknown", "not in the store"),
    ] {
        if each(said, key).next().is_some() {
            lines.push(format!("{what}: {}", names(key)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches, Subcommand};
    use serde_json::json;

    use super::{Queue, attempts, decided, groups};

    fn parsed(words: &[&str]) -> Result<Queue, clap::Error> {
        let command = Queue::augment_subcommands(Command::new("queue"));
        let matches = command.try_get_matches_from(std::iter::once("queue").chain(words.iter().copied()))?;
        Queue::from_arg_matches(&matches)
    }

    #[test]
    fn everything_is_never_meant_by_accident() {
        for wrong in [&["retry"][..], &["retry", "--all"], &["retry", "e1", "--all", "--reason", "x"], &["drop", "e1"]]
        {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        for right in [
            &["retry", "e1"][..],
            &["retry", "--all", "--reason", "x"],
            &["drop", "--all", "--kind", "event", "--because", "x"],
        ] {
            assert!(parsed(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn reasons_are_counted_and_lines_without_content_are_left_out() {
        let group = json!({"kind": "event", "lane": "ads", "reason": "bad value", "count": 3, "oldest": 1_000, "newest": 2_000});
        let said = groups(&json!({"at": 61_000, "groups": [group]}));
        assert!(said.contains("3      event  ads  60 s ago  bad value"), "{said}");
        let said = decided(
            &json!({"found": 2, "retried": 1, "too_late": ["e4"], "left": [], "unknown": []}),
            "retried",
            "go again",
        );
        assert_eq!(said, "1 of 2 row(s) go again.\ntoo old for the platform, and left where they are: e4");
        assert_eq!(attempts(&json!({"attempts": []})), "");
    }
}
