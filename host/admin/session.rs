//! Sessions of browsers and the codes that begin one: in memory only, so a restart signs everybody out. What a browser or a person holds is
//! kept as its digest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::role::Role;
use crate::clock::Millis;
use crate::contract::Digest;
use crate::vault::{VaultError, random_hex};

/// A session ends this long after it began, whatever is done in it.
pub(super) const SESSION_MS: Millis = 12 * 60 * 60 * 1_000;
/// A code is good for so long, once.
const CODE_MS: Millis = 5 * 60 * 1_000;
/// So many of each there may be; the one that ends first makes room.
const MOST: usize = 1_000;
/// 256 bits: nobody guesses one.
const BYTES: usize = 32;

/// What is known of a browser that is signed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// What it may do.
    pub(super) role: Role,
    /// Who sits before it, in their own words.
    pub(super) by: String,
    /// What its forms must bring, so that no other site's can.
    pub(super) csrf: String,
    /// What the next page says of what was done last.
    said: Option<Said>,
    ends_at: Millis,
}

/// How something that was asked for went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// In words.
    pub(super) text: String,
    /// Whether it went well.
    pub(super) well: bool,
}

/// A code that begins a session.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct SignInCode {
    /// The code.
    pub code: String,
    /// Whose session it begins.
    pub role: Role,
    /// Until when it is good, milliseconds since the epoch.
    pub until: Millis,
}

/// All sessions and codes of a door.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    codes: Mutex<HashMap<String, (Role, Millis)>>,
}

impl Sessions {
    /// Begins a session; what its browser is to hold.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn begin(&self, role: Role, by: String, now: Millis) -> Result<String, VaultError> {
        let (id, csrf) = (random_hex(BYTES)?, random_hex(BYTES)?);
        let session = Session { role, by, csrf, said: None, ends_at: now + SESSION_MS };
        put(&mut locked(&self.open), name(&id), session, now, |session| session.ends_at);
        Ok(id)
    }

    /// The session of who holds `id`, until it ends.
    pub(super) fn of(&self, id: &str, now: Millis) -> Option<Session> {
        locked(&self.open).get(&name(id)).filter(|session| session.ends_at > now).cloned()
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        locked(&self.open).remove(&name(id));
    }

    /// Has the session's next page say how something went.
    pub(super) fn say(&self, id: &str, said: Said) {
        if let Some(session) = locked(&self.open).get_mut(&name(id)) {
            session.said = Some(said);
        }
    }

    /// What is to be said, once.
    pub(super) fn said(&self, id: &str) -> Option<Said> {
        locked(&self.open).get_mut(&name(id)).and_then(|session| session.said.take())
    }

    /// Makes a code that begins one session of this role.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn make_code(&self, role: Role, now: Millis) -> Result<SignInCode, VaultError> {
        let (code, until) = (random_hex(BYTES)?, now + CODE_MS);
        put(&mut locked(&self.codes), name(&code), (role, until), now, |(_, until)| *until);
        Ok(SignInCode { code, role, until })
    }

    /// Uses a code up: whose session it begins.
    pub(super) fn take_code(&self, code: &str, now: Millis) -> Option<Role> {
        let (role, until) = locked(&self.codes).remove(&name(code))?;
        (until > now).then_some(role)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looked up by digest: how long that takes says nothing of how near a guess was.
fn name(held: &str) -> String {
    Digest::of(held.as_bytes()).to_string()
}

/// Puts one more in. What is over goes first, then what ends first.
fn put<T>(all: &mut HashMap<String, T>, name: String, one: T, now: Millis, ends_at: impl Fn(&T) -> Millis) {
    all.retain(|_, known| ends_at(known) > now);
    if all.len() >= MOST {
        let first = all.iter().min_by_key(|(_, known)| ends_at(known)).map(|(name, _)| name.clone());
        first.and_then(|first| all.remove(&first));
    }
    all.insert(name, one);
}

#[cfg(test)]
mod tests {
    use super::{CODE_MS, MOST, Role, SESSION_MS, Said, Sessions};

    #[test]
    fn a_session_lasts_its_time_and_ends_when_asked() {
        let sessions = Sessions::default();
        let id = sessions.begin(Role::Viewer, "Ann".to_owned(), 1_000).unwrap();
        let other = sessions.begin(Role::Operator, "Bob".to_owned(), 1_000).unwrap();
        assert_eq!(id.len(), 64, "256 bits in hex");
        let session = sessions.of(&id, 1_000 + SESSION_MS - 1).unwrap();
        assert_eq!((session.role, session.by.as_str()), (Role::Viewer, "Ann"));
        assert_ne!(session.csrf, sessions.of(&other, 1_000).unwrap().csrf);
        assert!(sessions.of(&id, 1_000 + SESSION_MS).is_none());
        assert!(sessions.of("", 1_000).is_none() && sessions.of(&session.csrf, 1_000).is_none());
        sessions.end(&id);
        assert!(sessions.of(&id, 1_000).is_none() && sessions.of(&other, 1_000).is_some());
    }

    #[test]
    fn a_code_is_good_once_and_for_a_while() {
        let sessions = Sessions::default();
        let code = sessions.make_code(Role::Viewer, 5).unwrap().code;
        assert_eq!(sessions.take_code(&code, 6), Some(Role::Viewer));
        assert_eq!(sessions.take_code(&code, 6), None);
        let late = sessions.make_code(Role::Operator, 5).unwrap();
        assert_eq!((late.until, sessions.take_code(&late.code, 5 + CODE_MS)), (5 + CODE_MS, None));
    }

    #[test]
    fn what_is_said_is_said_once() {
        let sessions = Sessions::default();
        let id = sessions.begin(Role::Viewer, String::new(), 0).unwrap();
        let said = Said { text: "done".to_owned(), well: true };
        sessions.say(&id, said.clone());
        assert_eq!((sessions.said(&id), sessions.said(&id)), (Some(said), None));
    }

    #[test]
    fn there_are_never_too_many() {
        let sessions = Sessions::default();
        let first = sessions.begin(Role::Viewer, String::new(), 0).unwrap();
        for at in 1..=MOST as u64 {
            sessions.begin(Role::Viewer, String::new(), at).unwrap();
        }
        assert!(sessions.of(&first, 1).is_none());
        assert_eq!(super::locked(&sessions.open).len(), MOST);
    }
}
