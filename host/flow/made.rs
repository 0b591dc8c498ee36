//! What comes of a mapper's answer: events for every destination, places in audiences, commands, or why there is nothing.

use super::plan::Connection;
use super::{Flow, execute};
use crate::clock::Millis;
use crate::contract::{Change, Effect, Membership, Proposal, Skip, Trigger, kind, skip_code};
use crate::engine::{Fault, Translation};
use crate::store::{Made, NewEvent, Translated, Wish};

/// Whom it concerns that something was made.
#[derive(Default)]
pub(super) struct Wakes {
    destinations: Vec<String>,
    execute: bool,
    audience: bool,
}

impl Wakes {
    pub(super) fn of<'a>(all: impl IntoIterator<Item = &'a Made>) -> Self {
        let mut wakes = Self::default();
        for made in all {
            let events = match &made.answer {
                Translated::Events(events) => events.as_slice(),
                _ => &[],
            };
            for event in events {
                if !wakes.destinations.contains(&event.destination) {
                    wakes.destinations.push(event.destination.clone());
                }
            }
            wakes.execute |= !made.commands.is_empty();
            wakes.audience |= !made.wishes.is_empty() || made.withdrawn_at.is_some();
        }
        wakes
    }

    /// Tells them that it is stored.
    pub(super) fn wake(self, flow: &Flow) {
        self.destinations.iter().for_each(|destination| flow.wake.ship.ring(destination));
        if self.execute {
            flow.wake.execute.ring_all();
        }
        if self.audience {
            flow.wake.audience.ring_all();
        }
    }
}

/// What becomes of a change by the mapper's answer.
pub(super) fn made(connection: &Connection, change: &Change, answer: &Result<Translation, Fault>) -> Made {
    let (mut commands, mut wishes) = (Vec::new(), Vec::new());
    let answer = match answer {
        Ok(Ok(proposals)) => match effects(connection, change, proposals) {
            Ok((events, wanted)) => {
                wishes = wanted;
                commands = execute::wanted(connection, change, proposals);
                events
            }
            Err(reason) => Translated::Dead { reason },
        },
        Ok(Err(Skip { code, rule, reason })) => {
            Translated::Skip { code: skip_code(*code).to_owned(), rule: rule.clone(), reason: reason.clone() }
        }
        Err(fault) => {
            tracing::warn!(connection = %connection.name, kind = kind(&change.trigger), fault = %fault, "one change breaks the mapper");
            Translated::Dead { reason: fault.line() }
        }
    };
    Made { answer, commands, wishes, withdrawn_at: withdrawn_at(change) }
}

/// When a change withdraws consent, or its contact. Leaving is the host's own rule: no mapper can forget it.
fn withdrawn_at(change: &Change) -> Option<Millis> {
    let withdraws = match change.trigger {
        Trigger::ContactDeleted => true,
        Trigger::ConsentChanged => change.contact.consent.do_not_disturb,
        _ => false,
    };
    withdraws.then_some(change.occurred_at)
}

/// Every event and every wish once for every destination of the connection. The error is why the change is parked.
fn effects(
    connection: &Connection,
    change: &Change,
    proposals: &[Proposal],
) -> Result<(Translated, Vec<Wish>), String> {
    if proposals.is_empty() {
        let skip = Translated::Skip {
            code: "no-rule".to_owned(),
            rule: None,
            reason: "the mapper proposes nothing".to_owned(),
        };
        return Ok((skip, Vec::new()));
    }
    let (mut events, mut wishes) = (Vec::with_capacity(proposals.len() * connection.destinations.len()), Vec::new());
    for proposal in proposals {
        match &proposal.effect {
            Effect::Convert(event) => {
                let bytes = serde_json::to_vec(event).map_err(|error| format!("the event cannot be kept: {error}"))?;
                events.extend(connection.destinations.iter().map(|destination| NewEvent {
                    destination: destination.name.clone(),
                    event_id: event.id.clone(),
                    name: event.name.clone(),
                    rule: proposal.rule.clone(),
                    occurred_at: event.occurred_at,
                    deadline: destination.deadline(event),
                    bytes: bytes.clone(),
                    brake: destination.brake,
                }));
            }
            Effect::Audience(wanted) => {
                let bytes = serde_json::to_vec(&wanted.user_data)
                    .map_err(|error| format!("the member of an audience cannot be kept: {error}"))?;
                wishes.extend(connection.destinations.iter().map(|destination| Wish {
                    destination: destination.name.clone(),
                    audience: wanted.audience.clone(),
                    join: wanted.membership == Membership::Join,
                    rule: proposal.rule.clone(),
                    occurred_at: change.occurred_at,
                    bytes: bytes.clone(),
                }));
            }
            Effect::Command(_) => {}
        }
    }
    Ok((Translated::Events(events), wishes))
}
