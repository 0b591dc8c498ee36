//! The store on a real disk: what its steps promise.

mod at_once;
mod auditing;
mod brake;
mod commands;
mod copies;
mod disk;
mod forgetting;
mod gaps;
mod inbox;
mod installs;
mod membership;
mod outbox;
mod polls;
mod queue;
mod recent;
mod replaying;
mod retention;
mod tokens;
mod written;

use std::sync::Arc;

use super::*;

/// A store in a directory that goes with it.
struct Bench {
    store: Store,
    vault: Arc<Vault>,
    dir: tempfile::TempDir,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(dir.path(), None).unwrap().0);
    let store = Store::open(dir.path().to_owned(), vault.clone()).await.unwrap();
    Bench { store, vault, dir }
}

impl Bench {
    /// Stops the store as a crash would leave it (its rows as they are) and opens it again.
    async fn reopened(self) -> Self {
        let Self { store, vault, dir } = self;
        drop(store);
        let store = Store::open(dir.path().to_owned(), vault.clone()).await.unwrap();
        Self { store, vault, dir }
    }

    /// Puts a delivery of the connection `shop`, received at `number`.
    async fn put(&self, number: u64) -> String {
        match self.store.put(incoming(number)).await.unwrap() {
            Put::Stored { delivery } => delivery,
            Put::Known => panic!("{number} is known"),
        }
    }

    /// What there is to read of a connection, where there is room for so many and for so many rows of a sweep.
    async fn claimed(&self, connection: &str, now: u64, deliveries: usize, swept: usize) -> Vec<StoredDelivery> {
        let room = move |_| Room { deliveries, swept };
        self.store.claim_deliveries(connection, now, room).await.unwrap().deliveries
    }

    /// Brings changes with these ids in through a delivery each, at time 10. Returns their rows.
    async fn told(&self, ids: &[&str]) -> Vec<i64> {
        for (number, id) in (1_000..).zip(ids) {
            let delivery = self.put(number).await;
            assert_eq!(self.store.settle_read(read(&delivery, "ann", None, &[id])).await.unwrap().taken, [true]);
        }
        let claimed = self.store.claim_changes("shop", 10, 100).await.unwrap();
        assert_eq!(claimed.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ids);
        claimed.iter().map(|change| change.row).collect()
    }

    /// Translates a new change into an event of destination `ads` for each id and deadline.
    async fn translated(&self, events: &[(&str, u64)]) {
        let row = self.told(&["fact"]).await[0];
        let events = events.iter().map(|(id, deadline)| event(id, *deadline)).collect();
        self.store.settle_translated(translation(row, Translated::Events(events))).await.unwrap();
    }
}

/// How SQLite goes about each query, whatever it is asked with.
async fn plans(bench: &Bench, queries: Vec<String>) -> Vec<(String, String)> {
    let explain = |rows: &rows::Rows<'_>, query: String| {
        let mut explained = rows.db.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
        let blanks = vec![rusqlite::types::Value::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(blanks), |row| row.get::<_, String>(3))?;
        let plan = steps.collect::<Result<Vec<_>, _>>()?.join("\n");
        Ok((query, plan))
    };
    bench.store.read(move |rows| queries.into_iter().map(|query| explain(rows, query)).collect()).await.unwrap()
}

fn incoming(number: u64) -> Incoming {
    Incoming {
        source: "crm".into(),
        connection: Some("shop".into()),
        webhook_id: format!("w{number}"),
        location: "loc".into(),
        kind_hint: None,
        origin: Origin::Webhook,
        received_at: number,
        sent_at: Some(number),
        headers: vec![("x-kind".into(), "ContactCreate".into())],
        body: format!("body {number}").into_bytes(),
    }
}

/// A settlement of one delivery of one contact, whose memory is not replaced.
fn read(delivery: &str, contact: &str, expected: Option<u64>, changes: &[&str]) -> ReadSettlement {
    let changes = changes
        .iter()
        .map(|id| NewChange {
            id: (*id).into(),
            kind: "tag".into(),
            occurred_at: 5,
            bytes: id.as_bytes().to_vec(),
            made: None,
        })
        .collect();
    let delivery = ReadDelivery { id: delivery.into(), kind: "ContactTag".into(), answer: Told::Changes(changes) };
    ReadSettlement {
        connection: "shop".into(),
        now: 10,
        source_digest: "digest".into(),
        groups: vec![ReadGroup {
            contact: Some(contact.into()),
            expected,
            memory: None,
            deliveries: vec![delivery],
            gaps: Vec::new(),
        }],
        catalogue: None,
        generation: None,
    }
}

fn event(id: &str, deadline: u64) -> NewEvent {
    NewEvent {
        brake: Brake::OFF,
        destination: "ads".into(),
        event_id: id.into(),
        name: "Lead".into(),
        rule: "lead".into(),
        occurred_at: 5,
        deadline,
        bytes: id.as_bytes().to_vec(),
    }
}

fn translation(row: i64, answer: Translated) -> TranslationSettlement {
    TranslationSettlement { generation: 1, now: 20, items: vec![TranslatedChange { row, made: Made::only(answer) }] }
}

fn shipped(attempt: i64, items: Vec<(i64, Verdict)>) -> ShipSettlement {
    ShipSettlement { attempt, now: 40, outcome: "accepted".into(), items, pause: None }
}
