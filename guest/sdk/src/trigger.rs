//! The words `[events]` uses for what a change says.

use crate::types::{Opportunity, Trigger};

/// A fact of a change, as the settings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerKey {
    /// The contact came to be.
    ContactCreated,
    /// Fields of the contact changed.
    ContactUpdated,
    /// The contact is gone.
    ContactDeleted,
    /// Tags were added.
    TagAdded,
    /// Tags were removed.
    TagRemoved,
    /// The contact's consent changed.
    ConsentChanged,
    /// A task was created.
    TaskCreated,
    /// A task was completed.
    TaskCompleted,
    /// A task was deleted.
    TaskDeleted,
    /// A note was created.
    NoteCreated,
    /// A note was updated.
    NoteUpdated,
    /// A note was deleted.
    NoteDeleted,
    /// An appointment was made or changed.
    AppointmentChanged,
    /// An opportunity is open, in a stage it was not in before.
    OpportunityOpen,
    /// An opportunity was won.
    OpportunityWon,
    /// An opportunity was lost.
    OpportunityLost,
    /// An opportunity was abandoned.
    OpportunityAbandoned,
    /// Somebody reported a conversion of the contact.
    ConversionReported,
}

impl TriggerKey {
    /// Every key, in the order the settings explain them.
    pub const ALL: [Self; 18] = [
        Self::ContactCreated,
        Self::ContactUpdated,
        Self::ContactDeleted,
        Self::TagAdded,
        Self::TagRemoved,
        Self::ConsentChanged,
        Self::TaskCreated,
        Self::TaskCompleted,
        Self::TaskDeleted,
        Self::NoteCreated,
        Self::NoteUpdated,
        Self::NoteDeleted,
        Self::AppointmentChanged,
        Self::OpportunityOpen,
        Self::OpportunityWon,
        Self::OpportunityLost,
        Self::OpportunityAbandoned,
        Self::ConversionReported,
    ];

    /// The key as written in `[events]`; also the rule's name in a proposal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContactCreated => "contact-created",
            Self::ContactUpdated => "contact-updated",
            Self::ContactDeleted => "contact-deleted",
            Self::TagAdded => "tag-added",
            Self::TagRemoved => "tag-removed",
            Self::ConsentChanged => "consent-changed",
            Self::TaskCreated => "task-created",
            Self::TaskCompleted => "task-completed",
            Self::TaskDeleted => "task-deleted",
            Self::NoteCreated => "note-created",
            Self::NoteUpdated => "note-updated",
            Self::NoteDeleted => "note-deleted",
            Self::AppointmentChanged => "appointment-changed",
            Self::OpportunityOpen => "opportunity-open",
            Self::OpportunityWon => "opportunity-won",
            Self::OpportunityLost => "opportunity-lost",
            Self::OpportunityAbandoned => "opportunity-abandoned",
            Self::ConversionReported => "conversion-reported",
        }
    }

    /// The key of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == name)
    }

    /// Tells the facts of one change apart in their events' ids. It is the fact's own and never a place among the rules,
    /// so an id stays when rules come and go.
    pub fn ordinal(self) -> u8 {
        match self {
            Self::TagRemoved => 1,
            _ => 0,
        }
    }
}

/// The facts a trigger holds: two when tags were both added and removed, none when an opportunity's status is a word
/// nobody knows or no tag changed.
pub fn facts(trigger: &Trigger) -> Vec<TriggerKey> {
    let key = match trigger {
        Trigger::ContactCreated => TriggerKey::ContactCreated,
        Trigger::ContactUpdated(_) => TriggerKey::ContactUpdated,
        Trigger::ContactDeleted => TriggerKey::ContactDeleted,
        Trigger::TagsChanged(delta) => {
            let added = (!delta.added.is_empty()).then_some(TriggerKey::TagAdded);
            let removed = (!delta.removed.is_empty()).then_some(TriggerKey::TagRemoved);
            return added.into_iter().chain(removed).collect();
        }
        Trigger::ConsentChanged => TriggerKey::ConsentChanged,
        Trigger::TaskCreated(_) => TriggerKey::TaskCreated,
        Trigger::TaskCompleted(_) => TriggerKey::TaskCompleted,
        Trigger::TaskDeleted(_) => TriggerKey::TaskDeleted,
        Trigger::NoteCreated(_) => TriggerKey::NoteCreated,
        Trigger::NoteUpdated(_) => TriggerKey::NoteUpdated,
        Trigger::NoteDeleted(_) => TriggerKey::NoteDeleted,
        Trigger::AppointmentChanged(_) => TriggerKey::AppointmentChanged,
        Trigger::OpportunityChanged(opportunity) => return opportunity_fact(opportunity).into_iter().collect(),
        Trigger::ConversionReported(_) => TriggerKey::ConversionReported,
    };
    vec![key]
}

/// An opportunity without a status is open: nobody has closed it.
fn opportunity_fact(opportunity: &Opportunity) -> Option<TriggerKey> {
    let status = opportunity.status.as_deref().map_or("open", str::trim);
    [
        ("open", TriggerKey::OpportunityOpen),
        ("won", TriggerKey::OpportunityWon),
        ("lost", TriggerKey::OpportunityLost),
        ("abandoned", TriggerKey::OpportunityAbandoned),
    ]
    .into_iter()
    .find_map(|(word, key)| status.eq_ignore_ascii_case(word).then_some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TagDelta;

    #[test]
    fn every_key_is_found_by_its_own_name() {
        for key in TriggerKey::ALL {
            assert_eq!(TriggerKey::named(key.as_str()), Some(key));
        }
        assert_eq!(TriggerKey::named("contact_created"), None);
    }

    #[test]
    fn tags_may_hold_two_facts_with_ids_of_their_own() {
        let delta = TagDelta { added: vec!["a".into()], removed: vec!["b".into()] };
        assert_eq!(facts(&Trigger::TagsChanged(delta)), [TriggerKey::TagAdded, TriggerKey::TagRemoved]);
        assert_ne!(TriggerKey::TagAdded.ordinal(), TriggerKey::TagRemoved.ordinal());
        assert_eq!(facts(&Trigger::TagsChanged(TagDelta { added: vec![], removed: vec![] })), []);
    }

    #[test]
    fn an_opportunitys_status_decides_its_fact() {
        let with = |status: Option<&str>| {
            facts(&Trigger::OpportunityChanged(Opportunity {
                id: "o".into(),
                name: None,
                stage: None,
                earlier: vec![],
                status: status.map(str::to_owned),
                value: None,
            }))
        };
        assert_eq!(with(Some("Won")), [TriggerKey::OpportunityWon]);
        assert_eq!(with(None), [TriggerKey::OpportunityOpen]);
        assert_eq!(with(Some("archived")), []);
    }
}
