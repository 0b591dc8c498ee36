//! Step one: deliveries of one connection become changes. Everything that waits for a contact is read in one go, with one fetch.

use std::collections::HashMap;
use std::time::Instant;

use super::judge::{Circumstances, judge_delivery};
use super::lanes::{Left, Step, Worked};
use super::lines::note;
use super::plan::Connection;
use super::room::{cost, room};
use super::{Flow, tale};
use crate::clock::Millis;
use crate::contract::{Change, Delivery, Origin, Trigger, kind};
use crate::egress::Reservation;
use crate::engine::{Fault, Identity, Reading, Silence, SourceError, Telling, Work};
use crate::store::{
    self, About, Claimed, Gap, GrantState, NewChange, ReadDelivery, ReadGroup, ReadSettlement, Remembered, Room,
    StoreError, StoredDelivery, Told, Written,
};

/// A lane whose only rows are a sweep's, and which has room for none, is looked at again after this; a webhook waits no longer than that either.
const SWEEP_NAP_MS: Millis = 100;

/// A delivery that cannot be read is tried for this long.
const PATIENCE_MS: Millis = 7 * 24 * 60 * 60 * 1_000;

/// One contact's deliveries (or one that names no contact), before they are read.
struct Group {
    contact: Option<String>,
    remembered: Option<Remembered>,
    kinds: Vec<String>,
    deliveries: Vec<StoredDelivery>,
}

/// What was read of a batch.
struct Read {
    /// Contact by contact, to be settled.
    settled: Vec<ReadGroup>,
    /// The changes in it that may be translated at once, as the mapper takes them.
    changes: Vec<Change>,
    /// The connection's catalogue.
    catalogue: Option<Vec<u8>>,
    /// Whether it differs from the one that is kept.
    is_read_anew: bool,
    /// Whether some of what was claimed is left for the next batch.
    leaves: bool,
}

impl Flow {
    /// Reads one batch, no larger than the location's allowance has room for; how many deliveries it held, and whether more wait.
    pub async fn read_once(&self, name: &str) -> Result<Worked, StoreError> {
        let Some(connection) = self.plan().connections.get(name).cloned() else { return Ok(Worked::default()) };
        let place = self.places.acquire().await;
        if self.is_paused(name) {
            return Ok(Worked::default());
        }
        // A command is under way: its settling wakes this lane.
        let Some(_turn) = self.turns.now(name) else { return Ok(Worked::default()) };
        let asker = connection.clone();
        let claimed =
            self.store.claim_deliveries(name, self.clock.now_ms(), move |catalogued| room(&asker, catalogued));
        let Claimed { room, catalogue: known, deliveries } = claimed.await?;
        let (each, once) = cost(&connection, known.is_some());
        if room.deliveries == 0 {
            self.nap_for_room(Step::Read, &connection, each + once);
            return Ok(Worked::default());
        }
        let count = deliveries.len();
        let swept = deliveries.iter().filter(|delivery| delivery.origin == store::Origin::Sweep).count();
        if count == 0 {
            if room.swept == 0 {
                self.naps.nap(Step::Read, name, self.clock.now_ms() + SWEEP_NAP_MS);
            }
            return Ok(Worked::default());
        }
        let Some(reserved) = self.reserve(Step::Read, &connection, count as u32 * each + once).await? else {
            // Somebody else took the room meanwhile. What was claimed still waits.
            return Ok(Worked::default());
        };
        let began = Instant::now();
        let mut written = Vec::new();
        let (settled, groups) = self.group(&connection, deliveries, &mut written).await?;
        let mut read = Read { settled, changes: Vec::new(), catalogue: known, is_read_anew: false, leaves: false };
        // The CRM may be asked now, and may be slow.
        drop(place);
        if !groups.is_empty() {
            self.read_groups(&connection, groups, &mut read, &mut written, Some(reserved)).await?;
        }
        let place = self.places.acquire().await;
        let Read { mut settled, changes, catalogue, is_read_anew, leaves } = read;
        let tales = tale::of_read(self, &connection, &settled, began.elapsed());
        let at_once = self.translate_at_once(&connection, &mut settled, &changes).await;
        let settlement = ReadSettlement {
            connection: name.to_owned(),
            now: self.clock.now_ms(),
            source_digest: connection.source.loaded().digest.to_string(),
            groups: settled,
            catalogue: catalogue.filter(|_| is_read_anew),
            generation: at_once.generation,
        };
        // A group whose memory moved on meanwhile was left as it was: it is claimed again.
        let settled = self.store.settle_read(settlement).await?;
        tales.into_iter().zip(&settled.taken).filter(|(_, taken)| **taken).for_each(|(tale, _)| tale.tell(self));
        let left = match room {
            _ if leaves || settled.taken.contains(&false) => Left::More,
            Room { deliveries, .. } if count == deliveries => Left::More,
            // Rows of a sweep may wait for room of their own.
            Room { swept: room, .. } if swept == room => Left::Unknown,
            _ => Left::Nothing,
        };
        drop(place);
        at_once.tell(self, name, settled);
        self.keep_lines(written).await;
        Ok(Worked { items: count, left })
    }

    /// Whose deliveries these are, and what is remembered of each contact. What cannot be identified is settled at once.
    async fn group(
        &self,
        connection: &Connection,
        claimed: Vec<StoredDelivery>,
        written: &mut Vec<Written>,
    ) -> Result<(Vec<ReadGroup>, Vec<Group>), StoreError> {
        let deliveries: Vec<Delivery> = claimed.iter().map(as_word).collect();
        let identities = self.identify(connection, &deliveries, written).await;
        if !written.is_empty() {
            name_contacts(written, &deliveries, &identities);
        }
        let mut settled = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (delivery, identity) in claimed.into_iter().zip(identities) {
            match identity {
                Ok(Identity { installation: Some(installation), kind, .. }) => {
                    self.heed(&connection.origin, &installation).await?;
                    settled.push(alone(delivery, kind, Told::Silent("lifecycle".to_owned())));
                }
                Ok(Identity { contact, kind, .. }) => {
                    let place = contact.as_ref().and_then(|contact| places.get(contact).copied());
                    let place = place.unwrap_or_else(|| {
                        groups.push(Group {
                            contact: contact.clone(),
                            remembered: None,
                            kinds: Vec::new(),
                            deliveries: Vec::new(),
                        });
                        if let Some(contact) = contact {
                            places.insert(contact, groups.len() - 1);
                        }
                        groups.len() - 1
                    });
                    groups[place].kinds.push(kind);
                    groups[place].deliveries.push(delivery);
                }
                Err(reason) => settled.push(alone(delivery, "unknown".to_owned(), Told::Dead { reason })),
            }
        }
        let contacts: Vec<String> = places.keys().cloned().collect();
        let memories = self.store.memories(&connection.name, &contacts).await?;
        for (contact, remembered) in contacts.iter().zip(memories) {
            groups[places[contact]].remembered = remembered;
        }
        Ok((settled, groups))
    }

    /// One answer a delivery; a Fault is narrowed down to the deliveries that cause it.
    async fn identify(
        &self,
        connection: &Connection,
        deliveries: &[Delivery],
        written: &mut Vec<Written>,
    ) -> Vec<Result<Identity, String>> {
        let mut lines = None;
        let identified = connection.source.identify(deliveries, &mut lines).await;
        if identified.is_ok() || deliveries.len() == 1 {
            let about = |delivery: &Delivery| About::Delivery { id: delivery.id.clone(), contact: None };
            note(written, lines, || deliveries.iter().map(about).collect());
        }
        match identified {
            Ok(identities) => identities,
            Err(fault) if deliveries.len() == 1 => {
                tracing::warn!(connection = %connection.name, fault = %fault, "one delivery breaks the source");
                vec![Err(fault.line())]
            }
            Err(_) => {
                let (left, right) = deliveries.split_at(deliveries.len() / 2);
                let mut answers = Box::pin(self.identify(connection, left, written)).await;
                answers.extend(Box::pin(self.identify(connection, right, written)).await);
                answers
            }
        }
    }

    /// Reads groups in one call; a Fault is narrowed down to the contacts that cause it. What turns out to be another contact's is read again as that
    /// contact's, with its memory.
    async fn read_groups(
        &self,
        connection: &Connection,
        groups: Vec<Group>,
        read: &mut Read,
        written: &mut Vec<Written>,
        reserved: Option<Reservation>,
    ) -> Result<(), StoreError> {
        let work: Vec<Work> = groups.iter().map(Group::as_word).collect();
        let ticket = connection.ticket(reserved);
        let first = groups.first().and_then(|group| group.deliveries.first());
        self.trace(&ticket, first.map(|delivery| delivery.id.as_str()));
        let subject = connection.subject(read.catalogue.take());
        let mut lines = None;
        let readings = connection.source.read(ticket.clone(), &subject, &work, &mut lines).await;
        read.catalogue = subject.catalogue;
        if readings.is_ok() || groups.len() == 1 {
            note(written, lines, || groups.iter().flat_map(Group::about).collect());
        }
        for refusal in ticket.refusals() {
            tracing::warn!(connection = %connection.name, "{refusal}");
        }
        self.note_trouble(connection, &ticket).await?;
        // Without a grant nothing was tried: the connection rests, and what waits is read at once when somebody has connected it anew.
        let rests = ticket.trouble().is_some_and(|trouble| trouble.state != GrantState::Suspended);
        // What was reserved and not used goes back before anything else is asked.
        drop(ticket);
        match readings {
            Ok(readings) => {
                if readings.catalogue.is_some() && readings.catalogue != read.catalogue {
                    (read.catalogue, read.is_read_anew) = (readings.catalogue, true);
                }
                let now = self.clock.now_ms();
                let mut found = Vec::new();
                for (group, reading) in groups.into_iter().zip(readings.items) {
                    match reading {
                        Ok(reading) => match whose(&group, &reading) {
                            Some(contact) => found.push(Group { contact: Some(contact), ..group }),
                            None => group.read(reading, connection, now, read),
                        },
                        Err(SourceError::Unauthorized(_) | SourceError::Unavailable(_)) if rests => {}
                        Err(error) => read.settled.push(group.unread(&error, now)),
                    }
                }
                if !found.is_empty() {
                    Box::pin(self.read_found(connection, found, read, written)).await?;
                }
            }
            Err(fault) if groups.len() == 1 => {
                tracing::warn!(connection = %connection.name, fault = %fault, "one contact breaks the source");
                read.settled.extend(groups.into_iter().map(|group| group.broken(&fault)));
            }
            Err(_) => {
                let mut left = groups;
                let right = left.split_off(left.len() / 2);
                Box::pin(self.read_groups(connection, left, read, written, None)).await?;
                Box::pin(self.read_groups(connection, right, read, written, None)).await?;
            }
        }
        Ok(())
    }

    /// Reads deliveries whose contact was only just found out. Contacts that the batch has settled already are left for the next: their memory has moved on.
    async fn read_found(
        &self,
        connection: &Connection,
        found: Vec<Group>,
        read: &mut Read,
        written: &mut Vec<Written>,
    ) -> Result<(), StoreError> {
        let mut groups: Vec<Group> = Vec::new();
        for group in found {
            match groups.iter_mut().find(|known| known.contact == group.contact) {
                Some(known) => {
                    known.kinds.extend(group.kinds);
                    known.deliveries.extend(group.deliveries);
                }
                None if read.settled.iter().any(|done| done.contact == group.contact) => read.leaves = true,
                None => groups.push(group),
            }
        }
        let contacts: Vec<String> = groups.iter().filter_map(|group| group.contact.clone()).collect();
        let memories = self.store.memories(&connection.name, &contacts).await?;
        for (group, remembered) in groups.iter_mut().zip(memories) {
            group.remembered = remembered;
        }
        if groups.is_empty() {
            return Ok(());
        }
        self.read_groups(connection, groups, read, written, None).await
    }
}

/// Whose the deliveries are that a guest wrote about while it found out.
fn name_contacts(written: &mut [Written], deliveries: &[Delivery], identities: &[Result<Identity, String>]) {
    let found = deliveries.iter().zip(identities).filter_map(|(delivery, identity)| {
        let contact = identity.as_ref().ok()?.contact.clone()?;
        Some((delivery.id.as_str(), contact))
    });
    let found: HashMap<&str, String> = found.collect();
    for about in written.iter_mut().flat_map(|written| &mut written.about) {
        if let About::Delivery { id, contact } = about {
            *contact = found.get(id.as_str()).cloned();
        }
    }
}

/// The contact that a delivery without one turned out to be of. Only what named none is asked for: a source cannot move a fact from one person to another.
fn whose(group: &Group, reading: &Reading) -> Option<String> {
    match (&group.contact, reading.tellings.as_slice()) {
        (None, [Telling::Belongs(contact)]) if !contact.is_empty() => Some(contact.clone()),
        _ => None,
    }
}

impl Group {
    fn as_word(&self) -> Work {
        let memory = self.remembered.as_ref().map(|remembered| remembered.bytes.clone());
        Work { contact: self.contact.clone(), memory, deliveries: self.deliveries.iter().map(as_word).collect() }
    }

    fn about(&self) -> impl Iterator<Item = About> {
        self.deliveries
            .iter()
            .map(|delivery| About::Delivery { id: delivery.id.clone(), contact: self.contact.clone() })
    }

    fn read(self, reading: Reading, connection: &Connection, now: Millis, read: &mut Read) {
        let mut told = |telling: Telling| match telling {
            Telling::Changes(changes) => {
                match changes.into_iter().map(|change| stored(change, connection, now)).collect() {
                    Ok(stored) => {
                        let (new, changes): (_, Vec<Change>) = <Vec<_>>::into_iter(stored).unzip();
                        // Forgetting a contact comes after all that was read of them: their end is translated in a step of its own.
                        let lasting = |change: &Change| !matches!(change.trigger, Trigger::ContactDeleted);
                        read.changes.extend(changes.into_iter().filter(lasting));
                        Told::Changes(new)
                    }
                    Err(reason) => Told::Dead { reason },
                }
            }
            Telling::Silent(silence) => Told::Silent(silence_code(silence).to_owned()),
            Telling::Belongs(_) => {
                Told::Dead { reason: "the source moves it from the contact it names to another".to_owned() }
            }
        };
        let expected = self.remembered.map(|remembered| remembered.version);
        let answers: Vec<Told> = reading.tellings.into_iter().map(&mut told).collect();
        let gaps = reading.gaps.into_iter().map(|gap| Gap { id: gap.id, kind: gap.kind }).collect();
        let deliveries = self.deliveries.into_iter().zip(self.kinds).zip(answers);
        let deliveries =
            deliveries.map(|((delivery, kind), answer)| ReadDelivery { id: delivery.id, kind, answer }).collect();
        read.settled.push(ReadGroup { contact: self.contact, expected, memory: reading.memory, deliveries, gaps });
    }

    fn unread(self, error: &SourceError, now: Millis) -> ReadGroup {
        self.told(|delivery| {
            let tries = delivery.tries + 1;
            let deadline = delivery.received_at + PATIENCE_MS;
            judge_delivery(error, Circumstances { now, tries, jitter: fastrand::f64(), deadline, rest: None })
        })
    }

    fn broken(self, fault: &Fault) -> ReadGroup {
        self.told(|_| Told::Dead { reason: fault.line() })
    }

    fn told(self, answer: impl Fn(&StoredDelivery) -> Told) -> ReadGroup {
        let deliveries = self.deliveries.into_iter().zip(self.kinds);
        let deliveries = deliveries
            .map(|(delivery, kind)| ReadDelivery { answer: answer(&delivery), id: delivery.id, kind })
            .collect();
        let expected = self.remembered.map(|remembered| remembered.version);
        ReadGroup { contact: self.contact, expected, memory: None, deliveries, gaps: Vec::new() }
    }
}

fn alone(delivery: StoredDelivery, kind: String, answer: Told) -> ReadGroup {
    ReadGroup {
        contact: None,
        expected: None,
        memory: None,
        deliveries: vec![ReadDelivery { id: delivery.id, kind, answer }],
        gaps: Vec::new(),
    }
}

/// A change as it is kept: exactly what the mapper will be given. Connection and the times of the host are the host's word.
fn stored(mut change: Change, connection: &Connection, now: Millis) -> Result<(NewChange, Change), String> {
    change.connection.clone_from(&connection.name);
    if change.id.is_empty() || change.id.len() > 128 {
        return Err("the source gave a change no usable id".to_owned());
    }
    change.seen_at = change.seen_at.min(now);
    let kind = kind(&change.trigger).to_owned();
    let bytes = serde_json::to_vec(&change).map_err(|error| format!("the change cannot be kept: {error}"))?;
    Ok((NewChange { id: change.id.clone(), kind, occurred_at: change.occurred_at, bytes, made: None }, change))
}

pub(super) fn as_word(delivery: &StoredDelivery) -> Delivery {
    Delivery {
        id: delivery.id.clone(),
        connection: delivery.connection.clone(),
        origin: match &delivery.origin {
            store::Origin::Webhook => Origin::Webhook,
            store::Origin::Poll => Origin::Poll,
            store::Origin::Sweep => Origin::Sweep,
            store::Origin::Reported(contact) => Origin::Reported(contact.clone()),
        },
        received_at: delivery.received_at,
        headers: delivery.headers.clone(),
        body: delivery.body.clone(),
    }
}

fn silence_code(silence: Silence) -> &'static str {
    match silence {
        Silence::Baseline => "baseline",
        Silence::Repeated => "repeated",
        Silence::OwnWrite => "own-write",
        Silence::Unchanged => "unchanged",
        Silence::Irrelevant => "irrelevant",
    }
}
