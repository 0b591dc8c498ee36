//! Changes of a CRM as they happen to people: somebody appears, is tagged, called, quoted, won.

use fastrand::Rng;
use serde_json::{Value, json};

use super::crm::state::{Crm, Deal, Task};
use super::ids::{alphanumeric, happens, one};
use super::people;
use super::play::Kind;
use super::time::iso;
use super::webhook::{self, Moment, Webhook};
use super::world::App;
use crate::clock::Millis;

/// How often each kind of change happens, in about a hundred.
const WEIGHTS: [(Kind, u32); 11] = [
    (Kind::ContactCreated, 48),
    (Kind::TagsChanged, 12),
    (Kind::ContactUpdated, 8),
    (Kind::OpportunityCreated, 9),
    (Kind::StageMoved, 7),
    (Kind::Won, 4),
    (Kind::TaskCreated, 4),
    (Kind::TaskCompleted, 2),
    (Kind::NoteCreated, 2),
    (Kind::AppointmentBooked, 3),
    (Kind::ConsentChanged, 1),
];

/// How many of the newest people most changes happen to.
const RECENT: usize = 200;

/// Draws one of these kinds by its weight; all of them when none is named.
pub fn draw(rng: &mut Rng, kinds: &[Kind]) -> Kind {
    let open = |kind: &Kind| kinds.is_empty() || kinds.contains(kind);
    let total: u32 = WEIGHTS.iter().filter(|(kind, _)| open(kind)).map(|(_, weight)| weight).sum();
    let mut left = rng.u32(..total.max(1));
    for (kind, weight) in WEIGHTS.iter().filter(|(kind, _)| open(kind)) {
        if left < *weight {
            return *kind;
        }
        left -= weight;
    }
    Kind::ContactCreated
}

/// Lets one change happen: to the CRM's own state first, so that `GET` agrees; the webhooks that tell of it come back.
pub fn happen(crm: &mut Crm, at: usize, kind: Kind, app: &App, rng: &mut Rng, now: Millis) -> Vec<Webhook> {
    let mut told = match kind {
        Kind::ContactCreated => {
            let id = born(crm, at, rng, now);
            vec![(id, "ContactCreate", Object::Contact)]
        }
        Kind::TagsChanged => {
            let id = someone(crm, at, rng, now);
            retag(crm, &id, rng, now);
            vec![(id, "ContactTagUpdate", Object::Contact)]
        }
        Kind::ContactUpdated => {
            let id = someone(crm, at, rng, now);
            edit(crm, &id, rng, now);
            vec![(id, "ContactUpdate", Object::Contact)]
        }
        Kind::ConsentChanged => {
            let id = someone(crm, at, rng, now);
            object(crm, &id, now);
            vec![(id, "ContactDndUpdate", Object::Contact)]
        }
        Kind::OpportunityCreated => twins("OpportunityCreate", open_deal(crm, at, rng, now)),
        Kind::StageMoved => {
            let which = some_deal(crm, at, rng, now);
            let last = crm.locations[at].stages.len() - 1;
            let deal = &mut crm.locations[at].deals[which];
            // From the last stage a deal goes back to be worked on: the stage differs in every case.
            deal.stage = if deal.stage == last { last - 1 } else { rng.usize(deal.stage + 1..=last) };
            twins("OpportunityStageUpdate", deal.clone())
        }
        Kind::Won => {
            let which = some_deal(crm, at, rng, now);
            let mut deal = crm.locations[at].deals.swap_remove(which);
            deal.status = "won";
            deal.value = deal.value.max(rng.u32(10..400) * 25);
            twins("OpportunityStatusUpdate", deal)
        }
        Kind::TaskCreated => {
            let task = open_task(crm, at, rng, now);
            vec![(task.contact.clone(), "TaskCreate", Object::Task(task))]
        }
        Kind::TaskCompleted => {
            if crm.locations[at].tasks.is_empty() {
                open_task(crm, at, rng, now);
            }
            let which = rng.usize(..crm.locations[at].tasks.len());
            let task = crm.locations[at].tasks.swap_remove(which);
            vec![(task.contact.clone(), "TaskComplete", Object::Task(task))]
        }
        Kind::NoteCreated => vec![(someone(crm, at, rng, now), "NoteCreate", Object::Note)],
        Kind::AppointmentBooked => vec![(someone(crm, at, rng, now), "AppointmentCreate", Object::Appointment)],
    };
    // Twins are stamped apart, as the vendor stamps them.
    let apart = if told.len() > 1 { rng.u64(1..40) } else { 0 };
    let stamps = [now.saturating_sub(apart), now];
    told.drain(..)
        .zip(if apart > 0 { stamps } else { [now; 2] })
        .map(|((contact, name, what), stamp)| tell(crm, at, app, rng, stamp, &contact, name, &what))
        .collect()
}

/// What a webhook is about.
enum Object {
    Contact,
    Deal(Deal),
    Task(Task),
    Note,
    Appointment,
}

/// A change of a deal is told twice: as what it is and as an update.
fn twins(name: &'static str, deal: Deal) -> Vec<(String, &'static str, Object)> {
    let id = &deal.contact;
    let first = (id.clone(), name, Object::Deal(deal.clone()));
    vec![first, (id.clone(), "OpportunityUpdate", Object::Deal(deal))]
}

#[expect(clippy::too_many_arguments, reason = "the one place where a change meets its envelope")]
fn tell(
    crm: &Crm,
    at: usize,
    app: &App,
    rng: &mut Rng,
    stamp: Millis,
    contact: &str,
    name: &'static str,
    what: &Object,
) -> Webhook {
    let location = &crm.locations[at];
    let fields = match what {
        Object::Contact => crm.person(contact).map(|person| webhook::contact(name, person)).unwrap_or_default(),
        Object::Deal(deal) => webhook::opportunity(deal, location),
        Object::Task(task) => webhook::task(task),
        Object::Note => {
            let text = *one(
                rng,
                &["Called, no answer.", "Wants a quote by Friday.", "Prefers e-mail – schreibt auf Deutsch."],
            );
            webhook::note(rng, contact, text, stamp)
        }
        Object::Appointment => {
            let starts = stamp - stamp % 1_800_000 + rng.u64(2..300) * 1_800_000;
            webhook::appointment(rng, contact, location, starts, stamp)
        }
    };
    Moment { app, at: stamp, location, contact }.webhook(rng, name, fields)
}

fn born(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> String {
    let id = crm.welcome(at, rng, now);
    crm.locations[at].born.push(id.clone());
    id
}

/// Most changes happen to people who came lately, some to those who were there before.
fn someone(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> String {
    let location = &crm.locations[at];
    let recent = &location.born[location.born.len().saturating_sub(RECENT)..];
    let pool = if !recent.is_empty() && (location.seeded.is_empty() || happens(rng, 0.85)) {
        recent
    } else {
        &location.seeded
    };
    if pool.is_empty() { born(crm, at, rng, now) } else { one(rng, pool).clone() }
}

fn put(crm: &mut Crm, id: &str, now: Millis, key: &str, value: Value) {
    if let Some(person) = crm.person_mut(id) {
        person.fields.insert(key.to_owned(), value);
        person.fields.insert("dateUpdated".to_owned(), iso(now).into());
    }
}

fn retag(crm: &mut Crm, id: &str, rng: &mut Rng, now: Millis) {
    let known = crm.person(id).and_then(|person| person.fields.get("tags")).and_then(Value::as_array);
    let mut tags = known.cloned().unwrap_or_default();
    if !tags.is_empty() && happens(rng, 0.2) {
        tags.swap_remove(rng.usize(..tags.len()));
    } else {
        // With every tag taken the loop ends on a new one.
        let tag = (0..50).map(|_| people::tag(rng)).find(|tag| !tags.iter().any(|known| known == tag));
        tags.push(tag.map_or_else(|| format!("tag {}", rng.u32(..)), str::to_owned).into());
    }
    put(crm, id, now, "tags", tags.into());
}

fn edit(crm: &mut Crm, id: &str, rng: &mut Rng, now: Millis) {
    let Some(location) = crm.person(id).map(|person| person.location) else { return };
    let country = crm.locations[location].country;
    match rng.u32(..5) {
        0 => put(crm, id, now, "phone", people::phone(rng, country).into()),
        1 => {
            let (first, last) = (*one(rng, country.first), *one(rng, country.last));
            let mail = people::email(rng, first, last);
            put(crm, id, now, "emailLowerCase", mail.trim().to_lowercase().into());
            put(crm, id, now, "email", mail.into());
        }
        2 => {
            let (city, state, postal_code) = *one(rng, country.places);
            for (key, value) in
                [("city", city), ("state", state), ("postalCode", postal_code), ("country", country.code)]
            {
                put(crm, id, now, key, value.into());
            }
        }
        3 => {
            let field = one(rng, &crm.locations[location].fields);
            let (name, value) = (field.id.clone(), people::answer(rng, field));
            let known = crm.person(id).and_then(|person| person.fields.get("customFields")).and_then(Value::as_array);
            let mut fields = known.cloned().unwrap_or_default();
            fields.retain(|field| field["id"] != name.as_str());
            fields.push(json!({ "id": name, "value": value }));
            put(crm, id, now, "customFields", fields.into());
        }
        _ => {
            put(crm, id, now, "lastAttributionSource", people::touch(rng, now));
            put(crm, id, now, "website", format!("https://{}.example.com", rng.u32(..)).into());
        }
    }
}

/// Somebody objects to e-mail, or takes that back.
fn object(crm: &mut Crm, id: &str, now: Millis) {
    let blocked = crm.person(id).is_some_and(|person| person.fields.get("dnd") == Some(&true.into()));
    let status = if blocked { "inactive" } else { "active" };
    let message = format!("Updated by 'Contact' at {}", iso(now));
    put(crm, id, now, "dnd", (!blocked).into());
    put(crm, id, now, "dndSettings", json!({ "Email": { "status": status, "message": message, "code": "101" } }));
}

fn open_deal(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> Deal {
    let contact = someone(crm, at, rng, now);
    let named = crm.person(&contact).and_then(|person| person.fields.get("name")).and_then(Value::as_str);
    let name = named.unwrap_or("Website lead").to_owned();
    let location = &mut crm.locations[at];
    let deal = Deal {
        id: alphanumeric(rng, 20),
        contact,
        name,
        value: if happens(rng, 0.5) { rng.u32(4..200) * 50 } else { 0 },
        stage: 0,
        status: "open",
        assignee: one(rng, &location.users).clone(),
        added: now,
    };
    location.deals.push(deal.clone());
    deal
}

/// An open deal's position; where there is none, one is opened that no webhook tells of.
fn some_deal(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> usize {
    if crm.locations[at].deals.is_empty() {
        open_deal(crm, at, rng, now);
    }
    rng.usize(..crm.locations[at].deals.len())
}

fn open_task(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> Task {
    let contact = someone(crm, at, rng, now);
    let location = &mut crm.locations[at];
    let task = Task {
        id: alphanumeric(rng, 20),
        contact,
        title: one::<&str>(rng, &["Call back", "Send the quote", "Ask for documents", "Follow up"]),
        assignee: one(rng, &location.users).clone(),
        added: now,
        due: now + rng.u64(1..15) * 86_400_000,
    };
    location.tasks.push(task.clone());
    task
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Options, ids};
    use super::{Kind, WEIGHTS, draw, happen};
    use crate::sandbox::crm::state::Crm;
    use crate::sandbox::world::App;

    const NOW: u64 = 1_795_305_600_000;

    fn crm() -> Crm {
        Crm::seeded(&Options { locations: 1, datasets: 1, contacts: 5, seed: 9, listen: None }, NOW)
    }

    fn told(crm: &mut Crm, kind: Kind, rng: &mut fastrand::Rng) -> Vec<Value> {
        let app = App { id: "a".to_owned(), version: "v".to_owned() };
        let webhooks = happen(crm, 0, kind, &app, rng, NOW);
        webhooks.iter().map(|webhook| serde_json::from_slice(&webhook.body).expect("JSON")).collect()
    }

    #[test]
    fn every_kind_is_told_by_its_own_webhooks() {
        let (mut crm, mut rng) = (crm(), ids::seeded(1, 1));
        for (kind, names) in [
            (Kind::ContactCreated, &["ContactCreate"][..]),
            (Kind::TagsChanged, &["ContactTagUpdate"]),
            (Kind::ContactUpdated, &["ContactUpdate"]),
            (Kind::ConsentChanged, &["ContactDndUpdate"]),
            (Kind::OpportunityCreated, &["OpportunityCreate", "OpportunityUpdate"]),
            (Kind::StageMoved, &["OpportunityStageUpdate", "OpportunityUpdate"]),
            (Kind::Won, &["OpportunityStatusUpdate", "OpportunityUpdate"]),
            (Kind::TaskCreated, &["TaskCreate"]),
            (Kind::TaskCompleted, &["TaskComplete"]),
            (Kind::NoteCreated, &["NoteCreate"]),
            (Kind::AppointmentBooked, &["AppointmentCreate"]),
        ] {
            let told = told(&mut crm, kind, &mut rng);
            let types: Vec<&str> = told.iter().filter_map(|body| body["type"].as_str()).collect();
            assert_eq!(types, names);
            for body in &told {
                assert!(body["webhookId"].is_string() && body["timestamp"].is_string() && body["appId"] == "a");
                assert!(body.get("attributionSource").is_none() && body.get("dateUpdated").is_none());
            }
        }
    }

    #[test]
    fn a_webhook_agrees_with_what_the_crm_shows() {
        let (mut crm, mut rng) = (crm(), ids::seeded(2, 1));
        for _ in 0..300 {
            let body = told(&mut crm, Kind::TagsChanged, &mut rng).remove(0);
            let person = crm.person(body["id"].as_str().expect("an id")).expect("a person");
            assert_eq!(body["tags"], person.fields["tags"]);
        }
    }

    #[test]
    fn a_moved_deal_is_on_another_stage() {
        let (mut crm, mut rng) = (crm(), ids::seeded(3, 1));
        let mut before = told(&mut crm, Kind::OpportunityCreated, &mut rng)[0]["pipelineStageId"].clone();
        for _ in 0..50 {
            let after = told(&mut crm, Kind::StageMoved, &mut rng)[0]["pipelineStageId"].clone();
            assert_ne!(before, after);
            before = after;
        }
    }

    #[test]
    fn new_contacts_are_nearly_half_of_the_changes() {
        let mut rng = ids::seeded(4, 1);
        let created = (0..4_000).filter(|_| draw(&mut rng, &[]) == Kind::ContactCreated).count();
        assert!((1_800..2_100).contains(&created), "{created}");
        assert_eq!(draw(&mut rng, &[Kind::Won]), Kind::Won);
        assert_eq!(WEIGHTS.iter().map(|(_, weight)| weight).sum::<u32>(), 100);
    }
}
