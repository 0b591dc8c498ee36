//! What an answer means. The code and its subcode decide; the HTTP status is asked only where there is no code, because Meta sends
//! throttling as 400 and a bad token as 400 or 401 (Graph API, "Handle Errors").

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::conversions_sink::Outcome;
use crate::exchange::Answer;
use crate::subcode::{FLAGGED_AUDIENCE, PARTLY_CHANGED, TOO_MANY_MEMBERS, TOO_OLD, meaning};
use crate::throttle::wait_ms;

/// What an answer means for the events of its request.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// All of them were taken; with the platform's trace id.
    Accepted(Option<String>),
    /// None was taken and one of them is the reason, or their number is. Alone, an event gets this outcome.
    Culprit(Outcome),
    /// None was judged: this holds for each of them and for everything else that would be sent now.
    Everyone(Outcome),
}

/// A policy block is lifted by Meta in its own time: an hour is long enough not to prolong it.
const POLICY_WAIT_MS: u32 = 3_600_000;

/// What the answer to a request with `sent` events means.
pub fn events(answer: &Answer, sent: usize) -> Finding {
    let body = json(answer);
    if !is_success(answer) || body["error"].is_object() {
        return refused(answer, &body);
    }
    match body["events_received"].as_u64() {
        Some(received) if received == sent as u64 => Finding::Accepted(trace(&body["fbtrace_id"])),
        Some(received) => Finding::Everyone(Outcome::Unknown(format!(
            "Meta received {received} of {sent} events and does not say which"
        ))),
        None => Finding::Everyone(Outcome::Unknown(format!(
            "Meta answered {} without saying how many events it received",
            answer.status
        ))),
    }
}

/// What the answer to a change of an audience means for its members. How many rows were invalid is [`invalid`].
pub fn members(answer: &Answer, _: usize) -> Finding {
    let body = json(answer);
    if !is_success(answer) || body["error"].is_object() {
        let error = &body["error"];
        let (code, subcode) = (error["code"].as_i64(), error["error_subcode"].as_i64());
        let text = || describe(error, code.unwrap_or_default(), subcode);
        return match (code, subcode) {
            (Some(2650), Some(TOO_MANY_MEMBERS)) => Finding::Culprit(Outcome::Rejected(text())),
            // Some may be in. Joining or leaving again is harmless, so the host's policy for what is unknown does no harm either.
            (Some(2650), Some(PARTLY_CHANGED)) => Finding::Everyone(Outcome::Unknown(text())),
            (Some(100), Some(FLAGGED_AUDIENCE)) => Finding::Everyone(Outcome::Blocked(text())),
            _ => refused(answer, &body),
        };
    }
    if body["num_received"].is_u64() {
        return Finding::Accepted(trace(&body["fbtrace_id"]));
    }
    Finding::Everyone(Outcome::Unknown(format!(
        "Meta answered {} without saying how many members it received",
        answer.status
    )))
}

/// How many rows of a change of an audience Meta could make nothing of. It does not say which, and the number is approximate.
pub fn invalid(answer: &Answer) -> u32 {
    json(answer)["num_invalid_entries"].as_u64().map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Whether the credential reaches the dataset, from the answer to a look at it.
pub fn probe(answer: &Answer, dataset: &str) -> Outcome {
    let body = json(answer);
    if is_success(answer) && body["id"].as_str() == Some(dataset) {
        return Outcome::Accepted(trace(&body["fbtrace_id"]));
    }
    match refused(answer, &body) {
        // A request without events has no bad event: the dataset is what Meta objects to.
        Finding::Culprit(Outcome::Rejected(text) | Outcome::Expired(text)) => Outcome::Blocked(text),
        Finding::Culprit(outcome) | Finding::Everyone(outcome) => outcome,
        Finding::Accepted(trace) => Outcome::Accepted(trace),
    }
}

fn refused(answer: &Answer, body: &Value) -> Finding {
    let error = &body["error"];
    match error["code"].as_i64() {
        Some(code) => by_code(answer, error, code),
        None => by_status(answer),
    }
}

fn by_code(answer: &Answer, error: &Value, code: i64) -> Finding {
    let subcode = error["error_subcode"].as_i64();
    let text = || describe(error, code, subcode);
    match (code, subcode) {
        (102 | 104 | 190, _) => Finding::Everyone(Outcome::Unauthorized(text())),
        (4 | 17 | 32 | 341 | 613 | 80_000..=80_014, _) => Finding::Everyone(Outcome::Throttled(wait_ms(answer))),
        (368, _) => Finding::Everyone(Outcome::Throttled(Some(wait_ms(answer).unwrap_or(POLICY_WAIT_MS)))),
        _ if error["is_transient"].as_bool() == Some(true) => Finding::Everyone(Outcome::Unavailable(text())),
        // 2500 and 2635: the address or its version is no longer, or not yet, served.
        (100, Some(33)) | (3 | 10 | 200..=299 | 803 | 2500 | 2635 | 2655 | 1_487_301 | 1_487_366, _) => {
            Finding::Everyone(Outcome::Blocked(text()))
        }
        // About the call, not about an event: without a subcode that is how a proof that is missing is told (#100, "API calls from the server require an
        // appsecret_proof argument").
        (100, None) if error["type"] == "GraphMethodException" => {
            let hint = "; if the app is set to require a proof of its secret, give the destination's `app_secret`";
            Finding::Everyone(Outcome::Blocked(text() + hint))
        }
        (100, Some(TOO_OLD)) => Finding::Culprit(Outcome::Expired(text())),
        // 1/99 is Meta's word for a request it could not make sense of; 105 is a matter of number.
        (100 | 105, _) | (1, Some(99)) => Finding::Culprit(Outcome::Rejected(text())),
        // 1, 2, 5000, 21009 pass by themselves; of a code nobody knows that is the hope that loses nothing.
        _ => Finding::Everyone(Outcome::Unavailable(text())),
    }
}

/// An answer without an error in Meta's form: a page of a proxy, an empty body, a server that fell over.
fn by_status(answer: &Answer) -> Finding {
    let status = answer.status;
    let text = format!("the answer is HTTP {status} without an error in Meta's form");
    match status {
        401 => Finding::Everyone(Outcome::Unauthorized(text)),
        413 => Finding::Culprit(Outcome::Rejected(text)),
        429 => Finding::Everyone(Outcome::Throttled(wait_ms(answer))),
        _ => Finding::Everyone(Outcome::Unavailable(text)),
    }
}

fn describe(error: &Value, code: i64, subcode: Option<i64>) -> String {
    let mut text = format!("Meta refused with code {code}");
    if let Some(subcode) = subcode {
        text.push_str(&format!("/{subcode}"));
    }
    if let Some(meaning) = meaning(code, subcode) {
        text.push_str(&format!(": {meaning}"));
    }
    // Only the title: `message` and `error_user_msg` may repeat what was sent.
    if let Some(title) = error["error_user_title"].as_str().map(plain).filter(|title| !title.is_empty()) {
        text.push_str(&format!(" \u{2013} \u{201c}{title}\u{201d}"));
    }
    if let Some(trace) = trace(&error["fbtrace_id"]) {
        text.push_str(&format!(" (fbtrace_id {trace})"));
    }
    text
}

fn trace(id: &Value) -> Option<String> {
    id.as_str().map(plain).filter(|id| !id.is_empty())
}

fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(100).collect()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

fn is_success(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

#[cfg(test)]
mod tests;
