//! `convey translate`: the mapping as a filter. A line in, a line out, through the real components and without the network: this is how
//! other pipelines embed convey.

mod filter;
mod lines;
mod watch;

use std::path::PathBuf;

use self::filter::{BATCH, Filter};
use self::lines::Lines;
use self::watch::Watch;
use super::cache;
use super::output::Exit;
use crate::app;
use crate::builtin::{BUILTINS, builtin};
use crate::config::Limits;
use crate::engine::{Engine, Loaded, Mapper, Sink, Source, World};
use anyhow::Context as _;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(super) struct Translate {
    /// The trigger of a bare contact
    #[arg(long, value_name = "TRIGGER")]
    trigger: Option<String>,
    /// Print effects as this ad platform's own event objects: a built-in sink or a .wasm file
    #[arg(long = "as", value_name = "SINK")]
    wire: Option<String>,
    /// The CRM whose contacts and webhooks come in: a built-in source or a .wasm file
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// The mapper: a built-in one or a .wasm file
    #[arg(long, value_name = "FILE")]
    mapper: Option<String>,
    /// The mapper's settings, TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The location's country, two letters: the region of phone numbers without a country code
    #[arg(long, value_name = "COUNTRY")]
    location_country: Option<String>,
}

impl Translate {
    pub(super) async fn run(self) -> Result<(), Exit> {
        let watch = self.is_ours().then(Watch::begin);
        let filter = self.filter().await?;
        let mut input = Lines::of(std::io::stdin().lock());
        loop {
            // What is there is taken together, and answered before more is waited for.
            let mut lines = match input.next() {
                Ok(lines) if lines.is_empty() => break,
                Ok(lines) => lines,
                Err(error) => {
                    complain(input.number(), &format!("the input broke off: {error}"));
                    break;
                }
            };
            while !lines.is_empty() {
                let rest = lines.split_off(lines.len().min(BATCH));
                let _answering = watch.as_ref().map(|watch| watch.answering(lines[0].number));
                filter.answer(std::mem::replace(&mut lines, rest)).await?;
            }
        }
        // The program ends: the system takes everything back at once, which is quicker than taking it apart.
        std::mem::forget(filter);
        Ok(())
    }

    /// Whether every component is one that ships with convey.
    fn is_ours(&self) -> bool {
        let mut named = [&self.source, &self.mapper, &self.wire].into_iter().flatten();
        named.all(|name| builtin(name).is_some())
    }

    async fn filter(self) -> Result<Filter, Exit> {
        let limits = Limits { calls_in_flight: 1, ..Limits::default() };
        let engine = if self.is_ours() { app::engine_of_builtins } else { app::engine };
        let engine = engine(&limits, cache::of_user())?;
        let source = load(&engine, self.source.as_deref(), World::Source)?;
        let source = Source::new(&engine, source).map_err(anyhow::Error::from)?;
        let profile = source.describe().await.map_err(anyhow::Error::from)?;
        let settings = match &self.settings {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            None => String::new(),
        };
        let mapper = load(&engine, self.mapper.as_deref(), World::Mapper)?;
        let mapper = Mapper::new(&engine, mapper, settings).await.map_err(anyhow::Error::from)?;
        let sink = match self.wire.as_deref() {
            Some(name) => {
                Some(Sink::new(&engine, load(&engine, Some(name), World::Sink)?).map_err(anyhow::Error::from)?)
            }
            None => None,
        };
        let country = self.location_country.map(|country| country.to_ascii_uppercase());
        let is_ours = self.wire.as_deref().is_some_and(|name| builtin(name).is_some());
        Ok(Filter { source, mapper, sink, is_ours, id_pointer: profile.envelope.id, trigger: self.trigger, country })
    }
}

/// A component by name or file; without either, the built-in one of that world.
pub(super) fn load(engine: &Engine, wanted: Option<&str>, world: World) -> Result<Loaded, Exit> {
    let Some(wanted) = wanted else {
        let Some(of_world) = BUILTINS.iter().find(|builtin| builtin.world == world.to_string()) else {
            return Err(Exit::Asked(format!("no {world} is built in")));
        };
        return Ok(engine.load_builtin(of_world).map_err(anyhow::Error::from)?);
    };
    let loaded = match builtin(wanted) {
        Some(builtin) => engine.load_builtin(builtin),
        None => engine.load(
            wanted,
            &std::fs::read(wanted)
                .with_context(|| format!("{wanted} is no built-in component and no file that can be read"))?,
        ),
    };
    Ok(loaded.map_err(anyhow::Error::from)?)
}

fn complain(line: u64, text: &str) {
    eprintln!("{}", json!({"line": line, "error": text}));
}
