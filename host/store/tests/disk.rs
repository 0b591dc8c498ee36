//! The directory, the key, the files, the writer.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn a_directory_is_one_conveys_and_private() {
    let bench = bench().await;
    bench.put(1).await;
    let Err(error) = Store::open(bench.dir.path().to_owned(), bench.vault.clone()).await else {
        panic!("opened twice")
    };
    assert!(matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&bench.dir.path().display().to_string()), "{error}");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.dir.path()), 0o700);
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    bench.reopened().await;
}

#[tokio::test]
async fn another_key_and_a_newer_store_are_refused() {
    let bench = bench().await;
    let Bench { store, vault, dir } = bench;
    drop(store);
    let elsewhere = tempfile::tempdir().unwrap();
    let wrong = Arc::new(Vault::open(elsewhere.path(), None).unwrap().0);
    assert!(matches!(Store::open(dir.path().to_owned(), wrong).await, Err(StoreError::WrongKey)));

    let db = Connection::open(dir.path().join(STORE_FILE)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(Store::open(dir.path().to_owned(), vault).await, Err(StoreError::Newer { found: 99, .. })));
}

#[tokio::test]
async fn no_file_holds_a_canary_in_the_clear() {
    const CANARY: &str = "canary-7f3a@example.org";
    let bench = bench().await;
    let body = CANARY.as_bytes().to_vec();
    let headers = vec![("x-note".to_owned(), CANARY.to_owned())];
    let Put::Stored { delivery } =
        bench.store.put(Incoming { body: body.clone(), headers, ..incoming(1) }).await.unwrap()
    else {
        panic!("known")
    };
    let mut settlement = read(&delivery, CANARY, None, &["fact"]);
    settlement.catalogue = Some(body.clone());
    settlement.groups[0].memory = Some(body.clone());
    let change = NewChange { id: "fact".into(), kind: "tag".into(), occurred_at: 1, bytes: body.clone(), made: None };
    settlement.groups[0].deliveries[0].answer = Told::Changes(vec![change]);
    bench.store.settle_read(settlement).await.unwrap();
    let row = bench.store.claim_changes("shop", 10, 1).await.unwrap()[0].row;
    let event = NewEvent { bytes: body, ..event("e", 1) };
    bench.store.settle_translated(translation(row, Translated::Events(vec![event]))).await.unwrap();

    let seen = |dir: &std::path::Path| -> usize {
        let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        files
            .map(|path| {
                let bytes = std::fs::read(&path).unwrap();
                assert!(memchr::memmem::find(&bytes, CANARY.as_bytes()).is_none(), "{}", path.display());
                bytes.len()
            })
            .sum()
    };
    assert!(seen(bench.dir.path()) > 10_000, "the log holds the rows while the store is open");
    let bench = bench.reopened().await;
    seen(bench.dir.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_wait_share_a_transaction() {
    let bench = bench().await;
    let before = bench.store.commits();
    let puts: Vec<_> = (0..64)
        .map(|number| {
            let store = bench.store.clone();
            tokio::spawn(async move { store.put(incoming(number)).await.unwrap() })
        })
        .collect();
    for put in puts {
        assert!(matches!(put.await.unwrap(), Put::Stored { .. }));
    }
    let commits = bench.store.commits() - before;
    assert!((1..64).contains(&commits), "{commits} transactions for 64 puts");
}

#[tokio::test]
async fn a_failing_step_fails_alone_and_its_new_key_is_not_used_again() {
    let bench = bench().await;
    // All three are in the queue before the writer can be done with the first.
    let failing = bench.store.write("test", 0, |rows| {
        let subject = rows.location("crm", "loc");
        rows.seal("inbox", &["x"], &subject, b"undone")?;
        Err::<(), _>(StoreError::Closed)
    });
    let (first, failed, second) = tokio::join!(
        bench.store.put(Incoming { location: "other".into(), ..incoming(1) }),
        failing,
        bench.store.put(incoming(2))
    );
    assert!(first.is_ok() && matches!(failed, Err(StoreError::Closed)) && second.is_ok());
    let bench = bench.reopened().await;
    assert_eq!(bench.claimed("shop", 10, 10, 10).await.len(), 2, "both rows open");
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_store_goes_on_once_there_is_room() {
    let bench = bench().await;
    bench.put(1).await;
    let limit = |pages: &'static str| {
        bench.store.write("test", 0, move |rows| {
            Ok(rows.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))?)
        })
    };
    let least = limit("1").await.unwrap();
    assert!(least > 1, "SQLite keeps at least the pages there are");
    let big = || Incoming { body: vec![b'x'; 200_000], ..incoming(2) };
    let error = bench.store.put(big()).await.unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!(!bench.store.writable());
    assert_eq!(bench.claimed("shop", 10, 10, 10).await.len(), 1, "reading goes on");
    limit("1000000").await.unwrap();
    assert!(matches!(bench.store.put(big()).await.unwrap(), Put::Stored { .. }));
    assert!(bench.store.writable());
}

#[tokio::test]
async fn no_claim_scans_a_table() {
    let bench = bench().await;
    let mut queries = vec![
        crate::store::inbox::CLAIM_DELIVERIES.to_owned(),
        crate::store::held::CLAIM_UNMET.to_owned(),
        crate::store::change::CLAIM_CHANGES.to_owned(),
        crate::store::outbox::CLAIM_EVENTS.to_owned(),
    ];
    let lanes =
        [crate::store::inbox::DELIVERY_LANES, crate::store::change::CHANGE_LANES, crate::store::outbox::EVENT_LANES];
    queries.extend(lanes.map(crate::store::lane::Lanes::sql));
    for (query, plan) in plans(&bench, queries).await {
        for word in ["SCAN inbox", "SCAN change", "SCAN outbox", "TEMP B-TREE"] {
            // The index of held deliveries holds no other row, so its whole is what is asked for.
            let found = plan.replace("SCAN inbox USING INDEX inbox_unmet", "SEARCH");
            assert!(!found.contains(word), "{query}\n{plan}");
        }
        assert!(plan.contains("SEARCH") || plan.contains("inbox_unmet"), "{query}\n{plan}");
    }
}
