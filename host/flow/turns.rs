//! One at a time for each connection: its deliveries are read, or a command is executed in its name. A command's webhook may come back before the
//! command's answer does; read in between, our own write would look like somebody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Whose turn it is, by connection.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

/// A connection's turn, until it is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// The connection's turn, or `None` while it is another's.
    pub(super) fn now(&self, connection: &str) -> Option<Turn> {
        self.of(connection).try_lock_owned().ok()
    }

    /// The connection's turn once it is free.
    pub(super) async fn next(&self, connection: &str) -> Turn {
        self.of(connection).lock_owned().await
    }

    fn of(&self, connection: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(connection.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;

    #[tokio::test]
    async fn a_turn_is_one_connections() {
        let turns = Turns::default();
        let held = turns.next("acme").await;
        assert!(turns.now("acme").is_none());
        assert!(turns.now("other").is_some());
        drop(held);
        assert!(turns.now("acme").is_some());
    }
}
