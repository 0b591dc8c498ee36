//! Audience changes. They need a permission and limits of their own; until this component asks for those it says so, once a member.

use crate::bindings::exports::convey::pipeline::conversions_sink::{Outcome, Shipment};

/// The answer to `members` audience members.
pub fn refuse(members: usize) -> Shipment {
    let outcome = Outcome::Rejected(format!("meta {} does not change audiences", env!("CARGO_PKG_VERSION")));
    Shipment { outcomes: vec![outcome; members], invalid_members: 0, usage: None }
}

#[cfg(test)]
mod tests {
    use super::refuse;

    #[test]
    fn every_member_is_answered() {
        let shipment = refuse(3);
        assert_eq!(shipment.outcomes.len(), 3);
        assert!(
            shipment
                .outcomes
                .iter()
                .all(|outcome| format!("{outcome:?}").contains("meta 0.1.0 does not change audiences"))
        );
    }
}
