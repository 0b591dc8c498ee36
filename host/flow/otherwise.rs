//! What was told otherwise than a mapper would tell it now: events of the past by what would differ, in counts and without a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare::difference;
use super::shadow::{Answer, Place, add, count_places};
use crate::contract::{ConversionEvent, Effect, Proposal};
use crate::store::ProvableEvent;

/// Events that are stored and would come out otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldOtherwise {
    /// Events that both have, and that differ.
    pub different: u64,
    /// Where they differ, by path.
    pub paths: BTreeMap<String, Place>,
    /// Events that nothing asks for any more.
    pub unasked: u64,
    /// Those, by what they are: `convert Lead`.
    pub removed: BTreeMap<String, u64>,
}

impl ToldOtherwise {
    /// How many there are.
    pub fn count_of_all(&self) -> u64 {
        self.different + self.unasked
    }

    /// Counts a change's stored events that somebody was told, or will be, beside what a mapper says of the change now. Events that do not open, and changes that
    /// it breaks on, say nothing.
    pub(super) fn count(&mut self, stored: &[ProvableEvent], answer: &Answer, rule: Option<&str>) {
        let Ok(answer) = answer else { return };
        let proposals = answer.as_ref().map(Vec::as_slice).unwrap_or_default();
        for stored in stored.iter().filter(|stored| !stored.untold && rule.is_none_or(|rule| rule == stored.rule)) {
            let again = proposals.iter().find_map(|proposal| match &proposal.effect {
                Effect::Convert(event) if event.id == stored.event_id => Some((proposal, event)),
                _ => None,
            });
            let Some((proposal, event)) = again else {
                self.unasked += 1;
                add(&mut self.removed, format!("convert {}", stored.name));
                continue;
            };
            let before =
                stored.bytes.as_deref().and_then(|bytes| serde_json::from_slice::<ConversionEvent>(bytes).ok());
            let Some(before) = before.filter(|before| before != event) else { continue };
            let before = Proposal { effect: Effect::Convert(before), ..proposal.clone() };
            self.different += 1;
            count_places(&mut self.paths, &difference(&Ok(Ok(vec![before])), &Ok(Ok(vec![proposal.clone()]))));
        }
    }
}
