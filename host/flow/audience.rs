//! People are put into audiences and taken out: what is wanted last of each, one audience and one way a request.

use super::Flow;
use super::heal::resting;
use super::judge::{Circumstances, judge_member};
use super::plan::Destination;
use crate::clock::Millis;
use crate::contract::{Hashed, Membership, UserData};
use crate::crash;
use crate::engine::{Fault, Outcome, Shipment};
use crate::store::{MemberClaim, MemberSettlement, SettledMember, StoreError, StoredMember, Verdict};

/// Members one call carries at most, whatever the platform would take: more would not fit into a guest's memory beside their requests.
const MOST: u32 = 10_000;

impl Flow {
    /// Sends one batch of members; how many it held.
    pub async fn update_audience_once(&self, name: &str) -> Result<usize, StoreError> {
        let Some(destination) = self.plan().destinations.get(name).cloned() else { return Ok(0) };
        let limit = destination.profile.max_members.clamp(1, MOST) as usize;
        let claimed = self.store.claim_members(name, self.clock.now_ms(), limit).await?;
        let Some(MemberClaim { audience, join, members }) = claimed else { return Ok(0) };
        let count = members.len();
        let (mut rows, mut people, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for member in members {
            match person(&member) {
                Ok(person) => {
                    people.push(person);
                    rows.push(member);
                }
                Err(error) => {
                    let reason = format!("the stored member cannot be read: {error}");
                    items.push(settled(&member, Verdict::Dead { reason, expired: false }, Vec::new()));
                }
            }
        }
        let (mut pause, mut invalid) = (None, 0);
        if !people.is_empty() {
            let membership = if join { Membership::Join } else { Membership::Leave };
            crash::point("before-members");
            let shipment = self.send_members(&destination, &audience, membership, &people).await;
            crash::point("after-members");
            invalid = shipment.invalid_members;
            if invalid > 0 {
                tracing::warn!(destination = name, %audience, invalid, "the platform can make nothing of some members, and names none");
            }
            let now = self.clock.now_ms();
            for ((member, person), said) in rows.iter().zip(&people).zip(&shipment.outcomes) {
                // A place in an audience is never too late.
                let deadline = Millis::MAX;
                let (tries, jitter) = (member.tries + 1, fastrand::f64());
                let given = Circumstances { now, tries, jitter, deadline, rest: None };
                let (verdict, reason) = judge_member(said, given);
                pause = pause.or(reason);
                // It was read from JSON a moment ago.
                let sent = serde_json::to_vec(person).unwrap_or_else(|_| member.bytes.clone());
                items.push(settled(member, verdict, sent));
            }
            let refused = shipment.outcomes.iter().find_map(|said| match said {
                Outcome::Blocked(reason) | Outcome::Rejected(reason) => Some(reason),
                _ => None,
            });
            if let Some(reason) = refused {
                tracing::warn!(destination = name, %audience, %reason, "members are refused");
            }
        }
        let now = self.clock.now_ms();
        let pause = pause.map(|halt| resting(name, halt, now));
        let (destination, paused) = (name.to_owned(), pause.clone());
        self.store.settle_members(MemberSettlement { destination, audience, join, now, items, invalid, pause }).await?;
        if let Some(pause) = paused {
            self.look_after_resting(&pause).await?;
        }
        Ok(count)
    }

    /// One outcome a member. A sink that breaks before anything left is narrowed down by halving; after that all may be in, and go again.
    async fn send_members(
        &self,
        destination: &Destination,
        audience: &str,
        membership: Membership,
        people: &[UserData],
    ) -> Shipment {
        let ticket = destination.ticket(None, Some(self.pauses.stop(&destination.name)));
        let words = &destination.words;
        let sent = destination.sink.update_audience(ticket.clone(), words, audience, membership, people).await;
        for refusal in ticket.refusals() {
            tracing::warn!(destination = %destination.name, "{refusal}");
        }
        let all =
            |outcome: Outcome| Shipment { outcomes: vec![outcome; people.len()], invalid_members: 0, usage: None };
        match sent {
            Ok(shipment) => shipment,
            Err(fault) if ticket.sent() > 0 => {
                tracing::error!(destination = %destination.name, fault = %fault, "the sink broke with a request under way");
                all(Outcome::Unknown(fault.line()))
            }
            Err(fault) if people.len() == 1 => {
                tracing::warn!(destination = %destination.name, fault = %fault, "one member breaks the sink");
                all(Outcome::Rejected(Fault::line(&fault)))
            }
            Err(_) => {
                let (left, right) = people.split_at(people.len() / 2);
                let mut shipment = Box::pin(self.send_members(destination, audience, membership, left)).await;
                let other = Box::pin(self.send_members(destination, audience, membership, right)).await;
                shipment.outcomes.extend(other.outcomes);
                shipment.invalid_members = shipment.invalid_members.saturating_add(other.invalid_members);
                shipment
            }
        }
    }
}

fn settled(member: &StoredMember, verdict: Verdict, sent: Vec<u8>) -> SettledMember {
    SettledMember { row: member.row, version: member.version, verdict, sent }
}

/// The person as the wish names them, and as the platform has them: whoever changed their address is taken out by the old one too.
fn person(member: &StoredMember) -> Result<UserData, serde_json::Error> {
    let mut person: UserData = serde_json::from_slice(&member.bytes)?;
    if let Some(put_in) = &member.put_in {
        let before: UserData = serde_json::from_slice(put_in)?;
        also(&mut person.emails, before.emails);
        also(&mut person.phones, before.phones);
        also(&mut person.external_ids, before.external_ids);
    }
    Ok(person)
}

fn also(known: &mut Vec<Hashed>, earlier: Vec<Hashed>) {
    for hash in earlier {
        if !known.contains(&hash) {
            known.push(hash);
        }
    }
}
