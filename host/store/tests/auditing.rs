//! The audit costs no transaction of its own, and loses nothing that was settled.

use super::*;

fn request(at: u64, contact: Option<crate::vault::Lookup>) -> AuditRow {
    AuditRow {
        at,
        actor: "source.crm".into(),
        digest: Some("digest".into()),
        lane: "connection:shop".into(),
        operation: "GET /contacts/{contact}".into(),
        status: Some(200),
        outcome: None,
        latency_ms: Some(12),
        subject: contact,
        attempt: None,
    }
}

fn all() -> AuditFilter {
    AuditFilter { limit: 10_000, ..AuditFilter::default() }
}

#[tokio::test]
async fn a_thousand_requests_share_the_transaction_of_the_next_step() {
    let bench = bench().await;
    let before = bench.store.commits();
    for at in 0..1_000 {
        bench.store.note(request(at, None));
    }
    bench.put(1).await;
    assert_eq!(bench.store.commits() - before, 1);
    let rows = bench.store.audit(all()).await.unwrap();
    assert_eq!((rows.len(), rows[0].at, rows[0].latency_ms), (1_000, 999, Some(12)), "the newest first");
    assert_eq!(bench.store.commits() - before, 1, "a question that finds everything written makes none");
    assert_eq!(bench.store.audit(AuditFilter { since: 990, limit: 3, ..all() }).await.unwrap().len(), 3);
    assert!(bench.store.audit(AuditFilter { destination: Some("shop".into()), ..all() }).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_noted_last_is_there_after_a_stop() {
    let bench = bench().await;
    let ann = bench.store.subject("shop", "ann");
    bench.store.note(request(1, Some(ann)));
    let bench = bench.reopened().await;
    let of = |contact: &str| AuditFilter { contact: Some(contact.into()), connection: Some("shop".into()), ..all() };
    assert_eq!(bench.store.audit(of("ann")).await.unwrap().len(), 1);
    assert!(bench.store.audit(of("bob")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_that_carried_a_contacts_event_is_found_by_the_contact() {
    let bench = bench().await;
    bench.translated(&[("a", 100)]).await;
    let claim = bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap();
    let lane = "destination:ads".to_owned();
    bench.store.note(AuditRow { lane, attempt: Some(claim.attempt), ..request(31, None) });
    let of = |contact: &str| AuditFilter { contact: Some(contact.into()), connection: Some("shop".into()), ..all() };
    let rows = bench.store.audit(of("ann")).await.unwrap();
    assert_eq!((rows.len(), rows[0].attempt), (1, Some(claim.attempt)));
    assert!(bench.store.audit(of("bob")).await.unwrap().is_empty());
}
