//! What guests wrote stands with what they wrote it about, opens only while everybody that it may be about is known, and leaves with its age.

use super::*;

fn delivery(id: &str, contact: Option<&str>) -> About {
    About::Delivery { id: id.into(), contact: contact.map(str::to_owned) }
}

fn written(text: &str, about: Vec<About>) -> Written {
    Written { guest: "crm@1234".into(), call: "read", text: text.into(), about }
}

fn farewell() -> Farewell {
    Farewell { at: 60, by: "ops".into(), why: "a test".into() }
}

/// The texts that a delivery's story tells.
async fn told(bench: &Bench, delivery: &str) -> Vec<Option<String>> {
    let why = bench.store.why(delivery, None).await.unwrap().unwrap();
    why.deliveries[0].wrote.iter().map(|wrote| wrote.text.clone()).collect()
}

/// One delivery of Ann's that was read, and one of Bob's that was not yet.
async fn two_deliveries(bench: &Bench) -> (String, String) {
    let (ann, bob) = (bench.put(1).await, bench.put(2).await);
    assert_eq!(bench.store.settle_read(read(&ann, "ann", None, &["a"])).await.unwrap().taken, [true]);
    (ann, bob)
}

fn is_anywhere(bench: &Bench, text: &str) -> bool {
    std::fs::read_dir(bench.dir.path()).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file() && memchr::memmem::find(&std::fs::read(path).unwrap(), text.as_bytes()).is_some()
    })
}

#[tokio::test]
async fn lines_open_until_one_of_those_they_may_be_about_is_forgotten() {
    let bench = bench().await;
    let (ann, bob) = two_deliveries(&bench).await;
    let all = vec![
        written("canary-alone", vec![delivery(&ann, None)]),
        written(
            "canary-both",
            vec![delivery(&ann, Some("ann")), delivery(&bob, Some("bob")), delivery("d_gone", None)],
        ),
    ];
    bench.store.keep_written(20, all).await.unwrap();
    let both = Some("canary-both".to_owned());
    assert_eq!(told(&bench, &ann).await, [Some("canary-alone".to_owned()), both.clone()]);
    let why = bench.store.why(&bob, None).await.unwrap().unwrap();
    let wrote = WhyWritten { at: 20, guest: "crm@1234".into(), call: "read".into(), about: 2, text: both };
    assert_eq!(why.deliveries[0].wrote, [wrote]);
    assert!(!is_anywhere(&bench, "canary"), "they are sealed");

    let bench = bench.reopened().await;
    // Bob's delivery was not read yet, but what was written while it was is his.
    assert_eq!(bench.store.forget(Some("shop"), "bob", farewell()).await.unwrap().contacts, 1);
    assert_eq!(told(&bench, &ann).await, [Some("canary-alone".to_owned()), None]);
    assert_eq!(told(&bench, &bob).await, [None]);
    bench.store.forget(Some("shop"), "ann", farewell()).await.unwrap();
    assert_eq!(told(&bench, &ann).await, [None, None]);
    bench.store.keep_written(70, vec![written("late", vec![delivery(&ann, None)])]).await.unwrap();
    assert_eq!(told(&bench, &ann).await.len(), 2, "of who is forgotten nothing is kept");
}

#[tokio::test]
async fn an_event_and_a_command_keep_the_latest_few_calls_and_what_nothing_keeps_is_gone() {
    let bench = bench().await;
    bench.translated(&[("e", 900)]).await;
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    let event = About::Event(claim.events[0].row);
    for at in 0..10 {
        bench.store.keep_written(at, vec![written(&format!("call {at}"), vec![event.clone()])]).await.unwrap();
    }
    let why = bench.store.why("e", None).await.unwrap().unwrap();
    let wrote: Vec<&str> = why.changes[0].events[0].wrote.iter().filter_map(|wrote| wrote.text.as_deref()).collect();
    assert_eq!(wrote, (2..10).map(|at| format!("call {at}")).collect::<Vec<_>>());
    let count = async |table: &'static str| {
        let count = bench.store.read(move |rows| {
            Ok(rows.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))?)
        });
        count.await.unwrap()
    };
    assert_eq!((count("written").await, count("written_of").await), (8, 8));
    let swept = bench.store.sweep(1_006, Retention { done_ms: 1_000, ..retention::RETENTION }).await.unwrap();
    assert_eq!(swept.written, 4, "those of before 6");
    assert_eq!((count("written").await, count("written_of").await), (4, 4));
}
