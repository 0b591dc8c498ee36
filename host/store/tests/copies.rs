//! Copies of a store in use, and putting one back.

use std::path::{Path, PathBuf};

use super::*;

fn wish() -> Farewell {
    Farewell { at: 60, by: "ops".into(), why: "a test".into() }
}

fn in_file(path: &Path, bytes: &[u8]) -> bool {
    memchr::memmem::find(&std::fs::read(path).unwrap(), bytes).is_some()
}

async fn key_of(bench: &Bench, contact: &'static str) -> Vec<u8> {
    let found = bench.store.read(move |rows| {
        let subject = rows.contact("shop", contact);
        Ok(rows.db.query_row("SELECT wrapped FROM contact_key WHERE subject = ?1", [subject], |row| row.get(0))?)
    });
    found.await.unwrap()
}

/// A copy of a bench with one event that waits and one that was sent, in a directory of its own.
async fn copied(bench: &Bench) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let away = tempfile::tempdir().unwrap();
    let (file, keys) = (away.path().join("copy"), away.path().join("copy.keys"));
    let made = bench.store.back_up(file.clone(), keys.clone()).await.unwrap();
    assert!(made.bytes > 0 && made.key_count > 0);
    (away, file, keys)
}

async fn sent_and_waiting() -> Bench {
    let bench = bench().await;
    bench.translated(&[("sent", 100), ("waits", 900)]).await;
    let claim = bench.store.claim_events("ads", 30, 1, "sink").await.unwrap().unwrap();
    let done = vec![(claim.events[0].row, Verdict::Done { trace: Some("T".into()) })];
    bench.store.settle_shipped(shipped(claim.attempt, done)).await.unwrap();
    bench
}

#[tokio::test]
async fn a_copy_holds_no_key_and_its_key_file_only_keys() {
    let bench = sent_and_waiting().await;
    let (away, file, keys) = copied(&bench).await;
    let key = key_of(&bench, "ann").await;
    assert!(!in_file(&file, &key) && in_file(&keys, &key));
    assert_eq!(std::fs::read_dir(away.path()).unwrap().count(), 2, "nothing half-made is left");
    let vault_key = std::fs::read(bench.dir.path().join("vault.key")).unwrap();
    assert!(!in_file(&file, vault_key.trim_ascii()) && !in_file(&keys, vault_key.trim_ascii()));
    // The store itself goes on as if nothing had been, and is never taken for a copy's place.
    assert_eq!(bench.store.claim_events("ads", 30, 9, "sink").await.unwrap().unwrap().events[0].event_id, "waits");
    let own = bench.dir.path().join(STORE_FILE);
    assert!(matches!(bench.store.back_up(own, keys.clone()).await, Err(StoreError::Backup { .. })));
    assert!(matches!(bench.store.back_up(keys.clone(), keys).await, Err(StoreError::Backup { .. })));
    let nowhere = away.path().join("no").join("copy");
    assert!(bench.store.back_up(nowhere.clone(), nowhere.with_extension("keys")).await.is_err());
}

#[tokio::test]
async fn a_copy_in_use_is_of_one_moment() {
    let bench = bench().await;
    let store = bench.store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            store.put(incoming(number)).await.unwrap();
        }
    });
    let (_away, file, _) = {
        bench.put(100_000).await;
        copied(&bench).await
    };
    writing.await.unwrap();
    let copy = Connection::open(&file).unwrap();
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let rows: i64 = copy.query_row("SELECT count(*) FROM inbox", [], |row| row.get(0)).unwrap();
    assert_eq!((sound.as_str(), rows > 0), ("ok", true));
}

#[tokio::test]
async fn what_is_put_back_on_an_empty_place_waits_paused_and_may_repeat() {
    let bench = sent_and_waiting().await;
    let (_away, file, keys) = copied(&bench).await;
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("state");
    let restored = Store::restore(dir.clone(), bench.vault.clone(), file, keys, 90, false).await.unwrap();
    assert_eq!((restored.told_since, restored.may_repeat, restored.replaced), (0, 1, None));
    let store = Store::open(dir, bench.vault.clone()).await.unwrap();
    assert!(store.claim_events("ads", 90, 9, "sink").await.unwrap().is_none(), "paused");
    store.resume(PauseScope::All).await.unwrap();
    let claim = store.claim_events("ads", 90, 9, "sink").await.unwrap().unwrap();
    assert_eq!((claim.events.len(), claim.events[0].bytes.as_slice()), (1, b"waits".as_slice()), "its key is back");
    assert_eq!(store.status(90).await.unwrap().destinations["ads"].ambiguous, 1);
}

#[tokio::test]
async fn what_was_told_or_forgotten_since_stays_so() {
    let bench = sent_and_waiting().await;
    let (away, file, keys) = copied(&bench).await;
    // After the copy: the event that waited is sent, another is made and sent, and Ann is forgotten.
    let later = bench.put(50).await;
    bench.store.settle_read(read(&later, "bob", None, &["b1"])).await.unwrap();
    let row = bench.store.claim_changes("shop", 10, 9).await.unwrap()[0].row;
    bench.store.settle_translated(translation(row, Translated::Events(vec![event("after", 950)]))).await.unwrap();
    let claim = bench.store.claim_events("ads", 40, 9, "sink").await.unwrap().unwrap();
    assert_eq!(claim.events.len(), 2);
    let done = claim.events.iter().map(|event| (event.row, Verdict::Done { trace: None })).collect();
    bench.store.settle_shipped(shipped(claim.attempt, done)).await.unwrap();
    bench.store.forget(Some("shop"), "ann", wish()).await.unwrap();

    let Bench { store, vault, dir } = bench;
    let refused = Store::restore(dir.path().to_owned(), vault.clone(), file.clone(), keys.clone(), 90, true).await;
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    drop(store);
    let refused = Store::restore(dir.path().to_owned(), vault.clone(), file.clone(), keys.clone(), 90, false).await;
    assert!(refused.unwrap_err().to_string().contains("--replace"));
    let other = Arc::new(Vault::open(away.path(), None).unwrap().0);
    let refused = Store::restore(away.path().join("s"), other, file.clone(), keys.clone(), 90, false).await;
    assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");

    let restored = Store::restore(dir.path().to_owned(), vault.clone(), file, keys, 90, true).await.unwrap();
    assert_eq!((restored.told_since, restored.may_repeat, restored.forgotten_again), (1, 0, 1));
    assert!(restored.replaced.unwrap().exists());
    let bench = Bench { store: Store::open(dir.path().to_owned(), vault.clone()).await.unwrap(), vault, dir };
    bench.store.resume(PauseScope::All).await.unwrap();
    assert!(bench.store.claim_events("ads", 90, 9, "sink").await.unwrap().is_none(), "nothing goes twice");
    let why = bench.store.why("ann", Some("shop")).await.unwrap().unwrap();
    assert_eq!(why.forgotten_at, Some(90));
    let again = bench.put(51).await;
    bench.store.settle_read(read(&again, "bob", None, &["b1"])).await.unwrap();
    let row = bench.store.claim_changes("shop", 10, 9).await.unwrap()[0].row;
    bench.store.settle_translated(translation(row, Translated::Events(vec![event("after", 950)]))).await.unwrap();
    assert!(bench.store.claim_events("ads", 90, 9, "sink").await.unwrap().is_none(), "its id is known to be told");
}

#[tokio::test]
async fn forgetting_waits_for_a_copy_and_questions_do_not() {
    let bench = sent_and_waiting().await;
    let copying = bench.store.0.copying.clone().lock_owned().await;
    let store = bench.store.clone();
    let forgetting = tokio::spawn(async move { store.forget(Some("shop"), "ann", wish()).await.unwrap() });
    while bench.store.why("ann", Some("shop")).await.unwrap().unwrap().forgotten_at.is_none() {
        tokio::task::yield_now().await;
    }
    bench.store.forget_due(61).await.unwrap();
    assert!(!forgetting.is_finished(), "an older page may be in the log still");
    assert_eq!(bench.store.status(60).await.unwrap().destinations["ads"].dropped, 1);
    drop(copying);
    assert_eq!(forgetting.await.unwrap().contacts, 1);
}
