//! Replacing everybody in an audience: a session of batches that counts only once its last one has come (Marketing API, `usersreplace`).
//! Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::body::unwrapped;
use super::super::error::GraphError;
use super::people::People;
use crate::clock::Millis;

/// How long a session is open.
const OPEN_MS: Millis = 90 * 60_000;

const FAILED: i64 = 2_650;
const IN_PROGRESS: i64 = 1_870_145;
const FIRST_BATCH: i64 = 1_870_147;
const TIMED_OUT: i64 = 1_870_158;
const CLOSED: i64 = 1_870_159;

/// `session` of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Chosen by the caller.
    pub id: String,
    /// 1 for the first.
    pub batch: u64,
    /// Whether it is the last.
    pub last: bool,
}

/// The sessions of one audience.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    open: Option<Open>,
    ended: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Open {
    id: String,
    since: Millis,
    people: People,
}

impl Session {
    /// Reads `session`, which may be JSON in text; none when there is none.
    pub fn read(session: Option<Value>) -> Result<Option<Self>, GraphError> {
        let Some(session) = session.filter(|session| !session.is_null()).map(unwrapped) else { return Ok(None) };
        let number =
            |key: &str| session.get(key).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let (Some(id), Some(batch)) = (number("session_id"), number("batch_seq").filter(|batch| *batch > 0)) else {
            let text = "session must be an object with the numbers session_id and batch_seq, which starts at 1";
            return Err(GraphError::parameter(text));
        };
        let last = session.get("last_batch_flag").is_some_and(|last| *last == true || *last == "true" || *last == 1);
        Ok(Some(Self { id: id.to_string(), batch, last }))
    }
}

impl Sessions {
    /// An error while a replacement is in progress: nothing else may change the audience then.
    pub fn quiet(&self, now: Millis) -> Result<(), GraphError> {
        let busy = self.open.as_ref().is_some_and(|open| now.saturating_sub(open.since) <= OPEN_MS);
        if busy { Err(GraphError::known(FAILED, IN_PROGRESS)) } else { Ok(()) }
    }

    /// The open batch of people that this session's next rows belong to.
    pub fn batch(&mut self, session: &Session, now: Millis) -> Result<&mut People, GraphError> {
        if self.ended.contains(&session.id) {
            return Err(GraphError::known(FAILED, CLOSED));
        }
        let goes_on = self.open.as_ref().is_some_and(|open| open.id == session.id);
        if goes_on && self.quiet(now).is_ok() {
            self.open = None;
            self.ended.insert(session.id.clone());
            return Err(GraphError::known(FAILED, TIMED_OUT));
        }
        if !goes_on {
            self.quiet(now)?;
            if session.batch != 1 {
                return Err(GraphError::known(FAILED, FIRST_BATCH));
            }
            self.open = None;
        }
        let open = || Open { id: session.id.clone(), since: now, people: People::default() };
        Ok(&mut self.open.get_or_insert_with(open).people)
    }

    /// Ends the session that is open; who is in the audience from now on.
    pub fn end(&mut self) -> Option<People> {
        let open = self.open.take()?;
        self.ended.insert(open.id);
        Some(open.people)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OPEN_MS, Session, Sessions};

    fn session(id: &str, batch: u64) -> Session {
        Session { id: id.to_owned(), batch, last: false }
    }

    fn subcode(sessions: &mut Sessions, id: &str, batch: u64, now: u64) -> Option<i64> {
        sessions.batch(&session(id, batch), now).err().map(|error| {
            assert_eq!(error.code, 2_650);
            error.subcode.unwrap_or_default()
        })
    }

    #[test]
    fn batches_belong_to_one_session_at_a_time() {
        let mut sessions = Sessions::default();
        assert_eq!(subcode(&mut sessions, "a", 2, 0), Some(1_870_147));
        assert_eq!(subcode(&mut sessions, "a", 1, 0), None);
        assert_eq!(subcode(&mut sessions, "a", 2, OPEN_MS), None);
        assert_eq!(subcode(&mut sessions, "b", 1, OPEN_MS), Some(1_870_145));
        assert!(sessions.quiet(OPEN_MS).is_err());
        assert!(sessions.end().is_some() && sessions.end().is_none());
        assert_eq!(subcode(&mut sessions, "a", 3, OPEN_MS), Some(1_870_159));
        assert!(sessions.quiet(OPEN_MS).is_ok());
        assert_eq!(subcode(&mut sessions, "b", 1, OPEN_MS), None);
    }

    #[test]
    fn a_session_is_over_after_90_minutes() {
        let mut sessions = Sessions::default();
        assert_eq!(subcode(&mut sessions, "a", 1, 7), None);
        assert_eq!(subcode(&mut sessions, "a", 2, 8 + OPEN_MS), Some(1_870_158));
        assert_eq!(subcode(&mut sessions, "b", 1, 8 + OPEN_MS), None);
        assert_eq!(subcode(&mut sessions, "c", 1, 9 + 2 * OPEN_MS), None, "the next one need not wait for it");
    }

    #[test]
    fn a_session_is_read_from_numbers_and_from_text() {
        let read = |value| Session::read(Some(value)).expect("readable");
        let wanted = Some(Session { id: "9".to_owned(), batch: 2, last: true });
        assert_eq!(read(json!({ "session_id": 9, "batch_seq": 2, "last_batch_flag": true })), wanted);
        assert_eq!(read(json!(r#"{"session_id":"9","batch_seq":"2","last_batch_flag":"true"}"#)), wanted);
        assert_eq!(read(json!(null)), None);
        for bad in [json!({ "batch_seq": 1 }), json!({ "session_id": 9, "batch_seq": 0 }), json!([])] {
            assert!(Session::read(Some(bad)).is_err());
        }
    }
}
