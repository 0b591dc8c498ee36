//! `convey export`: delivered events with their contacts and campaigns, for reports of your own.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Context;
use super::ledger::Ledger;
use super::output::{Exit, unread};
use super::parquet::{Kind, Table};
use super::queue::each;
use super::written::{Since, rfc3339};
use crate::clock::Clock;
use crate::config;
use crate::flow::Operation;
use crate::store::Delivered;

/// Rows that one question brings.
const PAGE: u64 = 1_000;

/// The columns, in order.
const COLUMNS: [&str; 24] = [
    "event_id",
    "event",
    "destination",
    "connection",
    "contact",
    "change",
    "kind",
    "rule",
    "generation",
    "occurred_at",
    "told_at",
    "trace",
    "value",
    "currency",
    "first_campaign",
    "first_campaign_id",
    "last_campaign",
    "last_campaign_id",
    "ad_id",
    "adset_id",
    "lead_id",
    "utm_source",
    "utm_medium",
    "utm_content",
];

#[derive(Args)]
pub(super) struct Export {
    /// Delivered from then on: a span (`30d`) or a moment
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Since,
    /// Delivered before then
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    until: Option<Since>,
    /// Delivered to this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// How the rows are written
    #[arg(long = "as", value_enum, default_value_t = Form::Ndjson)]
    form: Form,
    /// Into this file; to stdout when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a head (RFC 4180)
    Csv,
    /// A Parquet file, for a data warehouse
    Parquet,
}

/// Where rows are going.
enum Rows {
    Lines(BufWriter<Box<dyn Write + Send>>, Form),
    Table(Box<Table<BufWriter<Box<dyn Write + Send>>>>),
}

impl Rows {
    fn begin(out: Box<dyn Write + Send>, form: Form) -> Result<Self, Exit> {
        let mut out = BufWriter::new(out);
        if form == Form::Parquet {
            return Ok(Self::Table(Box::new(Table::begin(out, COLUMNS.map(|name| (name, kind(name))).to_vec())?)));
        }
        if form == Form::Csv {
            writeln!(out, "{}", COLUMNS.join(",")).map_err(unread)?;
        }
        Ok(Self::Lines(out, form))
    }

    fn take(&mut self, row: &Value) -> Result<(), Exit> {
        match self {
            Self::Lines(out, form) => writeln!(out, "{}", line(row, *form)).map_err(unread),
            Self::Table(table) => Ok(table.take(row.clone())?),
        }
    }

    fn end(self) -> Result<(), Exit> {
        match self {
            Self::Lines(mut out, _) => out.flush().map_err(unread),
            Self::Table(table) => Ok(table.end()?),
        }
    }
}

fn kind(column: &str) -> Kind {
    match column {
        "occurred_at" | "told_at" => Kind::Moment,
        "value" => Kind::Number,
        "generation" => Kind::Whole,
        _ => Kind::Text,
    }
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        if self.form == Form::Parquet && self.out.is_none() && std::io::stdout().is_terminal() {
            return Err(Exit::Asked("Parquet is no text for a terminal: --out FILE".to_owned()));
        }
        let ledger = Ledger::open(&config::load(&context.config)?).await?;
        let now = Clock::system().now_ms();
        let out: Box<dyn Write + Send> = match &self.out {
            Some(path) => Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
            None => Box::new(std::io::stdout()),
        };
        let (mut out, mut rows) = (Some(out), None);
        let (since, until) = (self.since.from(now), self.until.map(|until| until.from(now)));
        let (mut after, mut count) = (0, 0);
        loop {
            let asked = Delivered { since, until, destination: self.destination.clone(), after, limit: PAGE };
            let said = match ledger.take(Operation::Export { asked, by: "operator".to_owned() }).await {
                Err(Exit::Missing(_)) if count > 0 => break,
                said => said?,
            };
            // Where there is nothing, nothing is begun.
            if let Some(out) = out.take() {
                rows = Some(Rows::begin(out, self.form)?);
            }
            for row in each(&said, "rows") {
                rows.as_mut().map_or(Ok(()), |rows| rows.take(row))?;
                count += 1;
            }
            after = said["after"].as_i64().unwrap_or(i64::MAX);
        }
        rows.map_or(Ok(()), Rows::end)?;
        match &self.out {
            Some(path) => context
                .print(&json!({"rows": count, "file": path}), || format!("{count} event(s) are in {}", path.display())),
            None => Ok(()),
        }
    }
}

/// One row. Moments are RFC 3339, for people and spreadsheets alike.
fn line(row: &Value, form: Form) -> String {
    let cell = |column: &str| match column {
        "occurred_at" | "told_at" => row[column].as_u64().and_then(rfc3339).map_or(Value::Null, Value::String),
        _ => row[column].clone(),
    };
    match form {
        Form::Ndjson => {
            Value::Object(COLUMNS.iter().map(|name| ((*name).to_owned(), cell(name))).collect()).to_string()
        }
        Form::Csv | Form::Parquet => COLUMNS.iter().map(|name| quoted(&cell(name))).collect::<Vec<_>>().join(","),
    }
}

/// A field as RFC 4180 has it. A text that a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{COLUMNS, Form, line, quoted};

    #[test]
    fn fields_keep_their_commas_and_no_text_is_a_formula() {
        assert_eq!(quoted(&json!("a, \"b\"")), "\"a, \"\"b\"\"\"");
        assert_eq!((quoted(&json!(null)), quoted(&json!(-1.5))), (String::new(), "-1.5".to_owned()));
        assert_eq!(quoted(&json!("=1+1")), "'=1+1");
    }

    #[test]
    fn a_row_has_every_column_in_order() {
        let row = json!({"event_id": "e1", "told_at": 1_796_119_200_000_u64, "value": 12.5});
        let csv = line(&row, Form::Csv);
        assert_eq!(csv.split(',').count(), COLUMNS.len());
        assert!(csv.starts_with("e1,") && csv.contains("2026-12-01T10:00:00Z"), "{csv}");
        let object: serde_json::Value = serde_json::from_str(&line(&row, Form::Ndjson)).expect("JSON");
        assert_eq!((object.as_object().map(serde_json::Map::len), &object["value"]), (Some(24), &json!(12.5)));
    }
}
