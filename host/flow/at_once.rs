//! What was read is translated at once and settled together with its deliveries, where nothing speaks against it: that spares storing, waking, claiming and
//! opening. What is not waits for its own step, which halves a batch that breaks the mapper and shows changes to shadows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Flow;
use super::lanes::{Step, ended};
use super::made::{Wakes, made};
use super::plan::Connection;
use super::tale::{self, Tale};
use super::translate::BATCH;
use crate::contract::{Change, kind};
use crate::engine::{Fault, Translation};
use crate::metrics::Kind;
use crate::store::{Made, NewChange, ReadGroup, SettledRead, Told};

/// What was made of changes as they were read.
#[derive(Default)]
pub(super) struct AtOnce {
    /// By which generation, if anything was.
    pub(super) generation: Option<i64>,
    /// The tale of each change, by its id.
    tales: Vec<(String, Tale)>,
    wakes: Wakes,
    took: Duration,
}

impl Flow {
    /// Translates what a batch read; every change of `groups` gets what was made of it, or none does.
    pub(super) async fn translate_at_once(
        &self,
        connection: &Connection,
        groups: &mut [ReadGroup],
        changes: &[Change],
    ) -> AtOnce {
        // A shadow is handed what the live mapper saw by the step that translates.
        if !(1..=BATCH).contains(&changes.len())
            || self.shadows.get(&connection.mapper).is_some()
            || self.is_staged(connection)
        {
            return AtOnce::default();
        }
        let Some(generation) = self.generation_of(connection).filter(|generation| !generation.breaks()) else {
            return AtOnce::default();
        };
        let began = Instant::now();
        let answers: Vec<Result<Translation, Fault>> = match generation.mapper.translate(changes).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(fault) => {
                tracing::warn!(connection = %connection.name, fault = %fault, "a batch breaks the mapper: it translates in a step of its own from now on");
                generation.note_break();
                return AtOnce::default();
            }
        };
        self.metrics.received(Kind::Transform, &connection.mapper, changes.len());
        self.note_quality(connection, &answers);
        let answered = changes.iter().zip(&answers);
        let mut all: HashMap<&str, (&'static str, Made)> = answered
            .map(|(change, answer)| (change.id.as_str(), (kind(&change.trigger), made(connection, change, answer))))
            .collect();
        let mut tales = Vec::with_capacity(changes.len());
        let wakes = Wakes::of(all.values().map(|(_, made)| made));
        for delivery in groups.iter_mut().flat_map(|group| &mut group.deliveries) {
            let Told::Changes(changes) = &mut delivery.answer else { continue };
            for NewChange { id, made, .. } in changes {
                // Two deliveries may tell the same change: it is stored with the first.
                let Some((kind, of_it)) = all.remove(id.as_str()) else { continue };
                let told = [(&of_it, kind, Some(delivery.id.as_str()))];
                tales.push((id.clone(), tale::of_translated(self, connection, &generation, told, began.elapsed())));
                *made = Some(of_it);
            }
        }
        AtOnce { generation: Some(generation.id), tales, wakes, took: began.elapsed() }
    }
}

impl AtOnce {
    /// Tells what was stored of it, and wakes whom that concerns.
    pub(super) fn tell(self, flow: &Flow, connection: &str, settled: SettledRead) {
        let stored = self.tales.into_iter().filter(|(id, _)| settled.translated.contains(id));
        stored.for_each(|(_, tale)| tale.tell(flow));
        flow.note_braked(settled.braked);
        if settled.waits {
            flow.wake.translate.ring(connection);
        }
        let items = settled.translated.len();
        if items > 0 {
            ended(flow, Step::Translate, connection, items, self.took);
            self.wakes.wake(flow);
        }
    }
}
