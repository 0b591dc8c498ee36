//! One mapper for many locations: with its own settings, and with each connection's overlay laid over them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{Connection, Plan};
use super::translate::translate_each;
use super::{Flow, Generation, PrepareError};
use crate::config::Overlay;
use crate::contract::Change;
use crate::engine::{Engine, Fault, LoadError, Mapper, Translation};

/// What connections lay over a mapper's settings, by the connection's name; those that lay nothing over them are not named.
pub type Overlays = BTreeMap<String, Overlay>;

/// A mapper and what overlays make of it.
pub struct Variants {
    engine: Engine,
    base: Arc<Mapper>,
    overlaid: BTreeMap<Overlay, Arc<Mapper>>,
}

impl Variants {
    /// A mapper over which nothing is laid yet.
    pub fn new(engine: &Engine, base: Arc<Mapper>) -> Self {
        Self { engine: engine.clone(), base, overlaid: BTreeMap::new() }
    }

    /// The mapper with its own settings.
    pub fn base(&self) -> &Arc<Mapper> {
        &self.base
    }

    /// The mapper as each overlay that was laid over it has it.
    pub(super) fn overlaid(&self) -> &BTreeMap<Overlay, Arc<Mapper>> {
        &self.overlaid
    }

    /// The mapper as an overlay has it, if that was laid over it.
    pub fn of(&self, overlay: Option<&Overlay>) -> Option<Arc<Mapper>> {
        match overlay {
            None => Some(self.base.clone()),
            Some(overlay) => self.overlaid.get(overlay).cloned(),
        }
    }

    /// The mapper as a connection has it; made when it is first asked for.
    ///
    /// # Errors
    /// If the overlay does not fit the settings, or the mapper refuses what comes of it.
    pub(super) async fn lay(&mut self, connection: &str, overlay: &Overlay) -> Result<Arc<Mapper>, PrepareError> {
        if let Some(known) = self.overlaid.get(overlay) {
            return Ok(known.clone());
        }
        let wrong = |text: String| PrepareError::Overlay { place: place(connection), text };
        let settings = overlay.over(self.base.settings()).map_err(|unlaid| wrong(unlaid.to_string()))?;
        let made =
            Mapper::new(&self.engine, self.base.loaded().clone(), settings).await.map_err(|error| match error {
                LoadError::Settings { problems, .. } => {
                    wrong(format!("laid over the mapper's settings it gives\n{problems}"))
                }
                other => wrong(other.to_string()),
            })?;
        let made = Arc::new(made);
        self.overlaid.insert(overlay.clone(), made.clone());
        Ok(made)
    }

    /// Makes as many instances ready as the generation whose place it takes has, overlay by overlay.
    ///
    /// # Errors
    /// As [`Mapper::warm`] has it.
    pub(super) async fn warm_as(&self, live: &Arc<Generation>) -> Result<(), PrepareError> {
        for overlay in std::iter::once(None).chain(self.overlaid.keys().map(Some)) {
            if let (Some(mapper), Some(live)) = (self.of(overlay), live.of(overlay)) {
                mapper.warm(live.mapper.idle()).await?;
            }
        }
        Ok(())
    }

    /// Lays every overlay over it.
    ///
    /// # Errors
    /// As for the first that does not fit.
    pub async fn lay_all(&mut self, overlays: &Overlays) -> Result<(), PrepareError> {
        for (connection, overlay) in overlays {
            self.lay(connection, overlay).await?;
        }
        Ok(())
    }
}

/// Where the configuration speaks of a connection; one that an install is to make has a place already.
fn place(connection: &str) -> String {
    if connection.contains('.') { connection.to_owned() } else { format!("connection.{connection}") }
}

/// The overlays there are, each with the connections that have it.
pub(super) fn by_overlay(overlays: &Overlays) -> BTreeMap<&Overlay, Vec<&String>> {
    let mut all: BTreeMap<&Overlay, Vec<&String>> = BTreeMap::new();
    for (connection, overlay) in overlays {
        all.entry(overlay).or_default().push(connection);
    }
    all
}

/// One answer a change, each by the mapper as its connection has it.
pub(super) async fn translate_by(
    overlays: &Overlays,
    changes: &[Change],
    of: impl Fn(Option<&Overlay>) -> Option<Arc<Mapper>>,
) -> Vec<Result<Translation, Fault>> {
    let of_change = |change: &Change| overlays.get(&change.connection);
    let used: BTreeSet<Option<&Overlay>> = changes.iter().map(of_change).collect();
    let mut answers: Vec<Option<Result<Translation, Fault>>> = changes.iter().map(|_| None).collect();
    for overlay in used {
        let Some(mapper) = of(overlay) else { continue };
        let (places, part): (Vec<usize>, Vec<Change>) =
            changes.iter().cloned().enumerate().filter(|(_, change)| of_change(change) == overlay).unzip();
        for (place, answer) in places.into_iter().zip(translate_each(&mapper, &part).await) {
            answers[place] = Some(answer);
        }
    }
    let unlaid =
        || Err(Fault::contract("mapper", "translate", "the connection's overlay is not laid over its settings"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(unlaid)).collect()
}

impl Plan {
    /// What the connections of a mapper's name lay over its settings.
    pub fn overlays(&self, mapper: &str) -> Overlays {
        let of_mapper = self.connections.values().filter(|known| known.mapper == mapper);
        let laid = |known: &Arc<Connection>| Some((known.name.clone(), known.overlay.clone()?));
        of_mapper.filter_map(laid).collect()
    }
}

impl Flow {
    /// What the connections of a mapper's name lay over its settings now.
    pub fn overlays(&self, mapper: &str) -> Overlays {
        self.plan().overlays(mapper)
    }
}
