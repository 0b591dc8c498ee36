//! Puts people into an audience and takes them out (Marketing API, "Custom Audiences: Users"). Meta names no row that it could make
//! nothing of, only how many; joining or leaving again changes nothing.

use std::cell::Cell;
use std::ops::Range;

use serde_json::json;

use crate::bindings::convey::pipeline::types::{Membership, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome, Session, Shipment};
use crate::classify;
use crate::endpoint::Endpoint;
use crate::exchange::{Answer, Request, Unanswered};
use crate::halving::{self, Halving};
use crate::members::{Payload, rows};

/// Rows one request may hold, as Meta has it.
const MOST_ROWS: usize = 10_000;
/// The largest body sent, in bytes: ten thousand rows of an address and a phone number, with room for names. What is larger is halved.
const MOST_BYTES: usize = 4 << 20;
/// Changes of one audience go one after another: Meta refuses a second one beside the first (2650/1870145).
const AT_ONCE: usize = 1;

/// Changes the membership of `members`; `outcomes[i]` answers `members[i]`. The requests of one call count up from the session's number.
pub async fn update(
    destination: &Destination,
    audience: &str,
    membership: Membership,
    members: &[UserData],
    session: Option<Session>,
    send: impl AsyncFn(Request) -> Result<Answer, Unanswered>,
) -> Shipment {
    let endpoint = Endpoint::new(&destination.id, &destination.settings);
    let url = match endpoint.and_then(|endpoint| endpoint.members_url(audience)) {
        Ok(url) => url,
        Err(text) => {
            return Shipment { outcomes: vec![Outcome::Blocked(text); members.len()], invalid_members: 0, usage: None };
        }
    };
    let method = match membership {
        Membership::Join => "POST",
        Membership::Leave => "DELETE",
    };
    let known: Vec<&UserData> = members.iter().filter(|member| rows(member) > 0).collect();
    let (invalid, sequence) = (Cell::new(0u32), Cell::new(session.map_or(0, |session| session.sequence)));
    let ask = async |range: Range<usize>| {
        let part = &known[range.clone()];
        if part.iter().map(|member| rows(member)).sum::<usize>() > MOST_ROWS {
            return Err(Unanswered::TooLarge);
        }
        let payload = Payload::new(part);
        let mut body = json!({"payload": {"schema": payload.schema(), "data": payload}});
        if let Some(session) = session {
            let last = session.last && range.end == known.len();
            body["session"] = json!({"session_id": session.id, "batch_seq": sequence.replace(sequence.get() + 1), "last_batch_flag": last});
        }
        let body = body.to_string();
        if body.len() > MOST_BYTES {
            return Err(Unanswered::TooLarge);
        }
        let answer = send(Request { method, url: url.clone(), body: Some(body) }).await?;
        invalid.set(invalid.get().saturating_add(classify::invalid(&answer)));
        Ok(answer)
    };
    let shipment = Halving::new(known.len(), AT_ONCE, classify::members).through(ask).await;
    let mut answered = shipment.outcomes.into_iter();
    let each = members.iter().map(|member| match rows(member) {
        0 => Outcome::Rejected("not sent: nothing is known of the person that an audience could take".into()),
        _ => answered.next().unwrap_or_else(halving::left_over),
    });
    Shipment { outcomes: each.collect(), invalid_members: invalid.get(), usage: shipment.usage }
}

#[cfg(test)]
mod tests;
