//! Step one: deliveries of one connection become changes. Everything that waits for a contact is read in one go, with one fetch.

use std::collections::HashMap;

use super::Flow;
use super::judge::{Circumstances, judge_delivery};
use super::plan::Connection;
use crate::clock::Millis;
use crate::contract::{Change, Delivery, Origin, kind};
use crate::engine::{Fault, Identity, Reading, Silence, SourceError, Work};
use crate::store::{NewChange, ReadDelivery, ReadGroup, ReadSettlement, Remembered, StoreError, StoredDelivery, Told};

/// The most deliveries one call carries over the border.
const BATCH: usize = 256;

/// A delivery that cannot be read is tried for this long.
const PATIENCE_MS: Millis = 7 * 24 * 60 * 60 * 1_000;

/// One contact's deliveries (or one that names no contact), before they are read.
struct Group {
    contact: Option<String>,
    remembered: Option<Remembered>,
    kinds: Vec<String>,
    deliveries: Vec<StoredDelivery>,
}

impl Flow {
    /// Reads one batch; how many deliveries it held.
    pub async fn read_once(&self, name: &str) -> Result<usize, StoreError> {
        let Some(connection) = self.plan().connections.get(name).cloned() else { return Ok(0) };
        if self.is_paused(name) {
            return Ok(0);
        }
        let claimed = self.store.claim_deliveries(name, self.clock.now_ms(), BATCH).await?;
        let count = claimed.len();
        if count == 0 {
            return Ok(0);
        }
        let (mut settled, groups) = self.group(&connection, claimed).await?;
        let mut catalogue = self.store.catalogue(name).await?;
        let known = catalogue.clone();
        if !groups.is_empty() {
            self.read_groups(&connection, groups, &mut catalogue, &mut settled).await;
        }
        let settlement = ReadSettlement {
            connection: name.to_owned(),
            now: self.clock.now_ms(),
            source_digest: connection.source.loaded().digest.to_string(),
            groups: settled,
            catalogue: catalogue.filter(|new| Some(new) != known.as_ref()),
        };
        // A group whose memory moved on meanwhile was left as it was: it is claimed again.
        self.store.settle_read(settlement).await?;
        self.wake.translate.notify_one();
        Ok(count)
    }

    /// Whose deliveries these are, and what is remembered of each contact. What cannot be identified is settled at once.
    async fn group(
        &self,
        connection: &Connection,
        claimed: Vec<StoredDelivery>,
    ) -> Result<(Vec<ReadGroup>, Vec<Group>), StoreError> {
        let deliveries: Vec<Delivery> = claimed.iter().map(as_word).collect();
        let identities = self.identify(connection, &deliveries).await;
        let mut settled = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (delivery, identity) in claimed.into_iter().zip(identities) {
            match identity {
                Ok(Identity { lifecycle: Some(lifecycle), kind, .. }) => {
                    tracing::info!(connection = %connection.name, ?lifecycle, "the CRM speaks of the connection itself");
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
    async fn identify(&self, connection: &Connection, deliveries: &[Delivery]) -> Vec<Result<Identity, String>> {
        match connection.source.identify(deliveries).await {
            Ok(identities) => identities,
            Err(fault) if deliveries.len() == 1 => {
                tracing::warn!(connection = %connection.name, fault = %fault, "one delivery breaks the source");
                vec![Err(fault.line())]
            }
            Err(_) => {
                let (left, right) = deliveries.split_at(deliveries.len() / 2);
                let mut answers = Box::pin(self.identify(connection, left)).await;
                answers.extend(Box::pin(self.identify(connection, right)).await);
                answers
            }
        }
    }

    /// Reads groups in one call; a Fault is narrowed down to the contacts that cause it.
    async fn read_groups(
        &self,
        connection: &Connection,
        groups: Vec<Group>,
        catalogue: &mut Option<Vec<u8>>,
        settled: &mut Vec<ReadGroup>,
    ) {
        let work: Vec<Work> = groups.iter().map(Group::as_word).collect();
        let ticket = connection.right.ticket(&connection.credential);
        let subject = connection.subject(catalogue.clone());
        let read = connection.source.read(ticket.clone(), &subject, &work).await;
        for refusal in ticket.refusals() {
            tracing::warn!(connection = %connection.name, "{refusal}");
        }
        match read {
            Ok(readings) => {
                if readings.catalogue.is_some() {
                    *catalogue = readings.catalogue;
                }
                let now = self.clock.now_ms();
                settled.extend(groups.into_iter().zip(readings.items).map(|(group, reading)| match reading {
                    Ok(reading) => group.read(reading, connection, now),
                    Err(error) => group.unread(&error, now),
                }));
            }
            Err(fault) if groups.len() == 1 => {
                tracing::warn!(connection = %connection.name, fault = %fault, "one contact breaks the source");
                settled.extend(groups.into_iter().map(|group| group.broken(&fault)));
            }
            Err(_) => {
                let mut left = groups;
                let right = left.split_off(left.len() / 2);
                Box::pin(self.read_groups(connection, left, catalogue, settled)).await;
                Box::pin(self.read_groups(connection, right, catalogue, settled)).await;
            }
        }
    }
}

impl Group {
    fn as_word(&self) -> Work {
        let memory = self.remembered.as_ref().map(|remembered| remembered.bytes.clone());
        Work { contact: self.contact.clone(), memory, deliveries: self.deliveries.iter().map(as_word).collect() }
    }

    fn read(self, reading: Reading, connection: &Connection, now: Millis) -> ReadGroup {
        let told = |answer: Result<Vec<Change>, Silence>| match answer {
            Ok(changes) => match changes.into_iter().map(|change| stored(change, connection, now)).collect() {
                Ok(changes) => Told::Changes(changes),
                Err(reason) => Told::Dead { reason },
            },
            Err(silence) => Told::Silent(silence_code(silence).to_owned()),
        };
        let expected = self.remembered.map(|remembered| remembered.version);
        let answers = reading.answers.into_iter().map(told);
        let deliveries = self.deliveries.into_iter().zip(self.kinds).zip(answers);
        let deliveries =
            deliveries.map(|((delivery, kind), answer)| ReadDelivery { id: delivery.id, kind, answer }).collect();
        ReadGroup { contact: self.contact, expected, memory: reading.memory, deliveries }
    }

    fn unread(self, error: &SourceError, now: Millis) -> ReadGroup {
        self.told(|delivery| {
            let tries = delivery.tries + 1;
            let deadline = delivery.received_at + PATIENCE_MS;
            judge_delivery(error, Circumstances { now, tries, jitter: fastrand::f64(), deadline })
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
        ReadGroup { contact: self.contact, expected, memory: None, deliveries }
    }
}

fn alone(delivery: StoredDelivery, kind: String, answer: Told) -> ReadGroup {
    ReadGroup {
        contact: None,
        expected: None,
        memory: None,
        deliveries: vec![ReadDelivery { id: delivery.id, kind, answer }],
    }
}

/// A change as it is kept: exactly what the mapper will be given. Connection and the times of the host are the host's word.
fn stored(mut change: Change, connection: &Connection, now: Millis) -> Result<NewChange, String> {
    change.connection.clone_from(&connection.name);
    if change.id.is_empty() || change.id.len() > 128 {
        return Err("the source gave a change no usable id".to_owned());
    }
    change.seen_at = change.seen_at.min(now);
    let kind = kind(&change.trigger).to_owned();
    let bytes = serde_json::to_vec(&change).map_err(|error| format!("the change cannot be kept: {error}"))?;
    Ok(NewChange { id: change.id, kind, occurred_at: change.occurred_at, bytes })
}

fn as_word(delivery: &StoredDelivery) -> Delivery {
    Delivery {
        id: delivery.id.clone(),
        connection: delivery.connection.clone(),
        origin: match &delivery.origin {
            crate::store::Origin::Webhook => Origin::Webhook,
            crate::store::Origin::Poll => Origin::Poll,
            crate::store::Origin::Reported(contact) => Origin::Reported(contact.clone()),
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
