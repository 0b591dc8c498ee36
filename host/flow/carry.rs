//! What this host carries of what a mapper asks for: events and places in audiences. The rest is named where a mapper is tried, refused where one goes live, and parked where
//! one asks for it later.

use crate::contract::{Effect, Proposal};

/// A rule that asks for what this host does not carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}` asks for {what}, which this version does not carry")]
pub struct Uncarried {
    /// The rule.
    pub rule: String,
    /// What it asks for: CRM commands.
    pub what: &'static str,
}

impl Uncarried {
    /// What a proposal asks for in vain, if it does.
    pub fn of(proposal: &Proposal) -> Option<Self> {
        let what = match proposal.effect {
            Effect::Convert(_) | Effect::Audience(_) => return None,
            Effect::Command(_) => "CRM commands",
        };
        Some(Self { rule: proposal.rule.clone(), what })
    }

    /// The same of many, each rule and wish once.
    pub fn among<'a>(proposals: impl IntoIterator<Item = &'a Proposal>) -> Vec<Self> {
        let mut found = Vec::new();
        for uncarried in proposals.into_iter().filter_map(Self::of) {
            if !found.contains(&uncarried) {
                found.push(uncarried);
            }
        }
        found
    }
}
