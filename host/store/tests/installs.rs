//! Installs, and held deliveries that may be one.

use super::*;

fn installed(location: &str, company: Option<&str>, at: u64) -> Installed {
    Installed {
        name: format!("crm-{location}"),
        source: "crm".into(),
        location: location.into(),
        company: company.map(str::to_owned),
        at,
        removed_at: None,
    }
}

fn pause(name: &str) -> Pause {
    let scope = PauseScope::Connection(name.into());
    Pause { scope, reason: "installed: look at it first".into(), at: 10, by: "install".into(), heals: false }
}

#[tokio::test]
async fn an_install_is_noted_once_with_its_pause() {
    let bench = bench().await;
    assert!(bench.store.install(installed("a", None, 10), Some(pause("crm-a"))).await.unwrap());
    assert_eq!(bench.store.pauses().await.unwrap(), [pause("crm-a")]);
    assert!(bench.store.resume(pause("crm-a").scope).await.unwrap());
    assert!(!bench.store.install(installed("a", None, 20), Some(pause("crm-a"))).await.unwrap());
    assert!(bench.store.pauses().await.unwrap().is_empty(), "a word that came twice does not pause it again");
    assert_eq!(bench.store.installed().await.unwrap(), [installed("a", None, 10)]);

    let taken = Installed { name: "crm-a".into(), ..installed("b", None, 30) };
    assert!(bench.store.install(taken, Some(pause("crm-b"))).await.is_err(), "the name is another location's");
    assert!(bench.store.pauses().await.unwrap().is_empty(), "no pause without its install");
}

#[tokio::test]
async fn a_removal_is_undone_by_a_later_install_and_by_no_earlier_one() {
    let bench = bench().await;
    bench.store.install(installed("a", Some("co"), 10), None).await.unwrap();
    assert!(bench.store.uninstall("crm", Some("a"), None, 9).await.unwrap().is_empty(), "older than the install");
    assert_eq!(bench.store.uninstall("crm", Some("a"), None, 50).await.unwrap(), ["crm-a"]);
    assert!(bench.store.uninstall("crm", Some("a"), None, 60).await.unwrap().is_empty());
    assert_eq!(bench.store.installed().await.unwrap()[0].removed_at, Some(50));
    assert!(!bench.store.install(installed("a", None, 40), None).await.unwrap(), "it came late");

    let renamed = Installed { name: "new".into(), ..installed("a", None, 70) };
    assert!(bench.store.install(renamed, Some(pause("new"))).await.unwrap());
    assert_eq!(bench.store.installed().await.unwrap(), [installed("a", Some("co"), 70)], "its old name and company");
    assert_eq!(bench.store.pauses().await.unwrap(), [pause("crm-a")]);
}

#[tokio::test]
async fn a_company_goes_with_all_its_locations() {
    let bench = bench().await;
    for (location, company) in [("a", Some("co")), ("b", Some("co")), ("c", Some("other")), ("d", None)] {
        bench.store.install(installed(location, company, 10), None).await.unwrap();
    }
    assert!(bench.store.uninstall("till", None, Some("co"), 20).await.unwrap().is_empty());
    assert!(bench.store.uninstall("crm", None, None, 20).await.unwrap().is_empty());
    let mut gone = bench.store.uninstall("crm", None, Some("co"), 20).await.unwrap();
    gone.sort();
    assert_eq!(gone, ["crm-a", "crm-b"]);
}

#[tokio::test]
async fn a_held_delivery_is_looked_at_once() {
    let bench = bench().await;
    let mut ids = Vec::new();
    for number in [2, 1, 3] {
        let held = Incoming { connection: None, location: format!("l{number}"), ..incoming(number) };
        let Put::Stored { delivery } = bench.store.put(held).await.unwrap() else { panic!("known") };
        ids.push(delivery);
    }
    bench.put(4).await;
    let unmet = bench.store.claim_unmet(2).await.unwrap();
    assert_eq!(unmet.iter().map(|held| held.location.as_str()).collect::<Vec<_>>(), ["l1", "l2"]);
    assert_eq!(
        (unmet[0].connection.as_str(), unmet[0].source.as_str(), unmet[0].body.as_slice()),
        ("", "crm", b"body 1".as_slice())
    );

    let met = |id: &str, kind: &str, lifecycle| Met { id: id.into(), kind: kind.into(), lifecycle };
    let words = vec![met(&unmet[0].id, "INSTALL", true), met(&unmet[1].id, "ContactCreate", false)];
    bench.store.settle_met(words.clone()).await.unwrap();
    bench.store.settle_met(words).await.unwrap();
    assert_eq!(bench.store.claim_unmet(9).await.unwrap()[0].location, "l3");
    let accounts = bench.store.account(Some(&["w1".to_owned(), "w2".to_owned()])).await.unwrap();
    assert_eq!(
        accounts.iter().map(|one| (one.state.as_str(), one.reason.as_deref())).collect::<Vec<_>>(),
        [("held", None), ("silent", Some("lifecycle"))]
    );
    let status = bench.store.status(9).await.unwrap();
    assert_eq!((status.held.len(), status.connections.len()), (2, 1));

    assert_eq!(bench.store.adopt("crm", "l2", "cafe").await.unwrap(), 1, "it waited for its connection");
    bench.store.settle_met(vec![met(&ids[0], "INSTALL", true)]).await.unwrap();
    assert_eq!(bench.claimed("cafe", 9, 9, 9).await[0].id, ids[0], "held no more, and left alone");
    let retention = Retention { webhook_ids_ms: 900, held_ms: 900, done_ms: 10, ..retention::RETENTION };
    assert_eq!(bench.store.sweep(100, retention).await.unwrap().deliveries, 1, "a word about the app leaves too");
}

#[tokio::test]
async fn what_an_install_brought_is_forgotten_once_after_its_end() {
    let bench = bench().await;
    bench.translated(&[("a", 900)]).await;
    let shop = Installed {
        name: "shop".into(),
        source: "crm".into(),
        location: "loc".into(),
        company: None,
        at: 10,
        removed_at: None,
    };
    assert!(bench.store.install(shop.clone(), None).await.unwrap());
    assert!(bench.store.installs_to_forget(1_000).await.unwrap().is_empty(), "it stands");
    bench.store.uninstall("crm", Some("loc"), None, 50).await.unwrap();
    assert!(bench.store.installs_to_forget(50).await.unwrap().is_empty(), "its grace is not over");
    assert_eq!(bench.store.installs_to_forget(51).await.unwrap()[0].name, "shop");
    let wish = Farewell { at: 90, by: "convey".into(), why: "its app was taken out".into() };
    let forgotten = bench.store.forget_connection("shop", "crm", "loc", wish).await.unwrap();
    assert_eq!((forgotten.contacts, forgotten.events_dropped), (1, 1));
    assert!(bench.store.installs_to_forget(1_000).await.unwrap().is_empty(), "once");
    assert!(bench.store.install(Installed { at: 100, ..shop }, None).await.unwrap());
    bench.store.uninstall("crm", Some("loc"), None, 200).await.unwrap();
    assert_eq!(bench.store.installs_to_forget(201).await.unwrap().len(), 1, "and again, once it was back");
}
