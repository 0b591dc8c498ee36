//! Polls: pages, cursors, failures, beginnings; catalogues' age and allowances.

use super::*;
use crate::store::Use;

fn page(ids: &[&str], cursor: Option<&str>, more: bool, now: u64) -> PolledPage {
    PolledPage {
        connection: "shop".into(),
        source: "crm".into(),
        location: "loc".into(),
        sweep: Sweep::Updates,
        rows: ids.iter().map(|id| ((*id).to_owned(), id.as_bytes().to_vec())).collect(),
        cursor: cursor.map(str::to_owned),
        more,
        started_at: 100,
        now,
        first: false,
    }
}

#[tokio::test]
async fn a_page_and_its_cursor_are_stored_and_a_row_is_a_delivery_once() {
    let bench = bench().await;
    assert_eq!(bench.store.poll_state("shop", Sweep::Updates).await.unwrap(), None);
    let first = PolledPage { first: true, ..page(&["ann@1", "bob@1"], Some("c1"), true, 110) };
    assert_eq!(bench.store.put_page(first).await.unwrap(), PutPage { stored: 2, known: 0 });
    let second = page(&["bob@1", "cem@1"], Some("c2"), false, 120);
    assert_eq!(bench.store.put_page(second).await.unwrap(), PutPage { stored: 1, known: 1 });
    let sweep = PolledPage { sweep: Sweep::Everything, ..page(&["ann@1"], None, true, 130) };
    assert_eq!(bench.store.put_page(sweep).await.unwrap().stored, 1, "a sweep's row is a delivery of its own");

    let bench = bench.reopened().await;
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.cursor.as_deref(), state.more, state.pages), (Some("c2"), false, 2));
    assert_eq!((state.started_at, state.page_at, state.finished_at), (100, 120, Some(120)));
    let claimed = bench.claimed("shop", 200, 10, 10).await;
    assert_eq!(
        claimed.iter().map(|row| (row.webhook_id.as_str(), &row.origin, row.body.as_slice())).collect::<Vec<_>>(),
        [
            ("poll.shop.ann@1", &Origin::Poll, b"ann@1".as_slice()),
            ("poll.shop.bob@1", &Origin::Poll, b"bob@1"),
            ("poll.shop.cem@1", &Origin::Poll, b"cem@1"),
            ("sweep.shop.ann@1", &Origin::Sweep, b"ann@1"),
        ]
    );
    assert!(claimed.iter().all(|row| row.source == "crm" && row.location == "loc" && row.connection == "shop"));

    let next = PolledPage { first: true, started_at: 300, ..page(&[], Some("c3"), true, 310) };
    bench.store.put_page(next).await.unwrap();
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.pages, state.more, state.finished_at), (1, true, Some(120)), "the poll before stays finished");
    let polls = bench.store.polls().await.unwrap();
    assert_eq!(polls.iter().map(|poll| poll.sweep).collect::<Vec<_>>(), [Sweep::Everything, Sweep::Updates]);
    assert_eq!(bench.store.status(400).await.unwrap().connections["shop"].polls, polls);
}

#[tokio::test]
async fn a_failing_row_leaves_neither_rows_nor_cursor() {
    let bench = bench().await;
    let first = PolledPage { first: true, ..page(&["ann@1"], Some("c1"), true, 110) };
    bench.store.put_page(first).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON inbox WHEN new.webhook_id LIKE '%bad%'
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    bench.store.write("test", 0, move |rows| Ok(rows.db.execute_batch(refuse)?)).await.unwrap();
    assert!(bench.store.put_page(page(&["bob@1", "bad"], Some("c2"), false, 120)).await.is_err());
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.cursor.as_deref(), state.more, state.pages), (Some("c1"), true, 1));
    assert_eq!(bench.claimed("shop", 200, 10, 10).await.len(), 1);

    let forget = "DROP TRIGGER refuse; CREATE TRIGGER refuse BEFORE UPDATE ON poll
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    bench.store.write("test", 0, move |rows| Ok(rows.db.execute_batch(forget)?)).await.unwrap();
    assert!(bench.store.put_page(page(&["bob@1"], Some("c2"), false, 120)).await.is_err());
    assert_eq!(bench.claimed("shop", 200, 10, 10).await.len(), 1, "no row without its cursor");
}

#[tokio::test]
async fn failures_are_counted_and_a_page_ends_them() {
    let bench = bench().await;
    for at in [50, 60] {
        bench.store.poll_failed("shop", Sweep::Updates, format!("busy at {at}"), at).await.unwrap();
    }
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.tries, state.error.as_deref(), state.failed_at), (2, Some("busy at 60"), Some(60)));
    assert_eq!((state.cursor, state.pages, state.page_at, state.finished_at), (None, 0, 50, None));
    bench.store.put_page(PolledPage { first: true, ..page(&[], Some("c1"), true, 110) }).await.unwrap();
    bench.store.poll_failed("shop", Sweep::Updates, "busy".into(), 120).await.unwrap();
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.cursor.as_deref(), state.tries, state.more, state.page_at), (Some("c1"), 1, true, 110));
    bench.store.put_page(page(&[], None, false, 130)).await.unwrap();
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!((state.cursor, state.tries, state.error, state.failed_at, state.pages), (None, 0, None, None, 2));
}

#[tokio::test]
async fn a_cursor_is_sealed() {
    let bench = bench().await;
    let cursor = "canary-cursor-ann@example.org";
    bench.store.put_page(page(&[], Some(cursor), false, 130)).await.unwrap();
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, cursor.as_bytes()).is_none());
    }
    let state = bench.store.poll_state("shop", Sweep::Updates).await.unwrap().unwrap();
    assert_eq!(state.cursor.as_deref(), Some(cursor));
}

#[tokio::test]
async fn a_connection_begins_once_and_an_older_stores_began_with_its_first_delivery() {
    let bench = bench().await;
    assert_eq!(bench.store.first_seen("shop", 70).await.unwrap(), 70);
    assert_eq!(bench.store.first_seen("shop", 90).await.unwrap(), 70);
    assert_eq!(bench.store.first_seen("cafe", 90).await.unwrap(), 90);

    let mut db = Connection::open_in_memory().unwrap();
    db.execute_batch(include_str!("../schema/0001.sql")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    for (id, connection, at) in [("d1", Some("shop"), 40), ("d2", Some("shop"), 30), ("d3", None, 20)] {
        db.execute(
            "INSERT INTO inbox (id, source, connection, webhook_id, location, origin, received_at, state, due_at,
                                subject, sealed) VALUES (?1, 'crm', ?2, ?1, 'loc', 'webhook', ?3, 'done', 1, x'', x'')",
            rusqlite::params![id, connection, at],
        )
        .unwrap();
    }
    schema::migrate(&mut db).unwrap();
    let began = |column: &str| format!("SELECT group_concat({column}) FROM began");
    assert_eq!(db.query_row(&began("connection"), [], |row| row.get::<_, String>(0)).unwrap(), "shop");
    assert_eq!(db.query_row(&began("at"), [], |row| row.get::<_, String>(0)).unwrap(), "30");
}

#[tokio::test]
async fn a_catalogue_has_an_age_and_can_be_forgotten() {
    let bench = bench().await;
    let id = bench.put(1).await;
    assert_eq!(bench.store.catalogue_at("shop").await.unwrap(), None);
    let mut settlement = read(&id, "ann", None, &["fact"]);
    settlement.catalogue = Some(b"fields".to_vec());
    bench.store.settle_read(settlement).await.unwrap();
    assert_eq!(bench.store.catalogue_at("shop").await.unwrap(), Some(10));
    assert!(bench.store.forget_catalogue("shop").await.unwrap());
    assert!(!bench.store.forget_catalogue("shop").await.unwrap());
    assert_eq!(bench.store.catalogue("shop").await.unwrap(), None);
}

#[tokio::test]
async fn the_last_use_of_an_allowance_never_moves_back() {
    let bench = bench().await;
    let used = |location: &str, at, spent| Use {
        source: "crm".to_owned(),
        location: location.to_owned(),
        at,
        spent,
        today: at as u32 * 2,
    };
    for (location, at) in [("loc", 50), ("loc", 40), ("far", 10), ("loc", 60), ("loc", 55)] {
        bench.store.mark_use(used(location, at, None)).await.unwrap();
    }
    let bench = bench.reopened().await;
    assert_eq!(bench.store.uses().await.unwrap(), [used("far", 10, None), used("loc", 60, None)]);

    bench.store.mark_use(used("loc", 70, Some(3))).await.unwrap();
    assert_eq!(bench.store.uses().await.unwrap(), [used("far", 10, None), used("loc", 70, Some(3))]);
    bench.store.mark_use(used("loc", 80, None)).await.unwrap();
    assert_eq!(bench.store.uses().await.unwrap()[1], used("loc", 80, None), "in use again, nobody knows how much");
}
