//! `convey mapping preview`: what would be sent for the last changes, and for whom nothing, and why. Nothing is sent.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;

use super::{component, settings, show};
use crate::admin::Foreseen;
use crate::app;
use crate::cli::client::Door;
use crate::cli::desk::Desk;
use crate::cli::output::Exit;
use crate::cli::stage::Stage;
use crate::cli::{Context, cache};
use crate::config::{self, Config, Limits};
use crate::engine::Engine;
use crate::flow::{Candidate, Overlays, Preview as Foreseeing, preview_of};
use crate::sandbox::Play;

#[derive(Args)]
pub(super) struct Preview {
    /// The mapping's file; without it, the live one where a convey runs, else the configuration's
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The mapper's component; without it, the live one, the configuration's, or the built-in one
    #[arg(long, value_name = "FILE")]
    mapper: Option<PathBuf>,
    /// How many of the last changes, or contacts
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    last: u16,
    /// Of one connection only
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// On invented people: needs no account and no configuration
    #[arg(long, conflicts_with = "connection")]
    sandbox: bool,
    /// The mapper's name in the configuration
    #[arg(long, default_value = "default", value_name = "NAME")]
    name: String,
}

/// Where the changes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    /// The running convey has stored them.
    Stored,
    /// They are contacts of the CRM, as if they came to be now.
    Contacts,
    /// They happened in a sandbox.
    Sandbox,
}

/// What is printed.
#[derive(Serialize)]
struct Shown<'a> {
    of: Origin,
    #[serde(flatten)]
    preview: &'a Foreseeing,
}

/// Changes to play for each that is shown, so that there are some of every kind.
const PLAYED: usize = 3;
/// Every play is the same.
const SEED: u64 = 1;
/// How long the sandbox may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Preview {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = if context.config.exists() { Some(config::load(&context.config)?) } else { None };
        let (of, preview) = match (self.sandbox, &config) {
            (true, config) => (Origin::Sandbox, self.of_sandbox(config.as_ref()).await?),
            (false, Some(config)) => self.of_configured(config).await?,
            (false, None) => {
                let name = context.config.display();
                return Err(Exit::Asked(format!(
                    "there is no {name}: see the mapping on invented people with --sandbox, or connect a CRM with `convey init`"
                )));
            }
        };
        context.print(&Shown { of, preview: &preview }, || show::text(of, &preview))
    }

    /// The running convey's stored changes; contacts where there are none yet, or where no convey runs.
    async fn of_configured(&self, config: &Config) -> Result<(Origin, Foreseeing), Exit> {
        let last = usize::from(self.last);
        if let Some(door) = Door::find(&config.state_dir)? {
            let (stored, connection) = (self.foreseen()?, self.connection.clone());
            let preview = self.ask(&door, &Foreseen { connection, last, ..stored }).await?;
            if !preview.rows.is_empty() {
                return Ok((Origin::Stored, preview));
            }
            let desk = Desk::Running(door);
            let connection = desk.connection(self.connection.clone()).await?;
            let changes = desk.supposed(&connection, last).await?;
            if changes.is_empty() {
                return Ok((Origin::Contacts, preview));
            }
            let Desk::Running(door) = &desk else { return Ok((Origin::Stored, preview)) };
            let preview = self.ask(door, &Foreseen { changes, ..self.foreseen()? }).await?;
            return Ok((Origin::Contacts, preview.of_supposed()));
        }
        let engine = app::engine(&config.limits, cache::of_user())?;
        let candidate = self.candidate(&engine, Some(config))?;
        let desk = Desk::open(config).await?;
        let connection = desk.connection(self.connection.clone()).await?;
        let changes = desk.supposed(&connection, last).await?;
        let preview = preview_of(&engine, candidate, &config.overlays(&self.name), &changes)
            .await
            .map_err(anyhow::Error::from)?;
        Ok((Origin::Contacts, preview.of_supposed()))
    }

    /// A whole convey beside a sandbox, both in this program: what happens there is told to nobody else.
    async fn of_sandbox(&self, config: Option<&Config>) -> Result<Foreseeing, Exit> {
        let engine = app::engine(&Limits::default(), cache::of_user())?;
        // Found before a minute is spent on playing.
        let candidate = self.candidate(&engine, config)?;
        preview_of(&engine, self.candidate(&engine, config)?, &Overlays::new(), &[])
            .await
            .map_err(anyhow::Error::from)?;
        let stage = Stage::set(SEED, usize::from(self.last)).await?;
        let preview = self.play(&stage, candidate).await;
        stage.clear(false).await;
        Ok(preview?)
    }

    async fn play(&self, stage: &Stage, candidate: Candidate) -> anyhow::Result<Foreseeing> {
        let last = usize::from(self.last);
        let play = Play { changes: last * PLAYED, seed: SEED, target: stage.hook.clone(), ..Play::default() };
        stage.sandbox.play(play).await?;
        let settled = tokio::time::timeout(PATIENCE, stage.settled()).await;
        settled.map_err(|_| anyhow!("after {} s the sandbox is still busy", PATIENCE.as_secs()))??;
        // The stage's only mapper, whatever it is called in the configuration.
        let preview = stage.flow.preview("default", candidate, None, last * PLAYED).await?;
        Ok(preview.spread(last))
    }

    async fn ask(&self, door: &Door, foreseen: &Foreseen) -> Result<Foreseeing, Exit> {
        Ok(door.post(&format!("/mapper/{}/preview", self.name), foreseen).await?)
    }

    /// What is proposed to the running convey.
    fn foreseen(&self) -> Result<Foreseen, Exit> {
        let component = match &self.mapper {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                Some(STANDARD.encode(bytes))
            }
            None => None,
        };
        Ok(Foreseen { component, settings: self.settings()?, ..Foreseen::default() })
    }

    fn settings(&self) -> Result<Option<String>, Exit> {
        self.settings.as_deref().map(settings).transpose()
    }

    /// What is given, completed from the configuration, completed from what is built in.
    fn candidate(&self, engine: &Engine, config: Option<&Config>) -> Result<Candidate, Exit> {
        let configured = config.and_then(|config| config.mappers.get(&self.name));
        let component = match (&self.mapper, configured) {
            (None, Some(configured)) => app::bytes_of(&format!("mapper.{}", self.name), &configured.component)?,
            (file, _) => component(engine, file.as_deref())?,
        };
        let settings = self.settings()?.or_else(|| configured.map(|configured| configured.settings_text.clone()));
        Ok(Candidate { name: self.name.clone(), component, settings: settings.unwrap_or_default() })
    }
}
