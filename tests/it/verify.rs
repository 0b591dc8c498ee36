//! What is stored comes out again of what made it; whoever alters one field of one change is found, and so is a mapper that keeps something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convey::builtin::builtin;
use convey::contract::{Change, Digest, Effect};
use convey::egress::{Egress, Limits};
use convey::engine::{CodeCache, Engine, GuestLimits, Mapper};
use convey::flow::translate_each;
use convey::store::{
    Brake, Incoming, Made, NewChange, NewEvent, NewGeneration, Origin, Put, ReadDelivery, ReadGroup, ReadSettlement,
    Store, Told, Translated, TranslatedChange, TranslationSettlement,
};
use convey::vault::{Vault, seal};
use serde_json::{Value, json};

use crate::guests;
use crate::program::compiled;
use crate::rig::{Convey, Said, eventually, sandbox};
use crate::shadow_cost::say;
use crate::wire::letters_of;

const LEADS: &str = "[events]\ncontact-created = \"Lead\"\n";
const NOW: u64 = 1_795_000_000_000;

fn change(number: usize) -> Change {
    let value = json!({
        "id": format!("fact-{number}"), "connection": "acme", "occurred_at": NOW + number as u64, "seen_at": NOW + number as u64,
        "country": "US", "currency": "USD", "trigger": "ContactCreated",
        "contact": {
            "id": format!("contact-{number}"), "location": "l", "emails": [format!("jo.{number}@example.com")],
            "phones": [], "tags": [], "custom_fields": [],
            "consent": {"do_not_disturb": false, "blocked_channels": []},
            "tasks": [], "notes": [], "appointments": [],
        },
    });
    serde_json::from_value(value).unwrap()
}

fn engine() -> Engine {
    let limits = GuestLimits {
        memory_bytes: 64 << 20,
        call_cpu: Duration::from_secs(2),
        call_wall: Duration::from_secs(20),
        mapper_cpu: Duration::from_secs(2),
        calls_in_flight: 4,
    };
    let egress = Egress::new(Limits { request_timeout_ms: 1_000, response_max_bytes: 1, request_max_bytes: 1 });
    Engine::new(limits, egress, Some(CodeCache::new(compiled()).unwrap())).unwrap()
}

async fn open(convey: &Convey) -> (Arc<Vault>, Store) {
    let vault = Arc::new(Vault::open(&convey.state(), None).unwrap().0);
    let store = Store::open(convey.state(), vault.clone()).await.unwrap();
    (vault, store)
}

/// Fills a convey's store with changes that a mapper translated, as its steps would have.
async fn fill(convey: &Convey, component: &[u8], settings: &str, count: usize) {
    let (_, store) = open(convey).await;
    let engine = engine();
    let mapper = Mapper::new(&engine, engine.load("default", component).unwrap(), settings.to_owned()).await.unwrap();
    let digest = mapper.loaded().digest.to_string();
    store.put_component(&digest, "default", component.to_vec()).await.unwrap();
    let generation = NewGeneration {
        mapper: "default".to_owned(),
        mapper_digest: digest,
        settings: settings.to_owned(),
        settings_hash: Digest::of(settings.as_bytes()).to_string(),
        origin: "config".to_owned(),
        who: "test".to_owned(),
        note: None,
        cases: 0,
        diff: None,
        started_at: NOW,
        connection: None,
        base: None,
    };
    let generation = store.commit_generation(generation, Vec::new()).await.unwrap().0;
    let changes: Vec<Change> = (0..count).map(change).collect();
    for part in changes.chunks(200) {
        read(&store, part).await;
        let rows = store.claim_changes("acme", NOW * 2, part.len()).await.unwrap();
        let given: Vec<Change> = rows.iter().map(|row| serde_json::from_slice(&row.bytes).unwrap()).collect();
        let answers = translate_each(&mapper, &given).await;
        let items = rows.iter().zip(answers).map(|(row, answer)| TranslatedChange {
            row: row.row,
            made: Made::only(Translated::Events(answer.unwrap().unwrap().iter().map(event).collect())),
        });
        let settlement = TranslationSettlement { generation, now: NOW, items: items.collect() };
        store.settle_translated(settlement).await.unwrap();
    }
}

fn event(proposal: &convey::contract::Proposal) -> NewEvent {
    let Effect::Convert(event) = &proposal.effect else { panic!("no event") };
    NewEvent {
        destination: "ads".to_owned(),
        event_id: event.id.clone(),
        name: event.name.clone(),
        rule: proposal.rule.clone(),
        occurred_at: event.occurred_at,
        deadline: NOW * 2,
        bytes: serde_json::to_vec(event).unwrap(),
        brake: Brake::OFF,
    }
}

async fn read(store: &Store, changes: &[Change]) {
    let mut groups = Vec::new();
    for change in changes {
        let incoming = Incoming {
            source: "highlevel".to_owned(),
            connection: Some("acme".to_owned()),
            webhook_id: change.id.clone(),
            location: "l".to_owned(),
            kind_hint: None,
            origin: Origin::Webhook,
            received_at: NOW,
            sent_at: None,
            headers: Vec::new(),
            body: Vec::new(),
        };
        groups.push((store.put(incoming), change));
    }
    let mut settled = Vec::new();
    // Begun together, so that they share their transactions.
    let puts = futures_of(groups).await;
    for (put, change) in puts {
        let Put::Stored { delivery: id } = put else { panic!("known") };
        let new = NewChange {
            id: change.id.clone(),
            kind: "contact-created".to_owned(),
            occurred_at: change.occurred_at,
            bytes: serde_json::to_vec(change).unwrap(),
            made: None,
        };
        let delivery = ReadDelivery { id, kind: "ContactCreate".to_owned(), answer: Told::Changes(vec![new]) };
        settled.push(ReadGroup {
            contact: Some(change.contact.id.clone()),
            expected: None,
            memory: None,
            deliveries: vec![delivery],
            gaps: Vec::new(),
        });
    }
    let settlement = ReadSettlement {
        connection: "acme".to_owned(),
        now: NOW,
        source_digest: "source".to_owned(),
        groups: settled,
        catalogue: None,
        generation: None,
    };
    store.settle_read(settlement).await.unwrap();
}

async fn futures_of<F>(puts: Vec<(F, &Change)>) -> Vec<(Put, &Change)>
where
    F: Future<Output = Result<Put, convey::store::StoreError>>,
{
    let (puts, changes): (Vec<F>, Vec<&Change>) = puts.into_iter().unzip();
    let mut waiting: Vec<_> = puts.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<Put>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(put) = future.as_mut().poll(context) {
                *done = Some(put.unwrap());
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().zip(changes).collect()
}

async fn verify(convey: &Convey, arguments: &[&str]) -> (Said, Value) {
    let said = convey.command_within(Duration::from_secs(240), &[&["verify"], arguments].concat()).await;
    let value = serde_json::from_str(said.stdout.trim()).unwrap_or_default();
    (said, value)
}

/// Alters the e-mail of one stored change, as somebody could who holds the key. Its row.
async fn alter(convey: &Convey, number: usize) -> i64 {
    alter_fact(convey, &format!("fact-{number}"), &format!("contact-{number}")).await
}

async fn alter_fact(convey: &Convey, fact: &str, contact: &str) -> i64 {
    let (vault, store) = open(convey).await;
    drop(store);
    let db = rusqlite::Connection::open(convey.state().join("convey.db")).unwrap();
    let subject = vault.lookup("contact", &["acme", contact]);
    let wrapped: Vec<u8> =
        db.query_row("SELECT wrapped FROM contact_key WHERE subject = ?1", [subject], |row| row.get(0)).unwrap();
    let key = vault.unwrap(&subject, &wrapped).unwrap();
    let mut context = b"change".to_vec();
    for part in ["acme", fact] {
        context.extend_from_slice(&(part.len() as u64).to_le_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    let (row, sealed): (i64, Vec<u8>) = db
        .query_row("SELECT row, sealed FROM change WHERE id = ?1", [fact], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let mut stored: Change = serde_json::from_slice(&seal::open(&key, &context, &sealed, "change").unwrap()).unwrap();
    stored.contact.emails = vec!["somebody.else@example.com".to_owned()];
    let sealed = seal::seal(&key, &context, &serde_json::to_vec(&stored).unwrap()).unwrap();
    db.execute("UPDATE change SET sealed = ?2 WHERE row = ?1", rusqlite::params![row, sealed]).unwrap();
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_events_come_out_again_and_the_one_altered_change_is_named() {
    const COUNT: usize = 10_000;
    let sandbox = sandbox(1, 1).await;
    let convey = Convey::new(&sandbox.summary());
    fill(&convey, builtin("rules").unwrap().bytes, LEADS, COUNT).await;
    let began = Instant::now();
    let (said, proof) = verify(&convey, &["--all"]).await;
    assert_eq!((said.code, &proof["events"], &proof["unequal"]), (Some(0), &COUNT.into(), &0.into()), "{said:?}");
    assert_eq!((&proof["unproven"], &proof["named"]), (&0.into(), &json!([])), "{said:?}");
    say(&format!("verify --all: {} of {COUNT} events equal in {:.1?}", proof["events"], began.elapsed()));

    let row = alter(&convey, 4_711).await;
    let (said, proof) = verify(&convey, &["--all"]).await;
    assert_eq!((said.code, &proof["unequal"]), (Some(1), &1.into()), "{said:?}");
    assert_eq!((proof["named"].as_array().map(Vec::len), &proof["events"]), (Some(1), &COUNT.into()), "{said:?}");
    let named = &proof["named"][0];
    say(&format!("one altered field: {named}"));
    assert_eq!((&named["change"], &named["id"]), (&format!("c{row}").into(), &"fact-4711".into()));
    assert_eq!(named["what"], "convert.user_data.emails is different", "the place, and no value");
    assert!(!said.stdout.contains("example.com"));

    let (said, _) = verify(&convey, &["fact-4711"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let (said, proof) = verify(&convey, &["fact-4712"]).await;
    assert_eq!((said.code, &proof["events"]), (Some(0), &1.into()), "{said:?}");
    assert_eq!(verify(&convey, &["nothing-is-called-so"]).await.0.code, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapper_that_keeps_something_between_calls_is_found() {
    let sandbox = sandbox(1, 1).await;
    let convey = Convey::new(&sandbox.summary());
    fill(&convey, &guests::component("convey-test-mapper", guests::PURE), "impure always", 40).await;
    let (said, proof) = verify(&convey, &["--all"]).await;
    assert_eq!((said.code, &proof["changes"], &proof["unequal"]), (Some(1), &40.into(), &40.into()), "{said:?}");
    assert!(proof["named"][0]["what"].as_str().unwrap().contains("keeps something between calls"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_says_what_made_it_and_a_running_convey_proves_it() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, convey::sandbox::Kind::ContactCreated, 6).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let id = eventually("something is accepted", async || {
        sandbox.accepted(0).first().map(|accepted| accepted.event["event_id"].as_str().unwrap().to_owned())
    })
    .await;
    let why = convey.command(&["why", &id]).await.json();
    let event = &why["why"]["changes"][0]["events"][0];
    let made = &event["made_by"];
    for key in ["source_digest", "mapper_digest", "settings_hash"] {
        assert_eq!(made[key].as_str().map(str::len), Some(64), "{key}: {event}");
    }
    assert_eq!(made["contract"], convey::contract::CONTRACT);
    assert!(convey::engine::World::Mapper.interface().ends_with(convey::contract::CONTRACT));
    assert_eq!(made["host"], env!("CARGO_PKG_VERSION"));
    assert_eq!(event["attempts"][0]["sink_digest"].as_str().map(str::len), Some(64), "{event}");
    let (said, proof) = verify(&convey, &[&id]).await;
    assert_eq!((said.code, &proof["events"], &proof["unequal"]), (Some(0), &1.into(), &0.into()), "{said:?}");
    let (said, proof) = verify(&convey, &["--all", "--since", "1h"]).await;
    assert_eq!((said.code, &proof["unequal"]), (Some(0), &0.into()), "{said:?}");
    assert!(proof["events"].as_u64().unwrap() > 1, "{said:?}");
    assert!(convey.stop().await.success());
}

/// What a rule asks of the CRM and of an audience comes out again as events do, and what was altered is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_places_in_audiences_come_out_again() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, convey::sandbox::Kind::ContactCreated, 8).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n")
            .replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\nwrite_back_tag = \"told\"\n");
    });
    let rules = format!(
        "[[rule]]\nname = \"lead\"\non = \"contact-created\"\nevent = \"Lead\"\ncommand = {{ add_tags = [\"from convey\"] }}\n\
         [[rule]]\nname = \"in\"\non = \"contact-created\"\naudience = {{ join = \"{}\" }}\n",
        sandbox.summary().audience
    );
    convey.file("rules.toml", &rules);
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let (said, proof) = eventually("all is carried out", async || {
        let status = convey.status().await?["status"]["commands"]["acme"].clone();
        let left = status["waiting"].as_u64()? + status["held"].as_u64()?;
        if left > 0 {
            return None;
        }
        Some(verify(&convey, &["--all"]).await)
    })
    .await;
    assert_eq!((said.code, &proof["unequal"], &proof["unproven"]), (Some(0), &0.into(), &0.into()), "{said:?}");
    let told = proof["events"].as_u64().unwrap();
    assert!(told >= 4, "{proof}");
    // Each change asks for a tag by the rule, each event for one that is written back, and all who are told of are in the audience.
    let commands = proof["changes"].as_u64().unwrap() + told;
    assert_eq!((&proof["commands"], &proof["members"]), (&commands.into(), &told.into()), "{proof}");
    assert!(convey.stop().await.success());

    let book = convey.book().await;
    let of_somebody = |change: &&Change| !change.contact.emails.is_empty() && !change.contact.consent.do_not_disturb;
    let altered = book.changes.iter().find(of_somebody).unwrap();
    let change = alter_fact(&convey, &altered.id, &altered.contact.id).await;
    let db = rusqlite::Connection::open(convey.state().join("convey.db")).unwrap();
    let command: i64 = db
        .query_row("SELECT row FROM wanted WHERE change <> ?1 AND rule = 'lead' AND event IS NULL", [change], |row| {
            row.get(0)
        })
        .unwrap();
    db.execute("UPDATE wanted SET rule = 'another' WHERE row = ?1", [command]).unwrap();
    drop(db);
    let (said, proof) = verify(&convey, &["--all"]).await;
    assert_eq!((said.code, &proof["unequal"]), (Some(1), &2.into()), "{said:?}");
    let named = proof["named"].as_array().unwrap();
    let about =
        |what: &str| named.iter().find(|row| row["what"].as_str().unwrap().contains(what)).cloned().unwrap_or_default();
    assert_eq!(about("under another rule")["event"], format!("k{command}"), "{proof}");
    let place = about("audience.user_data.emails is different");
    assert_eq!(place["change"], format!("c{change}"), "{proof}");
    assert_eq!(about("convert.user_data.emails is different")["change"], format!("c{change}"), "{proof}");
    assert_eq!(verify(&convey, &[&format!("k{command}")]).await.0.code, Some(1));
}
