//! Verify: stored changes through the very mapper that translated them, and what is stored of it must come out again, byte for byte. Nothing is
//! written and nothing is sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::compare::difference;
use super::translate::translate_each;
use super::{Flow, SwapError};
use crate::contract::{Change, ConversionEvent, Effect, Proposal, skip_code};
use crate::engine::{Fault, Mapper, Translation};
use crate::store::{Generation, Provable, ProvableEvent, Proven, Window};

/// Changes that one look at the past takes.
const BATCH: usize = 256;

/// Rows that a report names; all are counted.
const NAMED: usize = 1_000;

/// Generations that are known at once.
const GENERATIONS: usize = 100_000;

/// What is to be proven.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// What an event, a change or a name in the queue means.
    One(String),
    /// Everything of a window.
    All(Window),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Changes that were translated once more.
    pub changes: u64,
    /// Events that were compared, byte for byte.
    pub events: u64,
    /// Skips that were compared.
    pub skips: u64,
    /// Changes of which something did not come out again.
    pub unequal: u64,
    /// Changes whose component or generation is not kept.
    pub unproven: u64,
    /// The first of those that are unequal.
    pub named: Vec<Unequal>,
}

/// Something that did not come out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unequal {
    /// How a person names its change: `c34`.
    pub change: String,
    /// The fact's id.
    pub id: String,
    /// Where it happened.
    pub connection: String,
    /// How a person names the event, where it is about one: `e12`.
    pub event: Option<String>,
    /// The generation that made it.
    pub generation: i64,
    /// What is the matter, without a value.
    pub what: String,
}

/// A mapper as it was, twice: each is asked in another order, so that one that keeps something between calls is found.
struct Twins(Mapper, Mapper);

/// What is known so far.
struct Court {
    generations: HashMap<i64, Generation>,
    mappers: HashMap<(String, String), Option<Twins>>,
    proof: Proof,
}

impl Flow {
    /// Proves what is asked. `None` if nothing of it is stored.
    ///
    /// # Errors
    /// As the store has it, or if a kept component does not load any more.
    pub async fn verify(&self, verify: &Verify) -> Result<Option<Proof>, SwapError> {
        let generations = self.store.generations(GENERATIONS).await?;
        let generations = generations.into_iter().map(|generation| (generation.id, generation)).collect();
        let mut court = Court { generations, mappers: HashMap::new(), proof: Proof::default() };
        match verify {
            Verify::One(id) => {
                let found = self.store.provable_named(id).await?;
                self.prove(&mut court, found).await?;
            }
            Verify::All(window) => {
                let mut after = 0;
                loop {
                    let found = self.store.provable(window.clone(), after, BATCH).await?;
                    let Some(last) = found.last() else { break };
                    after = last.change.row;
                    self.prove(&mut court, found).await?;
                }
            }
        }
        let proof = court.proof;
        Ok((proof.changes + proof.unproven + proof.unequal > 0).then_some(proof))
    }

    /// Proves some changes, those of one generation in one batch.
    async fn prove(&self, court: &mut Court, found: Vec<Provable>) -> Result<(), SwapError> {
        let mut unequal: BTreeSet<i64> = BTreeSet::new();
        let mut by_generation: BTreeMap<i64, Vec<(&Provable, Change)>> = BTreeMap::new();
        for provable in &found {
            let Ok(change) = serde_json::from_slice::<Change>(&provable.change.bytes) else {
                let what =
                    if provable.opens { "the change cannot be read" } else { "the change's sealed bytes do not open" };
                court.name(provable, None, provable.generation, what.to_owned(), &mut unequal);
                continue;
            };
            let mut made: BTreeSet<i64> = provable.events.iter().map(|event| event.generation).collect();
            if made.is_empty() || provable.proven != Proven::Told {
                made.insert(provable.generation);
            }
            for generation in made {
                by_generation.entry(generation).or_default().push((provable, change.clone()));
            }
        }
        let (mut proven, mut unproven) = (BTreeSet::new(), BTreeSet::new());
        for (generation, items) in by_generation {
            let rows = items.iter().map(|(provable, _)| provable.change.row);
            let Some(Twins(one, other)) = self.as_it_was(court, generation).await? else {
                unproven.extend(rows);
                continue;
            };
            proven.extend(rows);
            let changes: Vec<Change> = items.iter().map(|(_, change)| change.clone()).collect();
            let backwards: Vec<Change> = changes.iter().rev().cloned().collect();
            let answers = translate_each(one, &changes).await;
            let mut again = translate_each(other, &backwards).await;
            again.reverse();
            for (((provable, _), answer), again) in items.iter().zip(answers).zip(again) {
                court.judge(provable, generation, &answer, &again, &mut unequal);
            }
        }
        court.proof.changes += proven.len() as u64;
        court.proof.unproven += unproven.difference(&proven).count() as u64;
        court.proof.unequal += unequal.len() as u64;
        Ok(())
    }

    /// A generation's mapper as it was; none if its component is not kept.
    async fn as_it_was<'a>(&self, court: &'a mut Court, generation: i64) -> Result<Option<&'a Twins>, SwapError> {
        let Some(written) = court.generations.get(&generation).map(|known| known.written.clone()) else {
            return Ok(None);
        };
        let key = (written.mapper_digest.clone(), written.settings_hash.clone());
        if !court.mappers.contains_key(&key) {
            let twins = match self.store.component(&written.mapper_digest).await? {
                None => None,
                Some(component) => {
                    let loaded = self.load(written.mapper, component).await?;
                    let one = Mapper::new(self.engine(), loaded.clone(), written.settings.clone()).await?;
                    let other = Mapper::new(self.engine(), loaded, written.settings).await?;
                    Some(Twins(one, other))
                }
            };
            court.mappers.insert(key.clone(), twins);
        }
        Ok(court.mappers.get(&key).and_then(Option::as_ref))
    }
}

impl Court {
    fn judge(
        &mut self,
        provable: &Provable,
        generation: i64,
        answer: &Result<Translation, Fault>,
        again: &Result<Translation, Fault>,
        unequal: &mut BTreeSet<i64>,
    ) {
        let twice = difference(answer, again);
        if !twice.is_none() {
            let what = format!("its mapper keeps something between calls: asked twice, {}", twice.line());
            self.name(provable, None, generation, what, unequal);
            return;
        }
        let events: Vec<&ProvableEvent> =
            provable.events.iter().filter(|event| event.generation == generation).collect();
        for event in &events {
            self.proof.events += 1;
            if let Some(what) = of_event(event, answer) {
                self.name(provable, Some(event.row), generation, what, unequal);
            }
        }
        if let (Proven::Skipped(code, rule), true) = (&provable.proven, generation == provable.generation) {
            self.proof.skips += 1;
            let none = || (Some("no-rule".to_owned()), None);
            let again = match answer {
                Ok(Err(skip)) => Some((Some(skip_code(skip.code).to_owned()), skip.rule.clone())),
                Ok(Ok(proposals)) if proposals.is_empty() => Some(none()),
                Ok(Ok(_)) | Err(_) => None,
            };
            if again != Some((code.clone(), rule.clone())) {
                let stored = code.as_deref().unwrap_or_default();
                self.name(provable, None, generation, format!("the skip {stored} does not come out again"), unequal);
            }
        } else if let (Err(fault), true) = (answer, events.is_empty()) {
            self.name(provable, None, generation, format!("its mapper breaks: {}", fault.line()), unequal);
        }
    }

    fn name(
        &mut self,
        provable: &Provable,
        event: Option<i64>,
        generation: i64,
        what: String,
        unequal: &mut BTreeSet<i64>,
    ) {
        let change = &provable.change;
        unequal.insert(change.row);
        if self.proof.named.len() < NAMED {
            self.proof.named.push(Unequal {
                change: format!("c{}", change.row),
                id: change.id.clone(),
                connection: change.connection.clone(),
                event: event.map(|row| format!("e{row}")),
                generation,
                what,
            });
        }
    }
}

/// What is the matter with a stored event, if anything.
fn of_event(stored: &ProvableEvent, answer: &Result<Translation, Fault>) -> Option<String> {
    let Some(bytes) = &stored.bytes else { return Some("the event's sealed bytes do not open".to_owned()) };
    let proposals = match answer {
        Ok(Ok(proposals)) => proposals.as_slice(),
        Ok(Err(skip)) => return Some(format!("it does not come out again: skipped as {}", skip_code(skip.code))),
        Err(fault) => return Some(format!("it does not come out again: {}", fault.line())),
    };
    let again = proposals.iter().find_map(|proposal| match &proposal.effect {
        Effect::Convert(event) if event.id == stored.event_id => Some((proposal, event)),
        _ => None,
    });
    let Some((proposal, event)) = again else { return Some("it does not come out again".to_owned()) };
    if proposal.rule != stored.rule || event.name != stored.name {
        return Some("it comes out under another rule or name".to_owned());
    }
    if serde_json::to_vec(event).is_ok_and(|again| again == *bytes) {
        return None;
    }
    let Ok(before) = serde_json::from_slice::<ConversionEvent>(bytes) else {
        return Some("the stored event cannot be read".to_owned());
    };
    let before = Proposal { effect: Effect::Convert(before), ..proposal.clone() };
    let how = difference(&Ok(Ok(vec![before])), &Ok(Ok(vec![proposal.clone()])));
    Some(if how.is_none() { "its bytes differ".to_owned() } else { how.line() })
}
