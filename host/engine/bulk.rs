//! How much a mapper may say of one change: what is kept, sealed and sent for every change has a bound.

use crate::contract::{ConversionEvent, CustomValue, Effect, Proposal, UserData};

/// The most bytes of text in the effects of one change. A long address and a rich custom data take a few thousand.
const MOST_BYTES: usize = 64 * 1024;

/// What is wrong with `proposals` if they hold more text than one change is worth.
pub(super) fn too_much(proposals: &[Proposal]) -> Option<String> {
    let bytes: usize = proposals.iter().map(said).sum();
    (bytes > MOST_BYTES)
        .then(|| format!("the effects of one change hold {bytes} bytes of text: at most {MOST_BYTES} are carried"))
}

fn said(proposal: &Proposal) -> usize {
    let effect = match &proposal.effect {
        Effect::Convert(event) => of_event(event),
        Effect::Audience(change) => change.audience.len() + of_user(&change.user_data),
        // Refused as a whole before anything of it is kept.
        Effect::Command(_) => 0,
    };
    let omitted: usize = proposal.omitted.iter().map(|omission| omission.field.len() + omission.reason.len()).sum();
    proposal.rule.len() + effect + omitted
}

fn of_event(event: &ConversionEvent) -> usize {
    let custom = |(key, value): &(String, CustomValue)| {
        key.len()
            + match value {
                CustomValue::Text(text) | CustomValue::Json(text) => text.len(),
                CustomValue::Number(_) | CustomValue::Flag(_) => 0,
            }
    };
    let custom: usize = event.custom_data.iter().map(custom).sum();
    event.id.len() + event.name.len() + of(&event.source_url) + of(&event.currency) + custom + of_user(&event.user_data)
}

fn of_user(user: &UserData) -> usize {
    let hashes = [
        &user.emails,
        &user.phones,
        &user.first_names,
        &user.last_names,
        &user.genders,
        &user.dates_of_birth,
        &user.cities,
        &user.states,
        &user.postal_codes,
        &user.countries,
        &user.external_ids,
    ];
    // As they are written: 64 hex digits.
    let hashes: usize = hashes.iter().map(|hashes| hashes.len() * 64).sum();
    hashes + [&user.client_ip, &user.user_agent, &user.fbc, &user.fbp, &user.lead_id].into_iter().map(of).sum::<usize>()
}

fn of(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}
