//! `convey shadow start|report|promote|stop`: a mapper beside the live one on live changes, until it is believed.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::Context;
use super::client::Door;
use super::output::{Exit, heads, table};
use super::written::{from_now, rfc3339};
use crate::admin::{Begin, Promote, Proposed};
use crate::clock::{Clock, Millis};
use crate::config::{self, span};
use crate::flow::{Gate, Scope, ShadowReport, Stage, Tally};

#[derive(Subcommand)]
pub(super) enum Shadow {
    /// Run a mapper, or other settings, beside the live one; nothing that it says is sent
    Start(Start),
    /// Show how it differs from the live one
    Report {
        /// The mapper's name in the configuration
        #[arg(long, default_value = "default")]
        name: String,
    },
    /// Make it live, and watch over what was live before for a while: a breach goes back by itself
    Promote {
        /// The mapper's name in the configuration
        #[arg(long, default_value = "default")]
        name: String,
        /// For how long the one before is watched over; 0s: not at all
        #[arg(long, value_name = "SPAN", value_parser = spanned)]
        watch: Option<Millis>,
        /// For so many connections first; then promote again for more: `5,20,all`
        #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = stage)]
        stage: Vec<u32>,
        /// Why, for the history
        #[arg(long)]
        note: Option<String>,
    },
    /// End it; what was seen stays
    Stop {
        /// The mapper's name in the configuration
        #[arg(long, default_value = "default")]
        name: String,
    },
}

#[derive(Args)]
pub(super) struct Start {
    /// The mapper's name in the configuration
    #[arg(long, default_value = "default")]
    name: String,
    /// The component's file, or the digest of one that is kept; left out: the live one
    #[arg(long, value_name = "FILE|DIGEST")]
    mapper: Option<PathBuf>,
    /// The settings' file, TOML; left out: the live ones
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Changes of these connections only
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    connections: Vec<String>,
    /// Only so many of all changes, always the same ones
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = per_mille)]
    sample: u32,
    /// Promote it by itself once this holds: `differing < 2% && faults == 0 && changes >= 1000`
    #[arg(long, value_name = "GATE", value_parser = gate)]
    promote_when: Option<String>,
    /// For how long the one before is watched over after a promotion
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = spanned)]
    watch: Millis,
    /// Why, for the history
    #[arg(long)]
    note: Option<String>,
}

fn spanned(text: &str) -> Result<Millis, String> {
    if text == "0s" { Ok(0) } else { span(text).ok_or_else(|| "write it as in 90m, 1h or 2d".to_owned()) }
}

fn gate(text: &str) -> Result<String, String> {
    Gate::parse(text).map(|_| text.to_owned())
}

fn per_mille(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let number = number.map(|number| (number * 10.0).round()).filter(|number| (1.0..=1_000.0).contains(number));
    number.map(|number| number as u32).ok_or_else(|| "write a share from 0.1% to 100%".to_owned())
}

impl Shadow {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let door = Door::running(&config::load(&context.config)?.state_dir)?;
        let who = "operator".to_owned();
        let report: ShadowReport = match self {
            Shadow::Start(start) => {
                let (name, begin) = start.begin()?;
                door.post(&format!("/shadow/{name}/start"), &begin).await?
            }
            Shadow::Report { name } => door.get(&format!("/shadow/{name}")).await?,
            Shadow::Stop { name } => {
                let stop = Promote { who, ..Promote::default() };
                door.post(&format!("/shadow/{name}/stop"), &stop).await?
            }
            Shadow::Promote { name, watch, stage, note } => {
                let promote = Promote { watch_ms: watch, stages: stage, who, note };
                let said: Value = door.post(&format!("/shadow/{name}/promote"), &promote).await?;
                return context.print(&said, || promoted(&said));
            }
        };
        context.print(&report, || told(&report))
    }
}

impl Start {
    fn begin(self) -> Result<(String, Begin), Exit> {
        if self.mapper.is_none() && self.settings.is_none() {
            return Err(Exit::Asked(
                "give a component with --mapper FILE, settings with --settings FILE, or both".to_owned(),
            ));
        }
        let (component, digest) = self.mapper.map(given).transpose()?.unwrap_or_default();
        let read =
            |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        let settings = self.settings.map(read).transpose()?;
        let proposed = Proposed {
            component,
            digest,
            settings,
            who: "operator".to_owned(),
            note: self.note,
            ..Proposed::default()
        };
        let scope = Scope {
            connections: self.connections,
            sample_per_mille: self.sample,
            promote_when: self.promote_when,
            watch_ms: self.watch,
            stages: Vec::new(),
        };
        Ok((self.name, Begin { proposed, scope }))
    }
}

/// A component as it was given: its bytes in base64, or the digest of one that is kept.
pub(super) fn given(mapper: PathBuf) -> Result<(Option<String>, Option<String>), Exit> {
    let written = mapper.to_string_lossy();
    let is_digest = written.len() >= 6 && written.bytes().all(|letter| letter.is_ascii_hexdigit());
    if is_digest && !mapper.exists() {
        return Ok((None, Some(written.into_owned())));
    }
    let bytes = std::fs::read(&mapper).with_context(|| format!("cannot read {}", mapper.display()))?;
    Ok((Some(STANDARD.encode(bytes)), None))
}

fn stage(text: &str) -> Result<u32, String> {
    match text {
        "all" => Ok(u32::MAX),
        number => number.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write 5,20,all".to_owned()),
    }
}

fn promoted(said: &Value) -> String {
    let Ok(stage) = serde_json::from_value::<Stage>(said["stage"].clone()) else {
        return format!("generation {} is live", said["generation"]);
    };
    let mut lines = vec![format!(
        "generation {} is live for {} of {} connections: {}\n`convey shadow promote` goes on with the next stage, `convey shadow stop` takes it back",
        said["generation"],
        stage.live.len(),
        stage.of,
        stage.live.join(", ")
    )];
    if !stage.left_out.is_empty() {
        lines.push(format!("{} are left out, and hear the mapper before:", stage.left_out.len()));
    }
    lines.extend(stage.left_out.iter().map(|(connection, why)| format!("  {connection}: {why}")));
    lines.join("\n")
}

fn told(report: &ShadowReport) -> String {
    let ShadowReport { tally, .. } = report;
    let now = Clock::system().now_ms();
    let mut lines = vec![format!(
        "{} {} of {}: mapper {}, settings {}, since {}{}",
        report.state,
        if report.role == "former" { "watch over the one before" } else { "shadow" },
        report.mapper,
        &report.digest[..12],
        &report.settings_hash[..12],
        from_now(report.started_at, now),
        report.ended_at.and_then(rfc3339).map(|at| format!(" until {at}")).unwrap_or_default(),
    )];
    if !report.staged.is_empty() {
        lines.push(format!("live for {} connection(s): {}", report.staged.len(), report.staged.join(", ")));
    }
    lines.extend(report.reason.iter().map(|reason| format!("because {reason}")));
    let share = 100.0 * tally.differing as f64 / tally.compared.max(1) as f64;
    lines.push(format!("{} change(s) compared, {} differ ({share:.1} %)", tally.compared, tally.differing));
    if tally.left_out > 0 {
        lines.push(format!("{} more were left out: the shadow fell behind", tally.left_out));
    }
    let (old, new) = report.us_per_change;
    lines.push(format!("CPU a change: {old:.0} µs before, {new:.0} µs after"));
    if let (Some(old), Some(new)) = report.quality {
        lines.push(format!("match quality: {old:.1} before, {new:.1} after ({:+.1})", new - old));
    }
    let counts = counts(tally);
    if counts.len() > 1 {
        lines.push(format!("\n{}", table(&counts)));
    }
    let mut samples = vec![heads(["for instance", "connection", "kind", "how"])];
    samples.extend(tally.samples.iter().map(|sample| {
        vec![sample.change.clone(), sample.connection.clone(), sample.kind.clone(), sample.difference.line()]
    }));
    if samples.len() > 1 {
        lines.push(format!("\n{}", table(&samples)));
    }
    lines.join("\n")
}

/// Every kind of difference with its count.
fn counts(tally: &Tally) -> Vec<Vec<String>> {
    let mut rows = vec![heads(["count", "what"])];
    let mut row = |count: u64, what: String| {
        if count > 0 {
            rows.push(vec![count.to_string(), what]);
        }
    };
    for (path, place) in &tally.paths {
        row(place.different, format!("{path} is different"));
        row(place.added, format!("{path} is added"));
        row(place.removed, format!("{path} is missing"));
    }
    tally.added.iter().for_each(|(effect, count)| row(*count, format!("{effect} is added")));
    tally.removed.iter().for_each(|(effect, count)| row(*count, format!("{effect} is missing")));
    tally.spoke.iter().for_each(|(code, count)| row(*count, format!("the skip {code} became effects")));
    tally.fell_silent.iter().for_each(|(code, count)| row(*count, format!("effects became the skip {code}")));
    tally.other_reason.iter().for_each(|(how, count)| row(*count, how.clone()));
    tally.faults.iter().for_each(|(fault, count)| row(*count, format!("fault: {fault}")));
    row(tally.mended, "no fault any more".to_owned());
    rows
}
