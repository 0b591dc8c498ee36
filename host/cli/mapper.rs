//! `convey mapper new|test|swap|rollback|history`.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Door;
use super::output::{Exit, table};
use super::project::New;
use super::translate::load;
use super::{Context, Format, cache};
use crate::admin::{Proposed, SwapReport};
use crate::app;
use crate::config::{self, Config};
use crate::engine::{Source, World};
use crate::flow::{Candidate, Case, prepare};
use crate::store::Recalled;

#[derive(Subcommand)]
pub(super) enum Mapper {
    /// Write a project for a mapper of one's own, with cases that it passes
    New(New),
    /// Try a mapper: world, imports, settings, cases, purity; on stored changes too where a convey runs
    Test(Change),
    /// Try a mapper and, if it passes, make it live on the running convey
    Swap(Change),
    /// Make the generation before live again
    Rollback {
        /// The mapper's name in the configuration
        #[arg(long, default_value = "default")]
        name: String,
        /// Why, for the history
        #[arg(long)]
        note: Option<String>,
        /// Withdraw what the live one has not told yet, and translate its changes again
        #[arg(long)]
        recall: bool,
    },
    /// Which mapper with which settings was live since when
    History {
        /// The mapper's name in the configuration
        #[arg(long, default_value = "default")]
        name: String,
    },
}

/// What is proposed. What is left out stays as it is.
#[derive(Args)]
pub(super) struct Change {
    /// The mapper's name in the configuration
    #[arg(long, default_value = "default")]
    name: String,
    /// The component's file, or the module that cargo leaves for wasm32-unknown-unknown
    #[arg(long, value_name = "FILE")]
    mapper: Option<PathBuf>,
    /// The settings' file, TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A folder of cases it must pass
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Why, for the history
    #[arg(long)]
    note: Option<String>,
}

impl Mapper {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        match self {
            Mapper::New(new) => new.run(context),
            Mapper::Test(change) => change.test(context).await,
            Mapper::Swap(change) => change.swap(context).await,
            Mapper::Rollback { name, note, recall } => {
                let proposed = Proposed { who: "operator".to_owned(), note, recall, ..Proposed::default() };
                let report: SwapReport = door(context)?.post(&format!("/mapper/{name}/rollback"), &proposed).await?;
                context.print(&report, || {
                    let recalled = report.recalled.as_ref().map(recalled).unwrap_or_default();
                    format!(
                        "generation {} is live: mapper {}, settings {}, in {} ms{recalled}",
                        report.generation,
                        &report.digest[..12],
                        &report.settings_hash[..12],
                        report.commit_ms
                    )
                })
            }
            Mapper::History { name } => {
                let history: Vec<Value> = door(context)?.get(&format!("/mapper/{name}/history")).await?;
                context.print(&history, || history_table(&history))
            }
        }
    }
}

fn door(context: &Context) -> Result<Door, Exit> {
    let config = config::load(&context.config)?;
    Ok(Door::running(&config.state_dir)?)
}

fn recalled(recalled: &Recalled) -> String {
    let Recalled { events, commands, wishes, changes, left } = recalled;
    let mut line = format!(
        "\n{events} event(s), {commands} command(s) and {wishes} wish(es) for audiences are withdrawn; {changes} change(s) are translated again"
    );
    if *left > 0 {
        line.push_str(&format!("\n{left} event(s) are on their way or may have arrived: they stay"));
    }
    line
}

fn history_table(history: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows = vec![
        ["generation", "since", "origin", "mapper", "settings", "who", "cases", "differing", "note"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(history.iter().map(|row| {
        let since = row["started_at"].as_i64().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
        let since = since.map(|since| format!("{since:.0}")).unwrap_or_default();
        let short = |key: &str| text(&row[key]).chars().take(12).collect();
        vec![
            row["id"].to_string(),
            since,
            text(&row["origin"]),
            short("mapper_digest"),
            short("settings_hash"),
            text(&row["who"]),
            row["cases"].to_string(),
            differing(&row["diff"]),
            text(&row["note"]),
        ]
    }));
    table(&rows)
}

/// `3 of 200`: what a generation was seen to tell otherwise before it was live.
fn differing(diff: &Value) -> String {
    let diff: Value = diff.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    match (diff["differing"].as_u64(), diff["compared"].as_u64()) {
        (Some(differing), Some(compared)) if compared > 0 => format!("{differing} of {compared}"),
        _ => String::new(),
    }
}

impl Change {
    async fn swap(self, context: &Context) -> Result<(), Exit> {
        if self.mapper.is_none() && self.settings.is_none() {
            return Err(Exit::Asked(
                "give a component with --mapper FILE, settings with --settings FILE, or both".to_owned(),
            ));
        }
        let proposed = self.proposed()?;
        let report: SwapReport = door(context)?.post(&format!("/mapper/{}/swap", self.name), &proposed).await?;
        context.print(&report, || {
            format!(
                "generation {} is live: mapper {}, settings {}\n{} of {} stored changes would be told otherwise; prepared in {} ms, live in {} ms",
                report.generation, &report.digest[..12], &report.settings_hash[..12], report.differing, report.compared, report.prepare_ms, report.commit_ms
            )
        })
    }

    async fn test(self, context: &Context) -> Result<(), Exit> {
        let proposed = self.proposed()?;
        let config = if context.config.exists() { Some(config::load(&context.config)?) } else { None };
        let running = config.as_ref().map(|config| Door::find(&config.state_dir)).transpose()?.flatten();
        if let Some(door) = running {
            let report: SwapReport = door.post(&format!("/mapper/{}/test", self.name), &proposed).await?;
            return context.print(&report, || {
                format!(
                    "it passes: {} case(s); {} of {} stored changes would be told otherwise",
                    report.cases, report.differing, report.compared
                )
            });
        }
        let limits = config.as_ref().map(|config| config.limits).unwrap_or_default();
        let engine = app::engine(&limits, cache::of_user())?;
        let candidate = self.candidate(config.as_ref())?;
        let cases = self.cases()?;
        // The built-in source reads cases.
        let source = Source::new(&engine, load(&engine, None, World::Source)?).map_err(anyhow::Error::from)?;
        let overlays = config.as_ref().map(|config| config.overlays(&self.name)).unwrap_or_default();
        let prepared = prepare(&engine, candidate, Some(&source), &cases, Vec::new(), None, &overlays).await;
        let prepared = prepared.map_err(|error| Exit::Failed(anyhow::Error::from(error)))?;
        let digest = prepared.variants.base().loaded().digest.to_string();
        if context.format == Format::Text && cases.is_empty() {
            context.advise("No cases were given: it was tried on the built-in sample only. `--cases DIR` tries yours.");
        }
        let value = json!({"ok": true, "digest": digest, "cases": prepared.cases});
        context.print(&value, || format!("it passes: {} case(s), mapper {}", prepared.cases, &digest[..12]))
    }

    fn cases(&self) -> Result<Vec<Case>, Exit> {
        let cases = self.cases.as_deref().map(Case::folder).transpose().map_err(anyhow::Error::from)?;
        Ok(cases.unwrap_or_default())
    }

    fn component(&self) -> Result<Option<Vec<u8>>, Exit> {
        let Some(path) = &self.mapper else { return Ok(None) };
        Ok(Some(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?))
    }

    fn settings(&self) -> Result<Option<String>, Exit> {
        let Some(path) = &self.settings else { return Ok(None) };
        Ok(Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?))
    }

    fn proposed(&self) -> Result<Proposed, Exit> {
        let cases =
            self.cases()?.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(anyhow::Error::from)?;
        let component = self.component()?.map(|bytes| STANDARD.encode(bytes));
        Ok(Proposed {
            component,
            digest: None,
            recall: false,
            settings: self.settings()?,
            cases,
            who: "operator".to_owned(),
            note: self.note.clone(),
        })
    }

    /// What is tried where no convey runs: what is given, completed from the configuration, completed from what is built in.
    fn candidate(&self, config: Option<&Config>) -> Result<Candidate, Exit> {
        let configured = config.and_then(|config| config.mappers.get(&self.name));
        let component = match (self.component()?, configured) {
            (Some(component), _) => component,
            (None, Some(configured)) => app::bytes_of(&format!("mapper.{}", self.name), &configured.component)?,
            (None, None) => return Err(Exit::Asked("give a component with --mapper FILE".to_owned())),
        };
        let settings = self.settings()?.or_else(|| configured.map(|configured| configured.settings_text.clone()));
        Ok(Candidate { name: self.name.clone(), component, settings: settings.unwrap_or_default() })
    }
}
