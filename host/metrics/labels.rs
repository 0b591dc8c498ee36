//! The sets of labels. Spelled as Vector spells its own, so that a dashboard for both reads alike.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// What part a component plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads a CRM.
    Source,
    /// A mapper.
    Transform,
    /// Speaks to an ad platform; counted by destination.
    Sink,
}

impl EncodeLabelValue for Kind {
    fn encode(&self, out: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Kind::Source => "source",
            Kind::Transform => "transform",
            Kind::Sink => "sink",
        }
        .encode(out)
    }
}

/// Where something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// At the door, or while the CRM was asked.
    Receiving,
    /// In a guest, or between two.
    Processing,
    /// On the way to a platform.
    Sending,
}

impl EncodeLabelValue for Stage {
    fn encode(&self, out: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Stage::Receiving => "receiving",
            Stage::Processing => "processing",
            Stage::Sending => "sending",
        }
        .encode(out)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Component {
    component_id: String,
    component_kind: Kind,
}

impl Component {
    pub(super) fn new(component_kind: Kind, name: &str) -> Self {
        Self { component_id: name.to_owned(), component_kind }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Discarded {
    component_id: String,
    component_kind: Kind,
    intentional: bool,
    reason: String,
}

impl Discarded {
    pub(super) fn new(component_kind: Kind, name: &str, intentional: bool, reason: &str) -> Self {
        Self { component_id: name.to_owned(), component_kind, intentional, reason: reason.to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Failed {
    component_id: String,
    component_kind: Kind,
    error_type: &'static str,
    stage: Stage,
}

impl Failed {
    pub(super) fn new(component_kind: Kind, name: &str, stage: Stage, error_type: &'static str) -> Self {
        Self { component_id: name.to_owned(), component_kind, error_type, stage }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Step {
    pub(super) step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Of {
    pub(super) component_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Destination {
    destination: String,
}

impl Destination {
    pub(super) fn new(name: &str) -> Self {
        Self { destination: name.to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) component_id: String,
    pub(super) operation: String,
    pub(super) status: &'static str,
}

/// The class of a status.
pub(super) fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn a_status_has_a_class_and_its_absence_has_one_too() {
        assert_eq!([None, Some(204), Some(429), Some(503)].map(class), ["none", "2xx", "4xx", "5xx"]);
    }
}
