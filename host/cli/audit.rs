//! `convey audit`: every request that left, and what people did to the queue and to contacts.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::ledger::Ledger;
use super::output::{Exit, heads, table};
use super::queue::{each, text};
use super::written::{Since, rfc3339};
use crate::clock::Clock;
use crate::config;
use crate::flow::Operation;
use crate::store::AuditFilter;

#[derive(Args)]
pub(super) struct Audit {
    /// From when on: a span (`3d`) or a moment
    #[arg(long, value_name = "WHEN", default_value = "1d", value_parser = Since::parse)]
    since: Since,
    /// Requests to this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Requests for this connection; with --contact, the one that the contact is of
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Requests about this contact, and those that carried its events
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// How many rows, the newest
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u64,
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let ledger = Ledger::open(&config::load(&context.config)?).await?;
        let Self { since, destination, connection, contact, limit } = self;
        let since = since.from(Clock::system().now_ms());
        let filter = AuditFilter { since, destination, connection, contact, limit };
        let said = ledger.take(Operation::Audit(filter)).await?;
        context.print(&said, || listed(&said))
    }
}

fn listed(said: &Value) -> String {
    let mut rows = vec![heads(["at", "who", "digest", "for", "what", "answer", "took"])];
    for row in each(said, "rows") {
        let answer = [text(row, "status"), text(row, "outcome")].into_iter().filter(|part| !part.is_empty());
        rows.push(vec![
            row["at"].as_u64().and_then(rfc3339).unwrap_or_default(),
            text(row, "actor"),
            text(row, "digest").chars().take(12).collect(),
            text(row, "lane"),
            text(row, "operation"),
            answer.collect::<Vec<_>>().join(" "),
            row["latency_ms"].as_u64().map(|ms| format!("{ms} ms")).unwrap_or_default(),
        ]);
    }
    table(&rows)
}
