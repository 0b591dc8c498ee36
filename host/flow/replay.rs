//! Replay: stored changes through the mapper that is live now. What was told is never told again; what the deadline has
//! overtaken is listed; the rest is sent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Flow;
use super::generation::{Beside, Generation};
use super::translate::{settled, translate_each};
use crate::clock::Millis;
use crate::contract::Change;
use crate::store::{AuditRow, Brake, NewEvent, Retold, Standing, StoreError, StoredChange, Translated, Window};

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
        let (plan, live) = (self.plan(), self.live());
        let meant = |name: &String| {
            let known = plan.connections.get(name);
            other.is_none_or(|other| known.is_some_and(|known| known.mapper == other.mapper))
        };
        for connection in self.replayed_connections(&replay.window).into_iter().filter(meant) {
            let of_live = || live.get(&plan.connections.get(&connection)?.mapper).cloned();
            let generation = other.map(|other| other.generation.clone()).or_else(of_live);
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
            let (now, said) =
                (self.clock.now_ms(), format!("{} event(s) of {} change(s)", report.sent, report.changes));
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
        let mut proposed: Vec<(i64, NewEvent)> = Vec::new();
        for ((row, change), answer) in rows.into_iter().zip(&changes).zip(answers) {
            match settled(&connection, row, change, answer).answer {
                Translated::Events(events) => {
                    let meant = |event: &NewEvent| replay.rule.as_ref().is_none_or(|rule| *rule == event.rule);
                    let events = events.into_iter().filter(meant);
                    proposed.extend(events.map(|event| (row, NewEvent { brake: Brake::OFF, ..event })));
                }
                Translated::Dead { .. } => report.dead += 1,
                Translated::Skip { .. } | Translated::Retry { .. } => report.skipped += 1,
            }
        }
        let now = self.clock.now_ms();
        let names = proposed.iter().map(|(_, event)| (event.destination.clone(), event.event_id.clone())).collect();
        let standings = self.store.standings(names).await?;
        let mut retold: Vec<Retold> = Vec::new();
        for ((row, event), standing) in proposed.into_iter().zip(standings) {
            if !report.count(&event, standing, now) {
                continue;
            }
            match retold.last_mut().filter(|last| last.change == row) {
                Some(last) => last.events.push(event),
                None => retold.push(Retold { change: row, events: vec![event] }),
            }
        }
        if !replay.dry_run && !retold.is_empty() {
            self.store.settle_retold(generation.id, now, retold).await?;
            self.wake.ship.notify_one();
        }
        Ok(())
    }
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
