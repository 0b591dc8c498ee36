//! One play: changes are invented one after the other and their webhooks fired, with as many duplicates, losses and swaps as were asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Interval;

use super::error::SandboxError;
use super::ids::{happens, one};
use super::sender::{Letter, Patience, Sent};
use super::story;
use super::subscription::{loopback, shares};
use super::webhook::Webhook;
use super::world::{World, lock};
use crate::clock::Millis;

/// Requests open at once.
const AT_ONCE: usize = 64;
/// Webhooks not yet delivered at once; with more, the CRM stands still until some are.
const UNDER_WAY: usize = 1_024;
/// How many later webhooks at most overtake one that is reordered.
const OVERTAKEN: usize = 8;

/// What happens in the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody new.
    ContactCreated,
    /// A tag was added or taken away.
    TagsChanged,
    /// A field of a contact was changed.
    ContactUpdated,
    /// Somebody objects to being contacted, or no longer does.
    ConsentChanged,
    /// A deal was opened.
    OpportunityCreated,
    /// A deal went to another stage.
    StageMoved,
    /// A deal was won, with its value.
    Won,
    /// A task was made.
    TaskCreated,
    /// A task was done.
    TaskCompleted,
    /// A note was written.
    NoteCreated,
    /// An appointment was made.
    AppointmentBooked,
}

/// Whose changes: those of the first locations, or of the named ones.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Locations {
    /// The first so many.
    First(usize),
    /// These, by id.
    Named(Vec<String>),
}

/// What to play.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Play {
    /// How many changes to invent; a change of a deal fires two webhooks.
    pub changes: usize,
    /// Webhooks a second; 0: as fast as it goes.
    pub rate: f64,
    /// Which changes: another number, another story.
    pub seed: u64,
    /// The share of webhooks that come twice under one id, 0 to 1.
    pub duplicate: f64,
    /// The share that is never sent.
    pub drop: f64,
    /// The share that later ones overtake.
    pub reorder: f64,
    /// How long each webhook is under way, in milliseconds.
    pub delay_ms: u64,
    /// Whose changes; none: every location's.
    pub locations: Option<Locations>,
    /// Which kinds of changes; empty: all of them.
    pub kinds: Vec<Kind>,
    /// The URL to fire at, on loopback; empty: the subscription's, and its shares wherever they are greater than these.
    pub target: String,
    /// The first pause before a webhook is sent again, in milliseconds; it doubles up to 5 s.
    pub retry_ms: u64,
    /// How often a webhook is sent before it is given up.
    pub tries: u32,
}

impl Default for Play {
    fn default() -> Self {
        Self {
            changes: 100,
            rate: 0.0,
            seed: 0,
            duplicate: 0.0,
            drop: 0.0,
            reorder: 0.0,
            delay_ms: 0,
            locations: None,
            kinds: Vec::new(),
            target: String::new(),
            retry_ms: 200,
            tries: 12,
        }
    }
}

/// One webhook and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Fired {
    /// Its id; every copy and every try carried it.
    pub webhook_id: String,
    /// The vendor's name of the event.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its location.
    pub location_id: String,
    /// The contact it is about.
    pub contact_id: String,
    /// When it was first sent (a dropped one: when it happened), milliseconds since the epoch.
    pub at: Millis,
    /// The best answer a copy got, a 2xx before any other; none: no answer.
    pub status: Option<u16>,
    /// How often it was sent, all copies together.
    pub tries: u32,
    /// How many copies were meant to arrive.
    pub copies: u32,
}

/// What a play came to.
#[derive(Clone, Debug, Serialize)]
pub struct Played {
    /// Every webhook that was sent, in the order of the changes.
    pub fired: Vec<Fired>,
    /// Every webhook that was lost on purpose.
    pub dropped: Vec<Fired>,
    /// How many were lost on purpose, by the vendor's name of the event.
    pub dropped_by_type: BTreeMap<&'static str, usize>,
    /// How many of the fired got no 2xx.
    pub refused: usize,
}

impl Fired {
    /// Before it was sent.
    pub fn planned(webhook: &Webhook, at: Millis, copies: u32) -> Self {
        Self {
            webhook_id: webhook.id.clone(),
            kind: webhook.kind,
            location_id: webhook.location.clone(),
            contact_id: webhook.contact.clone(),
            at,
            status: None,
            tries: 0,
            copies,
        }
    }

    fn taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Adds how one copy fared.
    pub fn add(&mut self, sent: &Sent) {
        self.at = if self.tries == 0 { sent.at } else { self.at.min(sent.at) };
        self.tries += sent.tries;
        if !self.taken() {
            self.status = sent.status.or(self.status);
        }
    }
}

/// Plays. Dropping the future stops the play where it is.
pub async fn run(world: &Arc<World>, mut play: Play) -> Result<Played, SandboxError> {
    subscribed(world, &mut play)?;
    let stage = Stage::set(world, &play)?;
    let mut rng = world.next_play(play.seed);
    let mut flight = Flight::new(world.clone(), stage.target, &play);
    let mut line: VecDeque<Waiting> = VecDeque::new();
    let mut dropped = Vec::new();
    for _ in 0..play.changes {
        let at = *one(&mut rng, &stage.locations);
        let kind = story::draw(&mut rng, &play.kinds);
        let now = world.time.now_ms();
        let webhooks = story::happen(world, at, kind, &mut rng, now);
        for webhook in webhooks {
            if happens(&mut rng, play.drop) {
                dropped.push(Fired::planned(&webhook, now, 0));
                continue;
            }
            let copies = if happens(&mut rng, play.duplicate) { 2 } else { 1 };
            let letter = flight.letter(&webhook);
            let index = flight.plan(Fired::planned(&webhook, now, copies));
            for _ in 0..copies {
                line.push_back(Waiting { index, letter: letter.clone(), behind: behind(&mut rng, play.reorder) });
            }
            flight.go(&mut line, false).await;
        }
    }
    flight.go(&mut line, true).await;
    let fired = flight.landed().await;
    let refused = fired.iter().filter(|fired| !fired.taken()).count();
    lock(&world.dropped).extend_from_slice(&dropped);
    let mut dropped_by_type = BTreeMap::new();
    for lost in &dropped {
        *dropped_by_type.entry(lost.kind).or_default() += 1;
    }
    Ok(Played { fired, dropped, dropped_by_type, refused })
}

/// A play without a target goes where the app's webhooks go.
fn subscribed(world: &World, play: &mut Play) -> Result<(), SandboxError> {
    if !play.target.is_empty() {
        return Ok(());
    }
    let subscription = world.subscription().ok_or_else(|| {
        SandboxError::Asked("target is missing: name one, or subscribe a URL that all webhooks go to".to_owned())
    })?;
    play.target = subscription.url;
    play.duplicate = play.duplicate.max(subscription.duplicate);
    play.drop = play.drop.max(subscription.drop);
    play.reorder = play.reorder.max(subscription.reorder);
    Ok(())
}

fn behind(rng: &mut Rng, share: f64) -> usize {
    if happens(rng, share) { rng.usize(1..=OVERTAKEN) } else { 0 }
}

/// A copy that has not left yet.
struct Waiting {
    index: usize,
    letter: Letter,
    behind: usize,
}

/// A play's request, checked.
struct Stage {
    target: Uri,
    locations: Vec<usize>,
}

impl Stage {
    fn set(world: &World, play: &Play) -> Result<Self, SandboxError> {
        let asked = |text: String| Err(SandboxError::Asked(text));
        shares(&[("duplicate", play.duplicate), ("drop", play.drop), ("reorder", play.reorder)])?;
        if !(0.0..=100_000.0).contains(&play.rate) {
            return asked("rate is webhooks a second: use 0 (as fast as it goes) to 100000".to_owned());
        }
        if play.tries == 0 {
            return asked("tries counts the first one: use 1 or more".to_owned());
        }
        let crm = lock(&world.crm);
        let all = crm.locations.len();
        let locations = match &play.locations {
            None => (0..all).collect(),
            Some(Locations::First(number)) if (1..=all).contains(number) => (0..*number).collect(),
            Some(Locations::First(number)) => return asked(format!("there are {all} locations, not {number}")),
            Some(Locations::Named(ids)) if ids.is_empty() => return asked("locations is empty".to_owned()),
            Some(Locations::Named(ids)) => ids
                .iter()
                .map(|id| crm.position(id).ok_or_else(|| SandboxError::Asked(format!("there is no location {id}"))))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { target: loopback(&play.target)?, locations })
    }
}

/// The webhooks of one play that are under way, and those that have landed.
struct Flight {
    world: Arc<World>,
    target: Uri,
    patience: Patience,
    delay: Duration,
    pace: Option<Interval>,
    gate: Arc<Semaphore>,
    under_way: JoinSet<(usize, Sent)>,
    records: Vec<Fired>,
    copies_left: Vec<u32>,
}

impl Flight {
    fn new(world: Arc<World>, target: Uri, play: &Play) -> Self {
        let pace = (play.rate > 0.0).then(|| tokio::time::interval(Duration::from_secs_f64(1.0 / play.rate)));
        Self {
            world,
            target,
            patience: Patience { retry_ms: play.retry_ms, tries: play.tries },
            delay: Duration::from_millis(play.delay_ms),
            pace,
            gate: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: JoinSet::new(),
            records: Vec::new(),
            copies_left: Vec::new(),
        }
    }

    fn letter(&self, webhook: &Webhook) -> Letter {
        Letter::signed(&self.world.signer, self.target.clone(), webhook.body.clone())
    }

    fn plan(&mut self, record: Fired) -> usize {
        self.copies_left.push(record.copies);
        self.records.push(record);
        self.records.len() - 1
    }

    /// Sends what has been overtaken often enough; at the end everything.
    async fn go(&mut self, line: &mut VecDeque<Waiting>, all: bool) {
        for _ in 0..line.len() {
            let Some(mut waiting) = line.pop_front() else { return };
            if waiting.behind > 0 && !all {
                waiting.behind -= 1;
                line.push_back(waiting);
            } else {
                self.launch(waiting).await;
            }
        }
    }

    async fn launch(&mut self, waiting: Waiting) {
        while let Some(Ok((index, sent))) = self.under_way.try_join_next() {
            self.land(index, &sent);
        }
        while self.under_way.len() >= UNDER_WAY {
            if let Some(Ok((index, sent))) = self.under_way.join_next().await {
                self.land(index, &sent);
            }
        }
        if let Some(pace) = &mut self.pace {
            pace.tick().await;
        }
        let (world, gate) = (self.world.clone(), self.gate.clone());
        let (delay, patience) = (self.delay, self.patience);
        self.under_way.spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            (waiting.index, world.sender.deliver(waiting.letter, patience, &gate, &world.time).await)
        });
    }

    fn land(&mut self, index: usize, sent: &Sent) {
        self.records[index].add(sent);
        self.copies_left[index] -= 1;
        if self.copies_left[index] == 0 {
            lock(&self.world.fired).push(self.records[index].clone());
        }
    }

    async fn landed(mut self) -> Vec<Fired> {
        while let Some(joined) = self.under_way.join_next().await {
            if let Ok((index, sent)) = joined {
                self.land(index, &sent);
            }
        }
        self.records
    }
}
