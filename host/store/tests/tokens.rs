//! Grants: tokens, their states, logins.

use super::*;
use crate::vault::Secret;

fn token(access: &str, refresh: Option<&str>) -> NewToken {
    NewToken {
        access: Secret::new(access.into()),
        refresh: refresh.map(|text| Secret::new(text.into())),
        expires_at: Some(900),
        obtained_at: 100,
        scopes: vec!["contacts.readonly".into(), "contacts.write".into()],
        kind: Some("Location".into()),
        location: Some("loc".into()),
        company: None,
    }
}

#[tokio::test]
async fn a_refresh_replaces_only_the_token_it_was_made_from() {
    let bench = bench().await;
    assert!(bench.store.token("shop").await.unwrap().is_none());
    assert!(!bench.store.put_token("shop", token("a0", None), Some(1)).await.unwrap(), "there is none to replace");
    assert!(bench.store.put_token("shop", token("a1", Some("r1")), None).await.unwrap());
    let first = bench.store.token("shop").await.unwrap().unwrap();
    assert_eq!((first.access.expose(), first.refresh.as_ref().unwrap().expose()), ("a1", "r1"));
    assert_eq!((first.state, first.expires_at, first.obtained_at), (GrantState::Live, Some(900), 100));
    assert_eq!((first.scopes.len(), first.location.as_deref(), first.company), (2, Some("loc"), None));

    assert!(bench.store.put_token("shop", token("a2", Some("r2")), Some(first.version)).await.unwrap());
    assert!(!bench.store.put_token("shop", token("stale", None), Some(first.version)).await.unwrap());
    let bench = bench.reopened().await;
    let second = bench.store.token("shop").await.unwrap().unwrap();
    assert_eq!(second.access.expose(), "a2");
    assert!(second.version > first.version);
    assert!(bench.store.put_token("shop", token("a3", None), None).await.unwrap(), "a login replaces what stands");
    assert!(bench.store.token("shop").await.unwrap().unwrap().refresh.is_none());
}

#[tokio::test]
async fn a_holder_that_ended_begins_anew_and_its_old_versions_mean_nothing() {
    let bench = bench().await;
    bench.store.put_token("shop", token("a1", None), None).await.unwrap();
    let old = bench.store.token("shop").await.unwrap().unwrap().version;
    assert!(bench.store.drop_token("shop").await.unwrap());
    assert!(!bench.store.drop_token("shop").await.unwrap());
    assert!(bench.store.token("shop").await.unwrap().is_none());
    let keys = bench
        .store
        .read(|rows| Ok(rows.db.query_row("SELECT count(*) FROM contact_key", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(keys.await.unwrap(), 0, "its key went with it");

    bench.store.put_token("shop", token("a2", None), None).await.unwrap();
    assert!(!bench.store.put_token("shop", token("late", None), Some(old)).await.unwrap());
    // The reading connection knows the destroyed key and must find the new one.
    assert_eq!(bench.store.token("shop").await.unwrap().unwrap().access.expose(), "a2");
    let bench = bench.reopened().await;
    assert_eq!(
        bench.store.token("shop").await.unwrap().unwrap().access.expose(),
        "a2",
        "sealed with a key that stands"
    );
}

#[tokio::test]
async fn a_grants_state_is_noted_and_a_new_token_makes_it_live() {
    let bench = bench().await;
    assert!(!bench.store.set_grant_state("connection:shop", GrantState::Revoked, None, 1).await.unwrap());
    bench.store.put_token("connection:shop", token("a1", Some("r1")), None).await.unwrap();
    bench.store.put_token("cafe", token("b1", None), None).await.unwrap();
    let why = Some("Location is not active".to_owned());
    assert!(bench.store.set_grant_state("connection:shop", GrantState::Suspended, why.clone(), 200).await.unwrap());
    let tokens = bench.store.tokens().await.unwrap();
    assert_eq!(
        tokens.iter().map(|token| (token.holder.as_str(), token.state, token.refreshable)).collect::<Vec<_>>(),
        [("cafe", GrantState::Live, false), ("connection:shop", GrantState::Suspended, true)]
    );
    assert_eq!((&tokens[1].reason, tokens[1].scopes.len()), (&why, 2));

    bench.put(1).await;
    assert_eq!(bench.store.status(1).await.unwrap().connections["shop"].grant, Some(GrantState::Suspended));
    let version = bench.store.token("connection:shop").await.unwrap().unwrap().version;
    assert!(
        bench.store.put_token("connection:shop", token("a2", None), Some(version)).await.unwrap(),
        "the version stands"
    );
    let live = bench.store.token("connection:shop").await.unwrap().unwrap();
    assert_eq!((live.state, live.reason), (GrantState::Live, None));
}

#[tokio::test]
async fn a_login_comes_back_once_and_in_time() {
    let bench = bench().await;
    let login = |state: &str, expires_at| Login {
        state: state.into(),
        source: "crm".into(),
        connection: Some("shop".into()),
        redirect: None,
        expires_at,
    };
    for (state, expires_at) in [("one", 50), ("two", 90), ("three", 91)] {
        bench.store.put_login(login(state, expires_at)).await.unwrap();
    }
    assert_eq!(bench.store.take_login("forged", 10).await.unwrap(), None);
    assert_eq!(bench.store.take_login("two", 10).await.unwrap(), Some(login("two", 90)));
    assert_eq!(bench.store.take_login("two", 10).await.unwrap(), None);
    assert_eq!(bench.store.logins("crm", 10).await.unwrap(), [login("", 91), login("", 50)]);
    assert_eq!(bench.store.take_login("one", 50).await.unwrap(), None, "too late");
    assert_eq!(bench.store.logins("crm", 50).await.unwrap(), [login("", 91)]);
    assert!(bench.store.logins("till", 50).await.unwrap().is_empty());
    assert!(!format!("{:?}", login("canary-state", 1)).contains("canary"));
}

#[tokio::test]
async fn no_secret_of_a_grant_is_in_a_file_or_in_what_is_printed() {
    const CANARIES: [&str; 3] = ["canary-access-91c4", "canary-refresh-91c4", "canary-state-91c4"];
    let bench = bench().await;
    for _ in 0..3 {
        bench.store.put_token("shop", token(CANARIES[0], Some(CANARIES[1])), None).await.unwrap();
    }
    bench.store.put_token("cafe", token(CANARIES[0], Some(CANARIES[1])), None).await.unwrap();
    bench.store.drop_token("cafe").await.unwrap();
    let state = CANARIES[2].to_owned();
    let login = Login { state, source: "crm".into(), connection: None, redirect: None, expires_at: 9 };
    bench.store.put_login(login).await.unwrap();
    let printed = format!("{:?} {:?}", bench.store.token("shop").await.unwrap(), token(CANARIES[0], Some(CANARIES[1])));
    let clean = |dir: &std::path::Path| {
        for file in std::fs::read_dir(dir).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            for canary in CANARIES {
                assert!(memchr::memmem::find(&bytes, canary.as_bytes()).is_none(), "{canary} in {}", path.display());
            }
        }
    };
    assert!(CANARIES.iter().all(|canary| !printed.contains(canary)), "{printed}");
    clean(bench.dir.path());
    let bench = bench.reopened().await;
    clean(bench.dir.path());
}
