//! The mapper as a typed function: changes in, proposals or skips out. Pure, batched, its answers checked before anyone believes them.

use super::bulk::too_much;
use super::pool::{Kind, Live, Pool};
use super::smuggle::smuggled;
use super::worlds::mapper::MapperComponent;
use super::worlds::mapper::exports::convey::pipeline::mapper::{Problem, Understanding};
use super::{Engine, Fault, LoadError, Loaded, World};
use crate::contract::{Change, Effect, Proposal, Skip, has_wild_number};

/// A mistake in settings, or a remark on them: where, what, and as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// How many letters it is about.
    pub length: u32,
    /// What is the matter.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// All of it as text: place, line, caret, help.
    pub text: String,
}

impl std::fmt::Display for Placed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// One answer of a mapper.
pub type Translation = Result<Vec<Proposal>, Skip>;

/// A mapper with its settings.
pub struct Mapper {
    loaded: Loaded,
    settings: String,
    understanding: Understanding,
    pool: Pool<MapperComponent>,
    cpu: std::time::Duration,
}

impl Mapper {
    /// A mapper that has read its settings once, so that a mistake in them is found here, with its line, and an instance is warm.
    pub async fn new(engine: &Engine, loaded: Loaded, settings: String) -> Result<Self, LoadError> {
        let loaded = loaded.expect(World::Mapper)?;
        let pool = Pool::new(engine, &loaded, Kind::Pure, |store, instance| MapperComponent::new(store, instance))?;
        let understanding = Understanding { custom_fields: Vec::new(), remarks: Vec::new() };
        let mut mapper = Self { loaded, settings, understanding, pool, cpu: engine.limits.mapper_cpu };
        let mut live = mapper.pool.lease(mapper.cpu).await?;
        let configured = mapper.configure(&mut live).await;
        match mapper.pool.settle(live, "configure", configured)? {
            Ok(understanding) => {
                mapper.understanding = understanding;
                Ok(mapper)
            }
            Err(problems) => {
                let placed = placed(&mapper.settings, &problems);
                let name = mapper.loaded.name.to_string();
                let lines: Vec<&str> = placed.iter().map(|problem| problem.text.as_str()).collect();
                Err(LoadError::Settings { name, problems: lines.join("\n"), placed })
            }
        }
    }

    /// The component behind it.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The settings it runs with, as TOML text.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// The custom fields its settings read, by key.
    pub fn custom_fields(&self) -> &[String] {
        &self.understanding.custom_fields
    }

    /// What it remarked on its settings though it took them.
    pub fn remarks(&self) -> Vec<Placed> {
        placed(&self.settings, &self.understanding.remarks)
    }

    /// How many instances wait for a call.
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Makes instances ready, until so many wait for a call: what takes the place of another mapper begins as warm as that one was.
    ///
    /// # Errors
    /// If an instance cannot be made, or refuses settings that another took.
    pub async fn warm(&self, count: usize) -> Result<(), LoadError> {
        let mut ready = Vec::with_capacity(count);
        for _ in 0..count {
            ready.push(self.configured(self.cpu).await?);
        }
        for live in ready {
            self.pool.settle(live, "configure", Ok(()))?;
        }
        Ok(())
    }

    /// An instance that has read its settings, for a call that may use `cpu` of CPU time.
    async fn configured(&self, cpu: std::time::Duration) -> Result<Live<MapperComponent>, Fault> {
        let mut live = self.pool.lease(cpu).await?;
        if !live.store.data().configured {
            match self.configure(&mut live).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => {
                    return Err(self.pool.broken("configure", "it refuses settings it took before"));
                }
                Err(error) => return self.pool.settle(live, "configure", Err(error)),
            }
        }
        Ok(live)
    }

    /// One answer a change, in order. A Fault says nothing about which change broke it: halve the batch to find out.
    pub async fn translate(&self, changes: &[Change]) -> Result<Vec<Translation>, Fault> {
        self.translate_within(changes, self.cpu).await
    }

    /// The same with another CPU limit: short, when one change alone is tried after a time-out.
    pub async fn translate_within(
        &self,
        changes: &[Change],
        cpu: std::time::Duration,
    ) -> Result<Vec<Translation>, Fault> {
        const CALL: &str = "translate";
        let began = std::time::Instant::now();
        let mut live = self.configured(cpu).await?;
        let meter = live.store.data().meter.clone();
        let before = meter.spent();
        let call = live.bindings.convey_pipeline_mapper().call_translate(&mut live.store, changes);
        let outcome = meter.measure(call).await;
        // What is no computing on these changes: an instance that had to be made first, and other work that came before.
        let paused = began.elapsed().saturating_sub(meter.spent().saturating_sub(before));
        tracing::debug!(changes = changes.len(), paused_us = paused.as_micros() as u64, "translated");
        let answers = self.pool.settle(live, CALL, outcome)?;
        if answers.len() != changes.len() {
            let text = format!("{} changes went in, {} answers came out", changes.len(), answers.len());
            return Err(self.pool.broken(CALL, text));
        }
        for (change, answer) in changes.iter().zip(&answers) {
            if let Some(text) = answer.as_ref().ok().and_then(|proposals| broken(change, proposals)) {
                return Err(self.pool.broken(CALL, text));
            }
        }
        Ok(answers)
    }

    async fn configure(
        &self,
        live: &mut Live<MapperComponent>,
    ) -> wasmtime::Result<Result<Understanding, Vec<Problem>>> {
        let meter = live.store.data().meter.clone();
        let call = live.bindings.convey_pipeline_mapper().call_configure(&mut live.store, &self.settings);
        let configured = meter.measure(call).await?;
        live.store.data_mut().configured = configured.is_ok();
        Ok(configured)
    }
}

/// What the contract does not allow in a change's effects, if anything.
fn broken(change: &Change, proposals: &[Proposal]) -> Option<String> {
    let events = || {
        proposals.iter().filter_map(|proposal| match &proposal.effect {
            Effect::Convert(event) => Some(event),
            Effect::Audience(_) | Effect::Command(_) => None,
        })
    };
    if let Some(event) = events().find(|event| has_wild_number(event)) {
        return Some(format!("event `{}` holds a number that is not finite", event.name));
    }
    if events().any(|event| event.id.is_empty() || event.name.is_empty()) {
        return Some("an event without an id or a name".to_owned());
    }
    too_much(proposals).or_else(|| smuggled(change, proposals))
}

fn placed(settings: &str, problems: &[Problem]) -> Vec<Placed> {
    let placed = |problem: &Problem| Placed {
        line: problem.line,
        column: problem.column,
        length: problem.length,
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        text: rendered(settings, problem),
    };
    problems.iter().map(placed).collect()
}

/// One problem: place, line, caret, help.
fn rendered(settings: &str, problem: &Problem) -> String {
    let line = settings.lines().nth(problem.line.saturating_sub(1) as usize).unwrap_or_default();
    let indent = " ".repeat(problem.column.saturating_sub(1) as usize);
    let caret = "^".repeat(problem.length.clamp(1, 120) as usize);
    let hint = problem.hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    format!("line {}, column {}: {}\n  {line}\n  {indent}{caret}{hint}", problem.line, problem.column, problem.message)
}
