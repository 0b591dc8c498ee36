//! Prepare: everything that can be known of a mapper before it is live. It touches nothing; whoever commits decides.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::Generation;
use super::case::{About, Case, alone};
use super::effects::effects_json;
use super::sample;
use super::translate::translate_each;
use super::variants::{Overlays, Variants, by_overlay, translate_by};
use crate::config::Overlay;
use crate::contract::{Change, Skip, kind, skip_code};
use crate::engine::{Engine, Fault, LoadError, Loaded, Mapper, Source, Translation};

/// A mapper that wants to go live.
pub struct Candidate {
    /// How people call the component.
    pub name: String,
    /// The component.
    pub component: Vec<u8>,
    /// Its settings, as TOML text.
    pub settings: String,
}

/// A mapper that passed every check. Whether it may go live, [`Prepared::carried`] says.
pub struct Prepared {
    /// Ready, with a warm instance each.
    pub variants: Variants,
    /// The component's bytes, to be kept.
    pub component: Vec<u8>,
    /// How many cases it was tried on.
    pub cases: u32,
    /// How it differs from the mapper it would replace.
    pub diff: Diff,
}

/// How two mappers differ on the same changes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Diff {
    /// Changes both were given.
    pub compared: usize,
    /// Changes whose effects differ in anything.
    pub differing: usize,
}

/// Why a mapper is refused. The old one keeps running.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It does not load, or refuses its settings.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It breaks on a change.
    #[error("it breaks on a {kind} ({from}): {fault}")]
    Breaks {
        /// The change's kind.
        kind: &'static str,
        /// Where the change came from: a case's name, "sample", or "stored".
        from: String,
        /// How.
        fault: Fault,
    },
    /// The same change gave two answers.
    #[error(
        "it is not pure: a {kind} ({from}) gave two different answers in two orders or two instances. A mapper keeps nothing between calls"
    )]
    Impure {
        /// The change's kind.
        kind: &'static str,
        /// Where the change came from.
        from: String,
    },
    /// Cases came out otherwise than they must.
    #[error("{}", .0.iter().map(Otherwise::to_string).collect::<Vec<_>>().join("\n"))]
    Cases(Vec<Otherwise>),
    /// A case's delivery or change is none.
    #[error("case `{name}`: {text}")]
    CaseUnread {
        /// The case.
        name: String,
        /// What the source says.
        text: String,
    },
    /// What a connection lays over its settings does not fit them, or the mapper refuses what comes of it.
    #[error("[{place}.overlay]: {text}")]
    Overlay {
        /// Where the configuration speaks of the connection.
        place: String,
        /// What is wrong.
        text: String,
    },
    /// The thread that compiles broke.
    #[error("the compiler broke: {0}")]
    Compiler(String),
}

/// A case that came out otherwise than it must.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("case `{name}` came out otherwise:\n  wanted {wanted}\n  got    {got}")]
pub struct Otherwise {
    /// The case.
    pub name: String,
    /// What it must give.
    pub wanted: Value,
    /// What it gave.
    pub got: Value,
}

/// A change with where it came from and what must come of it.
struct Trial {
    change: Change,
    from: String,
    wanted: Option<Value>,
}

/// Compiles, configures, and tries a candidate: on the built-in sample, on `cases` read by `source`, and on `stored` changes, beside the
/// generation it would replace. With each of the `overlays` it is tried on the sample and on its connections' changes.
pub async fn prepare(
    engine: &Engine,
    candidate: Candidate,
    source: Option<&Source>,
    cases: &[Case],
    stored: Vec<Change>,
    live: Option<&Arc<Generation>>,
    overlays: &Overlays,
) -> Result<Prepared, PrepareError> {
    let (mapper, component) = ready(engine, candidate).await?;
    let mut variants = Variants::new(engine, Arc::new(mapper));
    variants.lay_all(overlays).await?;
    let mut of_cases = Vec::new();
    for case in cases {
        of_cases.extend(tried(case, source).await?);
    }
    let diff = match live {
        Some(live) => compare(live, &variants, &stored, overlays).await,
        None => Diff::default(),
    };
    let connections = by_overlay(overlays);
    let mut of_base: Vec<Trial> =
        sample::changes().into_iter().map(|change| Trial::of(change, "sample", None)).collect();
    of_base.append(&mut of_cases);
    of_base.extend(of_connections(&stored, |connection| !overlays.contains_key(connection), None));
    try_out(engine, variants.base(), &of_base).await?;
    for (overlay, mapper) in variants.overlaid() {
        let named = connections.get(overlay).cloned().unwrap_or_default();
        let first = named.first().map(|name| name.as_str());
        let sample = sample::changes().into_iter().map(|change| Trial::of(change, "sample", first));
        let stored = of_connections(&stored, |connection| named.contains(&connection), first);
        try_out(engine, mapper, &sample.chain(stored).collect::<Vec<_>>()).await?;
    }
    if let Some(live) = live {
        variants.warm_as(live).await?;
    }
    Ok(Prepared { variants, component, cases: cases.len() as u32, diff })
}

fn of_connections<'a>(
    stored: &'a [Change],
    meant: impl Fn(&String) -> bool + 'a,
    overlay_of: Option<&'a str>,
) -> impl Iterator<Item = Trial> + 'a {
    let meant = stored.iter().filter(move |change| meant(&change.connection));
    meant.map(move |change| Trial::of(change.clone(), "stored", overlay_of))
}

/// Checks a mapper and a twin of it on trials.
async fn try_out(engine: &Engine, mapper: &Mapper, trials: &[Trial]) -> Result<(), PrepareError> {
    let twin = Mapper::new(engine, mapper.loaded().clone(), mapper.settings().to_owned()).await?;
    check(mapper, &twin, trials).await
}

impl Trial {
    /// A change that may come out as it likes, from `from`; by the overlay of a connection if one is named.
    fn of(change: Change, from: &str, overlay_of: Option<&str>) -> Self {
        let from = match overlay_of {
            None => from.to_owned(),
            Some(connection) => format!("{from}, by the overlay of {connection}"),
        };
        Self { change, from, wanted: None }
    }
}

/// A candidate compiled and configured, with its component's bytes: enough to ask it, not to trust it.
pub(super) async fn ready(engine: &Engine, candidate: Candidate) -> Result<(Mapper, Vec<u8>), PrepareError> {
    let Candidate { name, component, settings } = candidate;
    let (loaded, component) = compile(engine, name, component).await?;
    Ok((Mapper::new(engine, loaded, settings).await?, component))
}

/// Compiles on a thread of its own, behind everything else the machine has to do. It stays on that one: the engine is built without parallel
/// compilation.
async fn compile(engine: &Engine, name: String, component: Vec<u8>) -> Result<(Loaded, Vec<u8>), PrepareError> {
    let engine = engine.clone();
    let (send, receive) = tokio::sync::oneshot::channel();
    let compiling = move || {
        // Being polite is all this is: without it the compile only disturbs more.
        if let Err(error) = rustix::process::nice(10) {
            tracing::debug!(%error, "the compiler runs at usual priority");
        }
        let loaded = engine.load(&name, &component);
        // Whoever asked may have gone.
        let _ = send.send(loaded.map(|loaded| (loaded, component)));
    };
    let thread = std::thread::Builder::new().name("compile".to_owned()).spawn(compiling);
    thread.map_err(|error| PrepareError::Compiler(error.to_string()))?;
    let loaded = receive.await.map_err(|_| PrepareError::Compiler("its thread ended".to_owned()))?;
    Ok(loaded?)
}

/// A case's changes, each with what must come of it.
async fn tried(case: &Case, source: Option<&Source>) -> Result<Vec<Trial>, PrepareError> {
    let unread = |text: String| PrepareError::CaseUnread { name: case.name.clone(), text };
    let changes = match case.about().map_err(unread)? {
        About::Change(change) => vec![*change],
        About::Delivery(delivery, trigger) => {
            let Some(source) = source else { return Err(unread("there is no source to read it".to_owned())) };
            let body = serde_json::to_vec(delivery).map_err(|error| unread(error.to_string()))?;
            let read = source.interpret(&alone(), trigger, &[body]).await;
            read.map_err(|fault| unread(fault.to_string()))?.remove(0).map_err(unread)?
        }
    };
    if changes.is_empty() {
        return Err(unread("its delivery holds no change".to_owned()));
    }
    let wanted = case.effects.clone().or_else(|| case.skip.as_ref().map(|code| json!({"skip": code})));
    Ok(changes.into_iter().map(|change| Trial { change, from: case.name.clone(), wanted: wanted.clone() }).collect())
}

/// Every trial three times: in order, again in the same instance, and backwards in a fresh one.
async fn check(mapper: &Mapper, twin: &Mapper, trials: &[Trial]) -> Result<(), PrepareError> {
    let changes: Vec<Change> = trials.iter().map(|trial| trial.change.clone()).collect();
    let backwards: Vec<Change> = changes.iter().rev().cloned().collect();
    let breaks = |trial: &Trial, fault| PrepareError::Breaks {
        kind: kind(&trial.change.trigger),
        from: trial.from.clone(),
        fault,
    };
    let mut first = Vec::with_capacity(trials.len());
    // A mapper that hangs uses up its time on every change: once through them is enough to refuse it.
    for (trial, answer) in trials.iter().zip(translate_each(mapper, &changes).await) {
        first.push(answer.map_err(|fault| breaks(trial, fault))?);
    }
    let again = translate_each(mapper, &changes).await;
    let mut fresh = translate_each(twin, &backwards).await;
    fresh.reverse();
    let mut otherwise = Vec::new();
    for (((trial, answer), again), fresh) in trials.iter().zip(first).zip(again).zip(fresh) {
        let breaks = |fault| breaks(trial, fault);
        if answer != again.map_err(breaks)? || answer != fresh.map_err(breaks)? {
            return Err(PrepareError::Impure { kind: kind(&trial.change.trigger), from: trial.from.clone() });
        }
        if let Some(wanted) = &trial.wanted {
            let got = as_case(&answer);
            if got != *wanted {
                otherwise.push(Otherwise { name: trial.from.clone(), wanted: wanted.clone(), got });
            }
        }
    }
    if otherwise.is_empty() { Ok(()) } else { Err(PrepareError::Cases(otherwise)) }
}

/// What a case compares with: the effects, or the skip's code.
fn as_case(answer: &Translation) -> Value {
    match answer {
        Ok(proposals) => effects_json(proposals),
        Err(Skip { code, .. }) => json!({"skip": skip_code(*code)}),
    }
}

async fn compare(live: &Arc<Generation>, candidate: &Variants, changes: &[Change], overlays: &Overlays) -> Diff {
    let of_live = |overlay: Option<&Overlay>| live.of(overlay).map(|generation| generation.mapper.clone());
    let before = translate_by(overlays, changes, of_live).await;
    let after = translate_by(overlays, changes, |overlay| candidate.of(overlay)).await;
    let differs = |(before, after): &(Result<Translation, Fault>, Result<Translation, Fault>)| match (before, after) {
        (Ok(before), Ok(after)) => before != after,
        (Err(_), Err(_)) => false,
        _ => true,
    };
    Diff { compared: changes.len(), differing: before.into_iter().zip(after).filter(differs).count() }
}
