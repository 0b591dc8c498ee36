//! Verify: stored changes through the very mapper that translated them, and what is stored of it must come out again, byte for byte. Nothing is
//! written and nothing is sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::compare::difference;
use super::translate::translate_each;
use super::{Connection, Flow, SwapError, execute};
use crate::contract::{Change, ConversionEvent, Effect, Membership, Proposal, skip_code};
use crate::engine::{Fault, Mapper, Translation};
use crate::store::{Generation, NewCommand, Provable, ProvableCommand, ProvableEvent, ProvableWish, Proven, Window};

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
    /// Commands to the CRM that were compared.
    pub commands: u64,
    /// Places in audiences that were compared: of each, what is wanted now.
    pub members: u64,
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
    /// How a person names the event or the command, where it is about one: `e12`, `k5`.
    pub event: Option<String>,
    /// The generation that made it.
    pub generation: i64,
    /// What is the matter, without a value.
    pub what: String,
}

/// A mapper as it was, twice: each is asked in another order, so that one that keeps something between calls is found.
struct Twins(Mapper, Mapper);

/// What a change's own mapper says of it now.
struct Expected<'a> {
    change: &'a Change,
    /// Whose configuration writes events back; none where it is no more.
    connection: Option<&'a Connection>,
    answer: &'a Result<Translation, Fault>,
    /// The same, asked in another order.
    again: &'a Result<Translation, Fault>,
}

impl Expected<'_> {
    /// Everything that the CRM is to be told.
    fn commands(&self) -> Vec<NewCommand> {
        let Ok(Ok(proposals)) = self.answer else { return Vec::new() };
        match self.connection {
            Some(connection) => execute::wanted(connection, self.change, proposals),
            None => execute::asked(self.change, proposals),
        }
    }
}

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
            made.extend(provable.commands.iter().map(|command| command.generation));
            made.extend(provable.wishes.iter().map(|wish| wish.generation));
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
            for (((provable, change), answer), again) in items.iter().zip(answers).zip(again) {
                let written_back = self.plan().connections.get(&change.connection).cloned();
                let expected = Expected { change, connection: written_back.as_deref(), answer: &answer, again: &again };
                court.judge(provable, generation, expected, &mut unequal);
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
    fn judge(&mut self, provable: &Provable, generation: i64, expected: Expected<'_>, unequal: &mut BTreeSet<i64>) {
        let Expected { answer, again, .. } = expected;
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
                self.name(provable, Some(format!("e{}", event.row)), generation, what, unequal);
            }
        }
        let besides = self.judge_besides(provable, generation, &expected, unequal);
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
        } else if let (Err(fault), true) = (answer, events.is_empty() && besides == 0) {
            self.name(provable, None, generation, format!("its mapper breaks: {}", fault.line()), unequal);
        }
    }

    /// Judges what was asked for besides events; how much that was.
    fn judge_besides(
        &mut self,
        provable: &Provable,
        generation: i64,
        expected: &Expected<'_>,
        unequal: &mut BTreeSet<i64>,
    ) -> usize {
        let commands: Vec<&ProvableCommand> =
            provable.commands.iter().filter(|command| command.generation == generation).collect();
        let again = if commands.is_empty() { Vec::new() } else { expected.commands() };
        for command in &commands {
            self.proof.commands += 1;
            if let Some(what) = of_command(command, &again) {
                self.name(provable, Some(format!("k{}", command.row)), generation, what, unequal);
            }
        }
        let wishes = provable.wishes.iter().filter(|wish| wish.generation == generation);
        let mut count = commands.len();
        for wish in wishes {
            count += 1;
            self.proof.members += 1;
            if let Some(what) = of_wish(wish, expected.answer) {
                self.name(provable, None, generation, format!("audience {}: {what}", wish.audience), unequal);
            }
        }
        count
    }

    fn name(
        &mut self,
        provable: &Provable,
        event: Option<String>,
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
                event,
                generation,
                what,
            });
        }
    }
}

/// What a mapper proposes now. The error is why nothing of it can come out again.
fn proposed(answer: &Result<Translation, Fault>) -> Result<&[Proposal], String> {
    match answer {
        Ok(Ok(proposals)) => Ok(proposals),
        Ok(Err(skip)) => Err(format!("it does not come out again: skipped as {}", skip_code(skip.code))),
        Err(fault) => Err(format!("it does not come out again: {}", fault.line())),
    }
}

/// What is the matter with a stored event, if anything.
fn of_event(stored: &ProvableEvent, answer: &Result<Translation, Fault>) -> Option<String> {
    let Some(bytes) = &stored.bytes else { return Some("the event's sealed bytes do not open".to_owned()) };
    let proposals = match proposed(answer) {
        Ok(proposals) => proposals,
        Err(why) => return Some(why),
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

/// What is the matter with a stored command, if anything. What the configuration wrote back, and writes back no more, is no mapper's.
fn of_command(stored: &ProvableCommand, again: &[NewCommand]) -> Option<String> {
    let Some(bytes) = &stored.bytes else { return Some("the command's sealed bytes do not open".to_owned()) };
    match again.iter().find(|command| command.key == stored.key) {
        None if stored.follows => None,
        None => Some(format!("the command {} does not come out again", stored.name)),
        Some(command) if command.rule != stored.rule => Some("it comes out under another rule".to_owned()),
        Some(command) => (command.bytes != *bytes).then(|| "its bytes differ".to_owned()),
    }
}

/// What is the matter with what is wanted of a place in an audience, if anything.
fn of_wish(stored: &ProvableWish, answer: &Result<Translation, Fault>) -> Option<String> {
    let Some(bytes) = &stored.bytes else { return Some("its sealed bytes do not open".to_owned()) };
    let proposals = match proposed(answer) {
        Ok(proposals) => proposals,
        Err(why) => return Some(why),
    };
    let of_it = |proposal: &&Proposal| match &proposal.effect {
        Effect::Audience(wanted) => {
            wanted.audience == stored.audience && (wanted.membership == Membership::Join) == stored.join
        }
        Effect::Convert(_) | Effect::Command(_) => false,
    };
    // Where several rules say the same, the last one stands.
    let Some(again) = proposals.iter().filter(of_it).rfind(|proposal| proposal.rule == stored.rule) else {
        let other = proposals.iter().any(|proposal| of_it(&proposal));
        let what = if other { "it comes out under another rule" } else { "it does not come out again" };
        return Some(what.to_owned());
    };
    let Effect::Audience(wanted) = &again.effect else { return None };
    if serde_json::to_vec(&wanted.user_data).is_ok_and(|again| again == *bytes) {
        return None;
    }
    let Ok(person) = serde_json::from_slice(bytes) else { return Some("what is stored cannot be read".to_owned()) };
    let mut before = wanted.clone();
    before.user_data = person;
    let before = Proposal { effect: Effect::Audience(before), ..again.clone() };
    let how = difference(&Ok(Ok(vec![before])), &Ok(Ok(vec![again.clone()])));
    Some(if how.is_none() { "its bytes differ".to_owned() } else { how.line() })
}
