//! Changes of a CRM as they happen to people: somebody appears, is tagged, called, quoted, won.

use fastrand::Rng;
use serde_json::{Value, json};

use super::crm::state::{self, Appointment, Crm, Deal, Note, Person, Task};
use super::ids::{alphanumeric, happens, one};
use super::people;
use super::play::Kind;
use super::time::iso;
use super::webhook::{self, Moment, Webhook};
use super::world::{App, World, lock};
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

/// Who is told, and how much.
struct Teller<'a> {
    app: &'a App,
    sparse_tasks: bool,
}

/// Lets one change happen: to the CRM's own state first, so that `GET` agrees; the webhooks that tell of it come back.
pub fn happen(world: &World, at: usize, kind: Kind, rng: &mut Rng, now: Millis) -> Vec<Webhook> {
    let teller = Teller { app: &world.app, sparse_tasks: world.quirks().task_without_contact };
    unfold(&mut lock(&world.crm), at, kind, &teller, rng, now)
}

fn unfold(crm: &mut Crm, at: usize, kind: Kind, teller: &Teller<'_>, rng: &mut Rng, now: Millis) -> Vec<Webhook> {
    let mut told = match kind {
        Kind::ContactCreated => {
            let id = crm.welcome(at, rng, now);
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
            let last = crm.locations[at].stages.len() - 1;
            let moved = |deal: &mut Deal, rng: &mut Rng| {
                // From the last stage a deal goes back to be worked on: the stage differs in every case.
                deal.stage = if deal.stage == last { last - 1 } else { rng.usize(deal.stage + 1..=last) };
            };
            twins("OpportunityStageUpdate", change_deal(crm, at, rng, now, moved))
        }
        Kind::Won => {
            let won = |deal: &mut Deal, rng: &mut Rng| {
                deal.status = "won";
                deal.value = deal.value.max(rng.u32(10..400) * 25);
            };
            twins("OpportunityStatusUpdate", change_deal(crm, at, rng, now, won))
        }
        Kind::TaskCreated => {
            let task = open_task(crm, at, rng, now);
            vec![(task.contact.clone(), "TaskCreate", Object::Task(task))]
        }
        Kind::TaskCompleted => {
            let task = complete_task(crm, at, rng, now);
            vec![(task.contact.clone(), "TaskComplete", Object::Task(task))]
        }
        Kind::NoteCreated => {
            let id = someone(crm, at, rng, now);
            let note = state::note(rng, &crm.locations[at], &id, now);
            give(crm, &id, |person| person.notes.push(note.clone()));
            vec![(id, "NoteCreate", Object::Note(note))]
        }
        Kind::AppointmentBooked => {
            let id = someone(crm, at, rng, now);
            let made = state::appointment(rng, &crm.locations[at], &id, now);
            give(crm, &id, |person| person.appointments.push(made.clone()));
            vec![(id, "AppointmentCreate", Object::Appointment(made))]
        }
    };
    // Twins are stamped apart, as the vendor stamps them.
    let apart = if told.len() > 1 { rng.u64(1..40) } else { 0 };
    let stamps = [now.saturating_sub(apart), now];
    told.drain(..)
        .zip(if apart > 0 { stamps } else { [now; 2] })
        .map(|((contact, name, what), stamp)| {
            let location = &crm.locations[at];
            let fields = match &what {
                Object::Contact => {
                    crm.person(&contact).map(|person| webhook::contact(name, person)).unwrap_or_default()
                }
                Object::Deal(deal) => webhook::opportunity(deal, location),
                Object::Task(task) => webhook::task(name, task, teller.sparse_tasks),
                Object::Note(note) => webhook::note(note),
                Object::Appointment(made) => webhook::appointment(made, location),
            };
            Moment { app: teller.app, at: stamp, location, contact: &contact }.webhook(rng, name, fields)
        })
        .collect()
}

/// What a webhook is about.
enum Object {
    Contact,
    Deal(Deal),
    Task(Task),
    Note(Note),
    Appointment(Appointment),
}

/// A change of a deal is told twice: as what it is and as an update.
fn twins(name: &'static str, deal: Deal) -> Vec<(String, &'static str, Object)> {
    let id = &deal.contact;
    let first = (id.clone(), name, Object::Deal(deal.clone()));
    vec![first, (id.clone(), "OpportunityUpdate", Object::Deal(deal))]
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
    if pool.is_empty() { crm.welcome(at, rng, now) } else { one(rng, pool).clone() }
}

fn give(crm: &mut Crm, id: &str, what: impl FnOnce(&mut Person)) {
    if let Some(person) = crm.person_mut(id) {
        what(person);
    }
}

fn put(crm: &mut Crm, id: &str, now: Millis, key: &str, value: Value) {
    crm.put(id, now, key, Some(value));
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
    let name = crm.person(&contact).and_then(|person| person.text("name")).unwrap_or("Website lead").to_owned();
    let location = &mut crm.locations[at];
    let deal = Deal {
        id: alphanumeric(rng, 20),
        contact: contact.clone(),
        name,
        value: if happens(rng, 0.5) { rng.u32(4..200) * 50 } else { 0 },
        stage: 0,
        status: "open",
        assignee: one(rng, &location.users).clone(),
        added: now,
        updated: now,
    };
    location.open_deals.push((contact.clone(), deal.id.clone()));
    give(crm, &contact, |person| person.deals.push(deal.clone()));
    deal
}

/// Changes an open deal; where there is none, one is opened that no webhook tells of.
fn change_deal(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis, change: impl FnOnce(&mut Deal, &mut Rng)) -> Deal {
    loop {
        if crm.locations[at].open_deals.is_empty() {
            open_deal(crm, at, rng, now);
        }
        let which = rng.usize(..crm.locations[at].open_deals.len());
        let (contact, id) = crm.locations[at].open_deals[which].clone();
        let known = crm.person_mut(&contact).and_then(|person| person.deals.iter_mut().find(|deal| deal.id == id));
        if let Some(deal) = known {
            change(deal, rng);
            deal.updated = now;
            let deal = deal.clone();
            if deal.status != "open" {
                crm.locations[at].open_deals.swap_remove(which);
            }
            return deal;
        }
        // Its contact is gone, and it went along.
        crm.locations[at].open_deals.swap_remove(which);
    }
}

fn open_task(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> Task {
    let contact = someone(crm, at, rng, now);
    let task = state::task(rng, &crm.locations[at], &contact, now);
    crm.locations[at].open_tasks.push((contact.clone(), task.id.clone()));
    give(crm, &contact, |person| person.tasks.push(task.clone()));
    task
}

/// Does an open task; where there is none, one is made that no webhook tells of.
fn complete_task(crm: &mut Crm, at: usize, rng: &mut Rng, now: Millis) -> Task {
    loop {
        if crm.locations[at].open_tasks.is_empty() {
            open_task(crm, at, rng, now);
        }
        let which = rng.usize(..crm.locations[at].open_tasks.len());
        let (contact, id) = crm.locations[at].open_tasks.swap_remove(which);
        let known = crm.person_mut(&contact).and_then(|person| person.tasks.iter_mut().find(|task| task.id == id));
        if let Some(task) = known.filter(|task| !task.completed) {
            task.completed = true;
            return task.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Options, ids};
    use super::{Kind, Teller, WEIGHTS, draw, unfold};
    use crate::sandbox::crm::state::Crm;
    use crate::sandbox::world::App;

    const NOW: u64 = 1_795_305_600_000;

    fn crm() -> Crm {
        Crm::seeded(&Options { contacts: 5, seed: 9, ..Options::default() }, NOW)
    }

    fn told(crm: &mut Crm, kind: Kind, rng: &mut fastrand::Rng) -> Vec<Value> {
        let app = App { id: "a".to_owned(), version: "v".to_owned() };
        let webhooks = unfold(crm, 0, kind, &Teller { app: &app, sparse_tasks: false }, rng, NOW);
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
    fn what_a_webhook_told_belongs_to_its_contact() {
        let (mut crm, mut rng) = (crm(), ids::seeded(5, 1));
        for _ in 0..100 {
            let task = told(&mut crm, Kind::TaskCompleted, &mut rng).remove(0);
            let person = crm.person(task["contactId"].as_str().expect("an id")).expect("a person");
            assert!(person.tasks.iter().any(|known| task["id"] == known.id.as_str() && known.completed));
            let note = told(&mut crm, Kind::NoteCreated, &mut rng).remove(0);
            let person = crm.person(note["contactId"].as_str().expect("an id")).expect("a person");
            assert!(
                person.notes.iter().any(|known| note["id"] == known.id.as_str() && note["body"] == known.body.as_str())
            );
            let made = told(&mut crm, Kind::AppointmentBooked, &mut rng).remove(0)["appointment"].take();
            let person = crm.person(made["contactId"].as_str().expect("an id")).expect("a person");
            assert!(person.appointments.iter().any(|known| made["id"] == known.id.as_str()));
            let won = told(&mut crm, Kind::Won, &mut rng).remove(0);
            let person = crm.person(won["contactId"].as_str().expect("an id")).expect("a person");
            assert!(person.deals.iter().any(|known| won["id"] == known.id.as_str() && known.status == "won"));
        }
    }

    #[test]
    fn nothing_happens_to_who_is_gone() {
        let (mut crm, mut rng) = (crm(), ids::seeded(6, 1));
        for kind in [Kind::OpportunityCreated, Kind::TaskCreated] {
            told(&mut crm, kind, &mut rng);
        }
        for id in crm.locations[0].seeded.clone() {
            crm.remove(&id, NOW);
        }
        for kind in [Kind::StageMoved, Kind::Won, Kind::TaskCompleted] {
            let body = told(&mut crm, kind, &mut rng).remove(0);
            assert!(crm.person(body["contactId"].as_str().expect("an id")).is_some());
        }
    }

    #[test]
    fn a_sparse_task_names_neither_contact_nor_body() {
        let (mut crm, mut rng) = (crm(), ids::seeded(7, 1));
        let app = App { id: "a".to_owned(), version: "v".to_owned() };
        let teller = Teller { app: &app, sparse_tasks: true };
        for (kind, sparse) in [(Kind::TaskCreated, true), (Kind::TaskCompleted, false)] {
            let webhook = unfold(&mut crm, 0, kind, &teller, &mut rng, NOW).remove(0);
            let body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
            assert_eq!((body.get("contactId").is_none(), body.get("body").is_none()), (sparse, sparse), "{body}");
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
