//! The harmless translation: one event a change, about nobody but a number.

use crate::bindings::convey::pipeline::types::{
    ActionSource, AudienceChange, Change, ConversionEvent, CrmCommand, CustomValue, Effect, Hashed, Membership,
    Proposal, UserData,
};

/// The event's name.
pub const NAME: &str = "Well";
/// The rule every proposal names.
pub const RULE: &str = "well";

/// One event named [`NAME`], its id and its only identity made from the change's id.
pub fn translate(change: &Change) -> Proposal {
    with(change, Vec::new(), None)
}

/// The same event with more to say.
pub fn with(change: &Change, custom_data: Vec<(String, CustomValue)>, value: Option<f64>) -> Proposal {
    let hash = hash(&change.id);
    let event = ConversionEvent {
        id: format!("{:08x}{:08x}{:08x}{:08x}", hash.a, hash.b, hash.c, hash.d),
        name: NAME.into(),
        occurred_at: change.occurred_at,
        action_source: ActionSource::SystemGenerated,
        source_url: None,
        user_data: known_by(hash),
        value,
        currency: None,
        custom_data,
        limited_data_use: false,
    };
    Proposal { rule: RULE.into(), effect: Effect::Convert(event), omitted: Vec::new() }
}

/// An audience change and a CRM command.
pub fn asks() -> Vec<Proposal> {
    let joined =
        AudienceChange { audience: "vips".into(), membership: Membership::Join, user_data: known_by(hash("vip")) };
    let effects = [Effect::Audience(joined), Effect::Command(CrmCommand::AddTags(vec!["told".into()]))];
    effects.map(|effect| Proposal { rule: RULE.into(), effect, omitted: Vec::new() }).into()
}

fn known_by(hash: Hashed) -> UserData {
    UserData {
        emails: Vec::new(),
        phones: Vec::new(),
        first_names: Vec::new(),
        last_names: Vec::new(),
        genders: Vec::new(),
        dates_of_birth: Vec::new(),
        cities: Vec::new(),
        states: Vec::new(),
        postal_codes: Vec::new(),
        countries: Vec::new(),
        external_ids: vec![hash],
        client_ip: None,
        user_agent: None,
        fbc: None,
        fbp: None,
        lead_id: None,
    }
}

/// Eight FNV-1a hashes with different starts: spread well enough for ids in tests, and no secret.
fn hash(text: &str) -> Hashed {
    let word = |salt: u32| {
        text.bytes().fold(0x811c_9dc5 ^ salt.wrapping_mul(0x9e37_79b9), |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    };
    Hashed { a: word(0), b: word(1), c: word(2), d: word(3), e: word(4), f: word(5), g: word(6), h: word(7) }
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn different_ids_have_different_hashes() {
        let one = hash("change-1");
        let other = hash("change-2");
        assert_ne!((one.a, one.b, one.c, one.d), (other.a, other.b, other.c, other.d));
        assert_eq!(hash("change-1").h, one.h);
        assert_ne!(one.a, one.b);
    }
}
