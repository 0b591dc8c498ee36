//! What a mapper would say of a connection's last contacts: by what is stored of them, and for the rest as if they came to be now.

use std::collections::HashSet;

use super::prepare::Candidate;
use super::preview::preview_of;
use super::{CrmError, Flow, Preview, SwapError};
use crate::contract::Change;
use crate::store::StoreError;

/// Stored changes that are looked through for each contact.
const CHANGES: usize = 20;

/// Why there is no such preview.
#[derive(Debug, thiserror::Error)]
pub enum ForeseeError {
    /// The candidate is refused.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// Neither the store nor the CRM has a contact to look at.
    #[error(transparent)]
    Crm(#[from] CrmError),
}

impl From<StoreError> for ForeseeError {
    fn from(error: StoreError) -> Self {
        Self::Swap(error.into())
    }
}

impl Flow {
    /// What a candidate would say of the last contacts of a connection, one row a contact, the newest first. Who has changes that are stored is seen
    /// in these; where fewer than `last` have, the CRM is asked for more. Nothing is sent, nothing is stored.
    ///
    /// # Errors
    /// As [`ForeseeError`] has it. What the CRM says counts only where nothing is stored.
    pub async fn foresee(&self, candidate: Candidate, connection: &str, last: usize) -> Result<Preview, ForeseeError> {
        let stored = self.store.recent_changes_of(connection, last * CHANGES).await?;
        let read = stored.iter().filter_map(|stored| serde_json::from_slice::<Change>(&stored.bytes).ok());
        let mut changes: Vec<Change> = Vec::new();
        let mut contacts: HashSet<String> = HashSet::new();
        for change in read {
            if contacts.len() < last || contacts.contains(&change.contact.id) {
                contacts.insert(change.contact.id.clone());
                changes.push(change);
            }
        }
        if contacts.len() < last {
            match self.last_contacts(connection, last).await {
                Ok(more) => {
                    for change in more {
                        let known = contacts.contains(&change.contact.id);
                        let of_these = changes
                            .iter()
                            .any(|one| one.contact.id == change.contact.id && !one.id.starts_with(SUPPOSED));
                        if (contacts.len() < last || known) && !of_these {
                            contacts.insert(change.contact.id.clone());
                            changes.push(change);
                        }
                    }
                }
                Err(error) if changes.is_empty() => return Err(error.into()),
                Err(error) => tracing::info!(%error, connection, "a preview shows only contacts that are stored"),
            }
        }
        let plan = self.plan();
        let known = plan.connections.get(connection);
        let overlays = known.map(|known| plan.overlays(&known.mapper)).unwrap_or_default();
        let preview = preview_of(self.engine(), candidate, &overlays, &changes).await.map_err(SwapError::from)?;
        Ok(preview.of_supposed())
    }
}

/// How the id of a change begins that might have been: see [`super::supposed`].
const SUPPOSED: &str = "supposed.";
