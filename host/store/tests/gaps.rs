//! What webhooks and polls missed.

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1_000;

impl Bench {
    /// Has a delivery of a contact come at `at` and be read at once.
    async fn came(&self, origin: Origin, at: u64, contact: &str, answer: Told) -> String {
        let webhook_id = format!("{contact}-{at}-{origin:?}");
        let came = Incoming { webhook_id, origin, received_at: at, sent_at: Some(at), ..incoming(1) };
        let Put::Stored { delivery } = self.store.put(came).await.unwrap() else { panic!("known") };
        let mut settlement = read(&delivery, contact, None, &[]);
        settlement.now = at;
        settlement.groups[0].deliveries[0].answer = answer;
        assert_eq!(self.store.settle_read(settlement).await.unwrap().taken, [true]);
        delivery
    }

    /// Notes gaps found by a sweep at `at`.
    async fn found(&self, at: u64, ids: &[&str]) {
        let webhook_id = format!("sweep-{at}");
        let came = Incoming { webhook_id, origin: Origin::Sweep, received_at: at, ..incoming(1) };
        let Put::Stored { delivery } = self.store.put(came).await.unwrap() else { panic!("known") };
        let mut settlement = read(&delivery, "ann", None, &[]);
        settlement.now = at;
        settlement.groups[0].deliveries[0].answer = Told::Silent("unchanged".into());
        let gap = |id: &&str| Gap { id: (*id).to_owned(), kind: "task-created".to_owned() };
        settlement.groups[0].gaps = ids.iter().map(gap).collect();
        self.store.settle_read(settlement).await.unwrap();
    }

    /// A poll for updates that began and came to its end.
    async fn polled(&self, started_at: u64) {
        let page = PolledPage {
            connection: "shop".into(),
            source: "crm".into(),
            location: "loc".into(),
            sweep: Sweep::Updates,
            rows: Vec::new(),
            cursor: None,
            more: false,
            started_at,
            now: started_at + 5,
            first: true,
        };
        self.store.put_page(page).await.unwrap();
    }

    /// Kinds with what webhooks and polls missed of them.
    async fn missed(&self, now: u64) -> Vec<(String, u64, u64)> {
        let gaps = self.store.gaps(Some("shop"), now, 100).await.unwrap();
        assert!(self.store.gaps(Some("cafe"), now, 100).await.unwrap().is_empty());
        assert_eq!(self.store.gaps(None, now, 100).await.unwrap(), gaps);
        gaps.into_iter().map(|gap| (gap.kind, gap.webhooks_missed, gap.polls_missed)).collect()
    }
}

fn fact(id: &str, kind: &str, occurred_at: u64) -> Told {
    Told::Changes(vec![NewChange {
        id: id.into(),
        kind: kind.into(),
        occurred_at,
        bytes: id.as_bytes().to_vec(),
        made: None,
    }])
}

fn silent(code: &str) -> Told {
    Told::Silent(code.into())
}

fn counts(kind: &str, webhooks: u64, polls: u64) -> (String, u64, u64) {
    (kind.to_owned(), webhooks, polls)
}

#[tokio::test]
async fn a_gap_is_noted_once_and_closes_when_its_change_comes_late() {
    let bench = bench().await;
    bench.came(Origin::Webhook, 5, "ann", fact("told", "task-created", 5)).await;
    bench.found(10, &["t1", "t2", "told"]).await;
    bench.found(20, &["t1"]).await;
    assert!(bench.missed(109).await.is_empty(), "a webhook may still come");
    assert_eq!(bench.missed(110).await, [counts("task-created", 2, 0)]);
    bench.came(Origin::Webhook, 300, "ann", fact("t1", "task-created", 5)).await;
    assert_eq!(bench.missed(400).await, [counts("task-created", 1, 0)]);
    bench.found(500, &["t1"]).await;
    assert_eq!(bench.missed(999).await, [counts("task-created", 1, 0)], "a change that is known is no gap again");
    let grace = GAP_GRACE_MS;
    assert_eq!(bench.store.status(9).await.unwrap().connections["shop"].gaps, 0);
    assert_eq!(bench.store.status(10 + grace).await.unwrap().connections["shop"].gaps, 1);
}

#[tokio::test]
async fn what_only_a_poll_told_was_missed_until_a_webhook_tells_it() {
    let bench = bench().await;
    bench.came(Origin::Poll, 10, "ann", fact("a", "tags-changed", 9)).await;
    bench.came(Origin::Sweep, 11, "bob", fact("b", "contact-created", 9)).await;
    bench.came(Origin::Reported("till".into()), 12, "bob", fact("c", "conversion-reported", 9)).await;
    assert!(bench.missed(109).await.is_empty());
    assert_eq!(bench.missed(111).await, [counts("contact-created", 1, 0), counts("tags-changed", 1, 0)]);
    bench.came(Origin::Webhook, 500, "ann", fact("a", "tags-changed", 9)).await;
    assert_eq!(bench.missed(600).await, [counts("contact-created", 1, 0)]);
    bench.came(Origin::Poll, 700, "bob", fact("b", "contact-created", 9)).await;
    assert_eq!(bench.missed(900).await, [counts("contact-created", 1, 0)], "another poll is no webhook");
}

#[tokio::test]
async fn a_webhook_that_finds_nothing_new_counts_for_what_polls_told_of_its_contact() {
    let bench = bench().await;
    bench.came(Origin::Poll, 10, "ann", fact("a", "contact-updated", 10)).await;
    bench.came(Origin::Poll, 10, "bob", fact("b", "contact-updated", 10)).await;
    bench.came(Origin::Poll, 10, "cem", fact("c", "contact-updated", 10)).await;
    bench.came(Origin::Poll, 11, "cem", fact("late", "tags-changed", 10 + DAY)).await;
    let repeat = bench.came(Origin::Webhook, 20, "ann", silent("repeated")).await;
    bench.came(Origin::Webhook, 20, "bob", silent("own-write")).await;
    bench.came(Origin::Poll, 20, "bob", silent("unchanged")).await;
    bench.came(Origin::Webhook, 20, "cem", silent("unchanged")).await;
    // Ann's and the first of Cem's are told; Bob's is not, and Cem's second happened long after the webhook was sent.
    assert_eq!(bench.missed(2 * DAY).await, [counts("contact-updated", 1, 0), counts("tags-changed", 1, 0)]);
    let accounts = bench.store.account(None).await.unwrap();
    let account = accounts.iter().find(|account| account.delivery == repeat).unwrap();
    assert_eq!((account.state.as_str(), account.changes[0].id.as_str()), ("silent", "a"));
}

#[tokio::test]
async fn what_only_webhooks_told_was_missed_by_a_poll_that_should_have_seen_it() {
    let bench = bench().await;
    bench.came(Origin::Webhook, 10, "ann", fact("a", "contact-updated", 9)).await;
    bench.came(Origin::Webhook, 10, "bob", fact("b", "contact-updated", 9)).await;
    bench.came(Origin::Webhook, 10, "cem", fact("c", "task-created", 9)).await;
    assert!(bench.missed(DAY).await.is_empty(), "nothing was polled");
    bench.polled(10).await;
    assert!(bench.missed(DAY).await.is_empty(), "the poll began no later than the webhooks came");
    bench.polled(30).await;
    assert_eq!(bench.missed(DAY).await, [counts("contact-updated", 0, 2)], "tasks are nothing a poll can see");
    bench.came(Origin::Poll, 31, "ann", silent("unchanged")).await;
    bench.came(Origin::Sweep, 31, "bob", silent("unchanged")).await;
    assert_eq!(bench.missed(DAY).await, [counts("contact-updated", 0, 1)], "a sweep is not the poll that missed it");
    bench.came(Origin::Webhook, 40, "ann", fact("a2", "tags-changed", 39)).await;
    bench.polled(50).await;
    assert_eq!(bench.missed(DAY).await, [counts("contact-updated", 0, 1), counts("tags-changed", 0, 1)]);
}

#[tokio::test]
async fn counts_outlive_the_rows() {
    let bench = bench().await;
    bench.came(Origin::Poll, 10, "ann", fact("a", "tags-changed", 9)).await;
    bench.came(Origin::Webhook, 11, "bob", fact("b", "contact-created", 9)).await;
    bench.came(Origin::Webhook, 12, "cem", fact("c", "contact-created", 9)).await;
    bench.came(Origin::Poll, 13, "cem", silent("unchanged")).await;
    bench.came(Origin::Webhook, 14, "cem", fact("d", "note-created", 9)).await;
    bench.polled(30).await;
    let missed = [counts("contact-created", 0, 1), counts("tags-changed", 1, 0)];
    assert_eq!(bench.missed(DAY).await, missed);
    for change in bench.store.claim_changes("shop", 99, 9).await.unwrap() {
        let skip = Translated::Skip { code: "no-rule".into(), rule: None, reason: "none".into() };
        bench.store.settle_translated(translation(change.row, skip)).await.unwrap();
    }
    let retention = Retention { webhook_ids_ms: DAY, held_ms: DAY, done_ms: 100, ..retention::RETENTION };
    let swept = bench.store.sweep(DAY, retention).await.unwrap();
    assert_eq!((swept.changes, swept.deliveries), (4, 5));
    assert_eq!(bench.missed(DAY).await, missed);
    bench.came(Origin::Poll, DAY, "eve", fact("e", "tags-changed", DAY)).await;
    assert_eq!(bench.missed(2 * DAY).await, [counts("contact-created", 0, 1), counts("tags-changed", 2, 0)]);
}

#[tokio::test]
async fn counting_reads_indexes_only() {
    let bench = bench().await;
    for (_, plan) in plans(&bench, crate::store::gap::MISSED.map(str::to_owned).to_vec()).await {
        let table = plan.lines().filter(|step| step.contains("change") && !step.contains("COVERING INDEX change_un"));
        assert_eq!(table.count(), 0, "{plan}");
    }
}
