//! What a convey wrote down, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use convey::contract::Change;
use convey::store::{Account, AmbiguousAttempt, Generation};

/// What a convey wrote down.
pub struct Book {
    pub accounts: Vec<Account>,
    pub ambiguous: Vec<AmbiguousAttempt>,
    pub generations: Vec<Generation>,
    pub changes: Vec<Change>,
}

impl Book {
    /// The ids of all events it told or meant to tell.
    pub fn event_ids(&self) -> BTreeSet<String> {
        let changes = self.accounts.iter().flat_map(|account| &account.changes);
        changes.flat_map(|change| &change.events).map(|event| event.event_id.clone()).collect()
    }

    /// The ids that an attempt without an answer may have told twice.
    pub fn may_repeat(&self) -> BTreeSet<String> {
        self.ambiguous.iter().flat_map(|attempt| attempt.event_ids.clone()).collect()
    }

    /// Nothing is lost: each of these webhooks was read, its changes were translated or skipped, and their events were told.
    pub fn assert_all_told<'a>(&self, webhooks: impl IntoIterator<Item = &'a str>) {
        let by_id: BTreeMap<&str, &Account> =
            self.accounts.iter().map(|account| (account.webhook_id.as_str(), account)).collect();
        for id in webhooks {
            let account = by_id.get(id).unwrap_or_else(|| panic!("the webhook {id} was taken and is nowhere"));
            assert!(matches!(account.state.as_str(), "done" | "silent"), "{account:?}");
            for change in &account.changes {
                assert!(matches!(change.state.as_str(), "done" | "skipped"), "{account:?}");
                assert!(change.events.iter().all(|event| event.state == "done"), "{account:?}");
            }
        }
    }

    /// The platform holds exactly the expected set, and an id came twice only if the book says that it may have.
    pub fn assert_exact(&self, expected: &BTreeSet<String>, accepted: &[String]) {
        let set: BTreeSet<String> = accepted.iter().cloned().collect();
        let missing: Vec<_> = expected.difference(&set).collect();
        let strange: Vec<_> = set.difference(expected).collect();
        assert!(missing.is_empty() && strange.is_empty(), "missing {missing:?}, not expected {strange:?}");
        let mut seen = BTreeSet::new();
        let repeated: BTreeSet<String> = accepted.iter().filter(|id| !seen.insert(*id)).cloned().collect();
        let untold: Vec<_> = repeated.difference(&self.may_repeat()).cloned().collect();
        assert!(untold.is_empty(), "told twice, and the book does not know: {untold:?}");
    }
}
