//! What ids mean and what is fetched beside a contact: names for the mapper, as few requests as that takes, and silence with a reason.

use std::collections::BTreeSet;

use convey::contract::Trigger;
use convey::sandbox::{Kind, Quirks};
use serde_json::json;

use crate::polls::scene::{a_moment_later, simulate, telling};
use crate::rig::{Book, Convey, ROOM, asked, sandbox};
use crate::wire::letters_of;

const CONTACT: &str = "GET /contacts/{id}";
const FIELDS: &str = "GET /locations/{id}/customFields";

/// The connection's settings that the rig writes.
const SETTINGS: &str = "[connection.acme.settings]\ncountry = \"US\"\ncurrency = \"USD\"\n";

async fn ended(mut convey: Convey) -> Book {
    assert!(convey.stop().await.success());
    convey.book().await
}

/// A webhook names fields, pipelines and stages by their ids; the mapper is told them by key and name, with the location's country.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mapper_is_told_keys_and_names_for_ids() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM)
        .configure(|text| *text = text.replace(SETTINGS, "[connection.acme.settings]\ncurrency = \"CAD\"\n"));
    let mut letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    letters.extend(letters_of(&sandbox, Kind::OpportunityCreated, 1).await);
    a_moment_later(&sandbox).await;
    letters.extend(letters_of(&sandbox, Kind::StageMoved, 1).await);
    convey.start().await;
    convey.take(&letters).await;
    let book = ended(convey).await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert_eq!(asked(&sandbox, "crm", FIELDS).await, 1, "the catalogue is fetched once and kept");
    for change in &book.changes {
        assert_eq!((change.country.as_deref(), change.currency.as_deref()), (Some("US"), Some("CAD")));
    }
    let known =
        ["budget", "service_needed", "preferred_time", "interests", "gender", "facebook_lead_id"].map(str::to_owned);
    let fields = book.changes.iter().flat_map(|change| &change.contact.custom_fields);
    let keys: BTreeSet<String> = fields.map(|field| field.key.clone()).collect();
    assert!(!keys.is_empty() && keys.is_subset(&BTreeSet::from(known)), "{keys:?}");
    let stages: Vec<_> = book
        .changes
        .iter()
        .filter_map(|change| match &change.trigger {
            Trigger::OpportunityChanged(opportunity) => opportunity.stage.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(stages.len(), 2, "two edits, four webhooks");
    let names = ["New Lead", "Contacted", "Qualified", "Proposal Sent", "Closing"];
    for stage in stages {
        let place = names.iter().position(|name| stage.name.as_deref() == Some(name)).unwrap();
        assert_eq!(stage.position, Some(u32::try_from(place).unwrap()));
        assert!(stage.pipeline.is_some());
    }
}

/// An id that nobody knows makes the catalogue be fetched again, once; it is not asked for again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_id_refreshes_the_catalogue_once() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    let letters = letters_of(&sandbox, Kind::ContactCreated, 3).await;
    convey.start().await;
    convey.take(&letters).await;
    assert_eq!(asked(&sandbox, "crm", FIELDS).await, 1);
    let contact = letters[0].json()["id"].clone();
    for _ in 0..3 {
        let strange = json!({ "id": contact, "customFields": [{ "id": "Strange00Field000000", "value": "x" }] });
        simulate(&sandbox, &convey, "ContactUpdate", strange).await;
        convey.drained().await;
    }
    assert_eq!(asked(&sandbox, "crm", FIELDS).await, 2, "for the first of the three");
    ended(convey).await;
}

/// Nothing but the contact is fetched unless the settings ask for more; then it is fetched, counted and told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_beside_a_contact_is_fetched_only_where_it_is_asked_for() {
    let beside = ["tasks", "notes", "appointments"].map(|list| format!("GET /contacts/{{id}}/{list}"));
    for enrich in [false, true] {
        let sandbox = sandbox(1, 1).await;
        let settings = format!("{SETTINGS}enrich = \"tasks notes appointments\"\n");
        let mut convey = telling(&sandbox.summary(), &sandbox.summary().dataset, ROOM);
        if enrich {
            convey = convey.configure(|text| *text = text.replace(SETTINGS, &settings));
        }
        let tasks = letters_of(&sandbox, Kind::TaskCreated, 1).await;
        let notes = letters_of(&sandbox, Kind::NoteCreated, 1).await;
        let visits = letters_of(&sandbox, Kind::AppointmentBooked, 1).await;
        let letters = [tasks, notes, visits].concat();
        convey.start().await;
        // One by one: what waits for one contact is read with one fetch.
        for letter in &letters {
            convey.take(std::slice::from_ref(letter)).await;
        }
        let book = ended(convey).await;
        assert_eq!(asked(&sandbox, "crm", CONTACT).await, 3);
        for list in &beside {
            assert_eq!(asked(&sandbox, "crm", list).await, if enrich { 3 } else { 0 }, "{list}");
        }
        assert_eq!(book.changes.len(), 3);
        for change in &book.changes {
            let contact = &change.contact;
            let there = match &change.trigger {
                Trigger::TaskCreated(task) => contact.tasks.iter().any(|known| known.id == task.id),
                Trigger::NoteCreated(note) => contact.notes.iter().any(|known| known.id == note.id),
                Trigger::AppointmentChanged(visit) => contact.appointments.iter().any(|known| known.id == visit.id),
                other => panic!("{other:?}"),
            };
            assert_eq!(there, enrich, "{:?}", change.trigger);
        }
    }
}

/// A task's webhook may leave out whose it is: the task is looked for, and its change is of the right contact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_names_nobody_finds_its_contact() {
    let sandbox = sandbox(1, 1).await;
    sandbox.set_quirks(Quirks { task_without_contact: true, ..Quirks::default() });
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM);
    let letters = letters_of(&sandbox, Kind::TaskCreated, 4).await;
    assert!(letters.iter().all(|letter| letter.json().get("contactId").is_none()));
    convey.start().await;
    convey.take(&letters).await;
    let book = ended(convey).await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert_eq!(book.changes.len(), 4);
    for letter in &letters {
        let owner = sandbox.contact_of(&letter.id).unwrap()["id"].as_str().unwrap().to_owned();
        let task = letter.json()["id"].as_str().unwrap().to_owned();
        let of_it = |change: &&convey::contract::Change| matches!(&change.trigger, Trigger::TaskCreated(known) if known.id == task);
        let change = book.changes.iter().find(of_it).unwrap();
        assert_eq!((&change.contact.id, change.contact.emails.is_empty()), (&owner, false));
    }
}

/// A webhook that says "updated" where nothing that is carried has changed tells nothing, and the book says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_changed_nothing_is_silent_and_says_why() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM);
    let letters = letters_of(&sandbox, Kind::ContactCreated, 1).await;
    convey.start().await;
    convey.take(&letters).await;
    let same = json!({ "id": letters[0].json()["id"] });
    let id = simulate(&sandbox, &convey, "ContactUpdate", same).await;
    convey.drained().await;
    let status = convey.status().await.unwrap();
    assert_eq!(status["status"]["connections"]["acme"]["silent"], json!({ "unchanged": 1 }));
    let book = ended(convey).await;
    let account = book.accounts.iter().find(|account| account.webhook_id == id).unwrap();
    assert_eq!((account.state.as_str(), account.reason.as_deref()), ("silent", Some("unchanged")));
    assert_eq!((book.changes.len(), sandbox.accepted(0).len()), (1, 1));
}

/// Every edit of a deal is announced twice; three edits are three facts, whichever of the twins comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_a_deal_is_one_change_however_often_it_is_announced() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM);
    let mut letters = Vec::new();
    for kind in [Kind::OpportunityCreated, Kind::StageMoved, Kind::Won] {
        let mut twins = letters_of(&sandbox, kind, 1).await;
        assert_eq!(twins.len(), 2);
        a_moment_later(&sandbox).await;
        twins.reverse();
        letters.extend(twins);
    }
    convey.start().await;
    for letter in &letters {
        convey.take(std::slice::from_ref(letter)).await;
    }
    let book = ended(convey).await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    let statuses: Vec<_> = book
        .changes
        .iter()
        .map(|change| match &change.trigger {
            Trigger::OpportunityChanged(opportunity) => opportunity.status.clone().unwrap_or_default(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(statuses.len(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "won").count(), 1);
    assert_eq!(book.event_ids().len(), 3);
}
