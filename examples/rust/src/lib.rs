//! Tells the ad platform of every contact that becomes a VIP.

use convey_sdk::prelude::*;

struct Vip;

convey_sdk::export!(Vip);

impl Mapper for Vip {
    fn configure(settings: &str) -> Result<Self, Vec<Problem>> {
        no_settings(settings).map(|()| Vip)
    }

    fn translate(&self, change: &Change) -> Result<Vec<Proposal>, Skip> {
        let contact = &change.contact;
        match &change.trigger {
            Trigger::TagsChanged(tags) if tags.added.iter().any(|tag| tag == "vip") => {}
            _ => return Err(Skip::no_rule("the tag `vip` was not added")),
        }
        if contact.consent.do_not_disturb {
            return Err(Skip::no_consent("vip", "the contact asked not to be disturbed"));
        }
        // `Person::of(change, None)` tells every field that is known, each normalised and hashed.
        let person = Person::nobody().emails(&contact.emails).phones(&contact.phones, None).external_id(&contact.id);
        Ok(vec![Event::new(change, "Vip").told_of(person, "vip")?])
    }
}
