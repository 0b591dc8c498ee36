//! Why nothing is said.

use crate::types::{Skip, SkipCode};

impl Skip {
    /// No rule asks for anything; `reason` says what the change was instead.
    pub fn no_rule(reason: impl Into<String>) -> Self {
        Self { code: SkipCode::NoRule, rule: None, reason: reason.into() }
    }

    /// A rule applies, but its condition says no.
    pub fn filtered(rule: &str, reason: impl Into<String>) -> Self {
        Self { code: SkipCode::Filtered, rule: Some(rule.to_owned()), reason: reason.into() }
    }

    /// The contact asked not to be told of.
    pub fn no_consent(rule: &str, reason: impl Into<String>) -> Self {
        Self { code: SkipCode::NoConsent, rule: Some(rule.to_owned()), reason: reason.into() }
    }

    /// Nobody could find the person.
    pub fn no_identity(rule: &str, reason: impl Into<String>) -> Self {
        Self { code: SkipCode::NoIdentity, rule: Some(rule.to_owned()), reason: reason.into() }
    }

    /// The change lacks what the rule needs.
    pub fn invalid(rule: &str, reason: impl Into<String>) -> Self {
        Self { code: SkipCode::Invalid, rule: Some(rule.to_owned()), reason: reason.into() }
    }
}
