//! Replay: stored changes through the mapper that is live now. What was told or done is never told or done again; what the deadline has
//! overtaken is listed; the rest is sent, audiences and commands to the CRM with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Flow;
use super::generation::{Beside, Generation};
use super::made::made;
use super::otherwise::ToldOtherwise;
use super::translate::translate_each;
use crate::clock::Millis;
use crate::contract::Change;
use crate::store::{
    AuditRow, Besides, Brake, Made, NewEvent, Retold, Standing, StoreError, StoredChange, Translated, Window,
};

/// Changes that one look at the past takes.
const BATCH: usize = 256;

/// Events that a report names, of each kind; all are counted.
const NAMED: usize = 1_000;

/// What is to be replayed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {
    /// Which changes.
    pub window: Window,
    /// Only what this rule asks for.
    pub rule: Option<String>,
    /// Look only.
    pub dry_run: bool,
    /// Who asks.
    pub by: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Changes that were translated once more.
    pub changes: u64,
    /// Changes of which nothing is said.
    pub skipped: u64,
    /// Changes that the mapper breaks on.
    pub dead: u64,
    /// Changes of connections that are no more, or whose mapper is not live.
    pub orphaned: u64,
    /// Events that are sent, or would be.
    pub sent: u64,
    /// Those among them that take the place of one that was dead or expired.
    pub replaced: u64,
    /// Events that were told before, wait to be, or were given up.
    pub told_before: u64,
    /// Dead events of which an attempt may have arrived: `convey queue retry` sends them, if that is meant.
    pub may_be_told: u64,
    /// Events that the platform takes no more.
    pub too_late: u64,
    /// Places in audiences that are taken or given up, or would be.
    pub members: u64,
    /// Places in audiences that are not taken because the contact asked since not to be disturbed.
    pub withheld: u64,
    /// Commands to the CRM that are carried out, or would be.
    pub commands: u64,
    /// Commands that were carried out before, wait to be, or were given up.
    pub done_before: u64,
    /// Events that were told, or wait to be, and would not be told so by this mapper. They stay as they were told: the platform takes an id once.
    pub otherwise: ToldOtherwise,
    /// The first of those that are sent.
    pub to_send: Vec<Named>,
    /// The first of those that are too late.
    pub late: Vec<Named>,
}

/// An event of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its id.
    pub event_id: String,
    /// What it is called.
    pub name: String,
    /// Where it goes.
    pub destination: String,
    /// The rule that asks for it.
    pub rule: String,
    /// When the fact happened.
    pub occurred_at: Millis,
    /// When the platform stops taking it.
    pub deadline: Millis,
}

impl From<&NewEvent> for Named {
    fn from(event: &NewEvent) -> Self {
        let NewEvent { event_id, name, destination, rule, occurred_at, deadline, .. } = event.clone();
        Self { event_id, name, destination, rule, occurred_at, deadline }
    }
}

impl Flow {
    /// Replays a window, batch by batch beside what is carried meanwhile: by what is live, or by `other`, which is not.
    ///
    /// # Errors
    /// As the store has it; what was taken in before is sent.
    pub async fn replay(&self, replay: &Replay, other: Option<&Beside>) -> Result<Replayed, StoreError> {
        let mut report = Replayed::default();
        let plan = self.plan();
        let meant = |name: &String| {
            let known = plan.connections.get(name);
            other.is_none_or(|other| known.is_some_and(|known| known.mapper == other.mapper))
        };
        for connection in self.replayed_connections(&replay.window).into_iter().filter(meant) {
            let known = plan.connections.get(&connection);
            let generation = known.and_then(|known| match other {
                Some(other) => other.generation.of(known.overlay.as_ref()),
                None => self.generation_of(known),
            });
            let window = Window { connection: Some(connection.clone()), ..replay.window.clone() };
            let mut after = 0;
            loop {
                let changes = self.store.past_changes(window.clone(), after, BATCH).await?;
                let Some(last) = changes.last() else { break };
                after = last.row;
                self.replay_batch(&connection, (changes, generation.clone()), replay, &mut report).await?;
            }
        }
        if !replay.dry_run && report.changes > 0 {
            let Replayed { sent, changes, members, commands, .. } = &report;
            let said = format!(
                "{sent} event(s), {members} place(s) in audiences and {commands} command(s) of {changes} change(s)"
            );
            let now = self.clock.now_ms();
            let act = AuditRow::act(now, &replay.by, "queue".to_owned(), "replay".to_owned());
            self.store.note(AuditRow { outcome: Some(said), ..act });
            self.store.note_down().await?;
        }
        Ok(report)
    }

    fn replayed_connections(&self, window: &Window) -> Vec<String> {
        match &window.connection {
            Some(name) => vec![name.clone()],
            None => {
                let mut names: Vec<String> = self.plan().connections.keys().cloned().collect();
                names.sort();
                names
            }
        }
    }

    async fn replay_batch(
        &self,
        name: &str,
        (stored, generation): (Vec<StoredChange>, Option<Arc<Generation>>),
        replay: &Replay,
        report: &mut Replayed,
    ) -> Result<(), StoreError> {
        let connection = self.plan().connections.get(name).cloned();
        let Some((connection, generation)) = connection.zip(generation) else {
            report.orphaned += stored.len() as u64;
            return Ok(());
        };
        report.changes += stored.len() as u64;
        let (mut rows, mut changes) = (Vec::with_capacity(stored.len()), Vec::with_capacity(stored.len()));
        for StoredChange { row, bytes, .. } in stored {
            match serde_json::from_slice::<Change>(&bytes) {
                Ok(change) => {
                    rows.push(row);
                    changes.push(change);
                }
                Err(_) => report.dead += 1,
            }
        }
        let answers = translate_each(&generation.mapper, &changes).await;
        let told = self.store.events_of(rows.clone()).await?;
        for (told, answer) in told.iter().zip(&answers) {
            report.otherwise.count(told, answer, replay.rule.as_deref());
        }
        let (mut proposed, mut about) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for ((row, change), answer) in rows.into_iter().zip(changes).zip(answers) {
            let made = made(&connection, &change, &answer);
            match made.answer {
                Translated::Events(_) => {
                    proposed.push(meant(row, made, replay.rule.as_deref()));
                    about.push(change);
                }
                Translated::Dead { .. } => report.dead += 1,
                Translated::Skip { .. } | Translated::Retry { .. } => report.skipped += 1,
            }
        }
        let now = self.clock.now_ms();
        let events = proposed.iter().flat_map(|retold| &retold.events);
        let names = events.map(|event| (event.destination.clone(), event.event_id.clone())).collect();
        let mut standings = self.store.standings(names).await?.into_iter();
        for retold in &mut proposed {
            // One was asked for each.
            retold.events.retain(|event| standings.next().is_some_and(|standing| report.count(event, standing, now)));
        }
        let besides = self.store.besides(proposed.clone()).await?;
        for ((retold, besides), change) in proposed.iter_mut().zip(besides).zip(&about) {
            report.count_besides(retold, besides, change);
        }
        proposed.retain(|Retold { events, wishes, commands, .. }| {
            !(events.is_empty() && wishes.is_empty() && commands.is_empty())
        });
        if !replay.dry_run && !proposed.is_empty() {
            self.store.settle_retold(generation.id, now, proposed).await?;
            for step in [&self.wake.ship, &self.wake.audience, &self.wake.execute] {
                step.ring_all();
            }
        }
        Ok(())
    }
}

/// What a change asks for, by this rule if one is named. A person looks at a replay: there is no brake.
fn meant(row: i64, made: Made, rule: Option<&str>) -> Retold {
    let is_meant = |of: &str| rule.is_none_or(|rule| rule == of);
    let Made { answer, mut commands, mut wishes, .. } = made;
    let events = match answer {
        Translated::Events(events) => events.into_iter().filter(|event| is_meant(&event.rule)),
        Translated::Dead { .. } | Translated::Skip { .. } | Translated::Retry { .. } => {
            return Retold { change: row, events: Vec::new(), wishes, commands };
        }
    };
    let events = events.map(|event| NewEvent { brake: Brake::OFF, ..event }).collect();
    wishes.retain(|wish| is_meant(&wish.rule));
    commands.retain(|command| is_meant(&command.rule));
    Retold { change: row, events, wishes, commands }
}

/// Whether a contact asked not to be disturbed after this change of theirs, as their newest change has it.
fn has_withdrawn(change: &Change, newest: Option<&[u8]>) -> bool {
    let newest = newest.and_then(|bytes| serde_json::from_slice::<Change>(bytes).ok());
    let asks = |change: &Change| change.contact.consent.do_not_disturb;
    newest.is_some_and(|newest| asks(&newest) && !asks(change))
}

impl Replayed {
    /// Counts an event; whether it is to be sent.
    fn count(&mut self, event: &NewEvent, standing: Standing, now: Millis) -> bool {
        let untold = matches!(standing, Standing::New | Standing::Unsent);
        let (count, names) = match standing {
            Standing::Told => (&mut self.told_before, None),
            Standing::MayBeTold => (&mut self.may_be_told, None),
            _ if event.deadline <= now => (&mut self.too_late, Some(&mut self.late)),
            _ => (&mut self.sent, Some(&mut self.to_send)),
        };
        *count += 1;
        if let Some(names) = names.filter(|names| names.len() < NAMED) {
            names.push(Named::from(event));
        }
        let sent = untold && event.deadline > now;
        self.replaced += u64::from(sent && standing == Standing::Unsent);
        sent
    }

    /// Counts what a change asks for besides events, and leaves in it what is to be taken in.
    fn count_besides(&mut self, retold: &mut Retold, besides: Besides, change: &Change) {
        let withdrawn = has_withdrawn(change, besides.newest.as_deref());
        let (mut wishes, mut commands) = (besides.wishes.into_iter(), besides.commands.into_iter());
        retold.wishes.retain(|wish| {
            let differs = wishes.next().unwrap_or_default();
            let withheld = differs && wish.join && withdrawn;
            self.withheld += u64::from(withheld);
            self.members += u64::from(differs && !withheld);
            differs && !withheld
        });
        retold.commands.retain(|_| match commands.next().flatten() {
            Some(Standing::New | Standing::Unsent) => {
                self.commands += 1;
                true
            }
            Some(Standing::Told | Standing::MayBeTold) => {
                self.done_before += 1;
                false
            }
            // Its event is not told, so there is nothing to write back.
            None => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Replayed, Standing};
    use crate::store::{Brake, NewEvent};

    #[test]
    fn only_what_nobody_was_told_and_is_not_too_late_is_sent() {
        let event = |deadline| NewEvent {
            destination: "ads".into(),
            event_id: "e".into(),
            name: "Lead".into(),
            rule: "r".into(),
            occurred_at: 1,
            deadline,
            bytes: Vec::new(),
            brake: Brake::OFF,
        };
        let mut report = Replayed::default();
        let all = [Standing::New, Standing::Unsent, Standing::Told, Standing::MayBeTold];
        let sent: Vec<bool> = all.iter().map(|standing| report.count(&event(10), *standing, 5)).collect();
        assert_eq!(sent, [true, true, false, false]);
        assert!(all.iter().all(|standing| !report.count(&event(10), *standing, 10)));
        let counts = (report.sent, report.replaced, report.told_before, report.may_be_told, report.too_late);
        assert_eq!(counts, (2, 1, 2, 2, 2));
        assert_eq!((report.to_send.len(), report.late.len()), (2, 2));
    }
}
