//! `convey demo`: the whole way on one machine, both vendors played by the sandbox, with a report a newcomer understands.

mod report;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Exit;
use super::stage::Stage;
use super::{Context, Format};
use crate::flow::{Candidate, Reason};
use crate::sandbox::{Play, Played};
use report::Report;

#[derive(Args)]
pub(super) struct Demo {
    /// How many people's stories are played; about two changes each
    #[arg(long, default_value_t = 150, value_name = "N")]
    contacts: usize,
    /// The same number tells the same stories
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Webhooks a second; 0 for as fast as it goes
    #[arg(long, default_value_t = 200.0, value_name = "N")]
    rate: f64,
    /// The share of webhooks that come twice
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    duplicate: f64,
    /// The share of webhooks that later ones overtake
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    reorder: f64,
    /// Leave it running and print the addresses
    #[arg(long)]
    keep: bool,
}

/// The demo's second mapping: the same component with other settings, swapped in while events flow.
const SECOND_MAPPING: &str = include_str!("second_mapping.toml");
/// How long the last events may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

impl Demo {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let stage = Stage::set(self.seed, self.contacts).await?;
        let report = self.perform(&stage, context).await;
        if self.keep && report.is_ok() {
            context.advise(&stage.addresses());
            tokio::signal::ctrl_c().await.map_err(anyhow::Error::from)?;
        }
        stage.clear(self.keep).await;
        let report = report?;
        context.print(&report, || report.text())?;
        if report.lost == 0 && report.duplicates == 0 {
            return Ok(());
        }
        if context.format == Format::Text {
            eprintln!("error: {} lost, {} told twice", report.lost, report.duplicates);
        }
        Err(Exit::Said)
    }

    async fn perform(&self, stage: &Stage, context: &Context) -> anyhow::Result<Report> {
        let changes = self.contacts.saturating_mul(2).max(2);
        let progress = bar(context, changes as u64);
        progress.set_message("playing changes");
        let first = stage.sandbox.play(self.play(stage, changes / 2, 0)).await?;
        progress.set_position(first.fired.len() as u64);
        progress.set_message("swapping the mapper while more arrive");
        let (second, swapped) =
            tokio::join!(stage.sandbox.play(self.play(stage, changes - changes / 2, 1)), swap(stage));
        let (second, swapped) = (second?, swapped?);
        progress.set_message("waiting for the last events");
        let played = [first, second];
        tokio::time::timeout(PATIENCE, stage.settled())
            .await
            .map_err(|_| anyhow!("after {} s some events are still under way", PATIENCE.as_secs()))??;
        progress.finish_and_clear();
        Report::make(stage, &played, swapped).await
    }

    fn play(&self, stage: &Stage, changes: usize, act: u64) -> Play {
        Play {
            changes,
            rate: self.rate,
            seed: self.seed.wrapping_mul(2).wrapping_add(act),
            duplicate: self.duplicate,
            reorder: self.reorder,
            target: stage.hook.clone(),
            ..Play::default()
        }
    }
}

/// Prepares and commits the second mapping; when it became live, in milliseconds from the start of preparing.
async fn swap(stage: &Stage) -> anyhow::Result<u64> {
    let started = std::time::Instant::now();
    let live = stage.flow.generation("default").context("no mapper is live")?;
    let digest = live.mapper.loaded().digest.to_string();
    let component = stage.flow.store.component(&digest).await?.context("the live mapper is not kept")?;
    let candidate = Candidate { name: "default".to_owned(), component, settings: SECOND_MAPPING.to_owned() };
    let prepared = stage.flow.prepare("default", candidate, &[]).await?;
    let reason = Reason { origin: "swap", who: "demo".to_owned(), note: Some("also tell tags".to_owned()) };
    stage.flow.commit("default", prepared, reason).await?;
    Ok(started.elapsed().as_millis() as u64)
}

fn bar(context: &Context, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if !context.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// The webhooks that were answered 200, by id.
fn taken(played: &[Played]) -> Vec<String> {
    let taken = |status: Option<u16>| status.is_some_and(|status| (200..300).contains(&status));
    played
        .iter()
        .flat_map(|played| &played.fired)
        .filter(|fired| taken(fired.status))
        .map(|fired| fired.webhook_id.clone())
        .collect()
}
