//! From the door to changes.

use super::*;

#[tokio::test]
async fn a_delivery_is_stored_once_and_comes_out_as_it_came() {
    let bench = bench().await;
    let id = bench.put(7).await;
    assert_eq!(bench.store.put(incoming(7)).await.unwrap(), Put::Known);
    let other = Incoming { source: "till".into(), ..incoming(7) };
    assert!(matches!(bench.store.put(other).await.unwrap(), Put::Stored { .. }));

    let bench = bench.reopened().await;
    assert_eq!(bench.store.put(incoming(7)).await.unwrap(), Put::Known);
    let claimed = bench.claimed("shop", 7, 10, 10).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!((&claimed[0].id, &claimed[0].body), (&id, &b"body 7".to_vec()));
    assert_eq!(claimed[0].headers, incoming(7).headers);
    assert_eq!((claimed[0].received_at, claimed[0].tries, &claimed[0].origin), (7, 0, &Origin::Webhook));
}

#[tokio::test]
async fn a_report_is_taken_once_a_key_and_the_key_stays_with_what_it_said() {
    let bench = bench().await;
    let report = |key: &str, contact: &str, body: &str| Incoming {
        webhook_id: key.into(),
        origin: Origin::Reported(contact.into()),
        body: body.into(),
        ..incoming(7)
    };
    let taken = bench.store.report(report("order ann@shop.io", "c", "{}")).await.unwrap();
    let Taken::Stored { delivery } = taken else { panic!("{taken:?}") };
    let bench = bench.reopened().await;
    let known = Taken::Known { delivery: Some(delivery.clone()) };
    assert_eq!(bench.store.report(report("order ann@shop.io", "c", "{}")).await.unwrap(), known);
    for other in [report("order ann@shop.io", "c", "{1}"), report("order ann@shop.io", "d", "{}")] {
        assert_eq!(bench.store.report(other).await.unwrap(), Taken::Differs);
    }
    let cafe = Incoming { connection: Some("cafe".into()), ..report("order ann@shop.io", "c", "{1}") };
    assert!(matches!(bench.store.report(cafe).await.unwrap(), Taken::Stored { .. }), "keys are a connection's own");
    let claimed = bench.claimed("shop", 7, 10, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((&claimed[0].id, &claimed[0].origin), (&delivery, &Origin::Reported("c".into())));
    assert!(!claimed[0].webhook_id.contains("ann"), "a key may name a person: {}", claimed[0].webhook_id);
    // Read, and with that sealed for its contact: it is still known.
    assert_eq!(bench.store.settle_read(read(&delivery, "c", None, &["fact"])).await.unwrap().taken, [true]);
    assert_eq!(bench.store.report(report("order ann@shop.io", "c", "{}")).await.unwrap(), known);
    assert_eq!(bench.store.report(report("order ann@shop.io", "c", "[]")).await.unwrap(), Taken::Differs);
}

#[tokio::test]
async fn lanes_are_told_apart_and_nothing_is_claimed_before_its_time() {
    let bench = bench().await;
    for number in [3, 1, 2, 900] {
        bench.put(number).await;
    }
    bench.store.put(Incoming { connection: Some("cafe".into()), ..incoming(4) }).await.unwrap();
    let lane = |name: &str, oldest| Waiting { name: name.into(), oldest };
    assert_eq!(
        bench.store.connections_waiting(10).await.unwrap(),
        [lane("shop", 1), lane("cafe", 4)],
        "longest due first"
    );
    assert_eq!(bench.store.connections_waiting(3).await.unwrap(), [lane("shop", 1)]);
    assert_eq!(bench.store.deliveries_waiting("shop", 10).await.unwrap(), 4);
    assert_eq!(bench.store.deliveries_waiting("shop", 2).await.unwrap(), 2, "counted so far and no further");
    let claimed = bench.claimed("shop", 10, 2, 2).await;
    assert_eq!(claimed.iter().map(|delivery| delivery.received_at).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_held_delivery_waits_for_its_location() {
    let bench = bench().await;
    bench.store.put(Incoming { connection: None, ..incoming(1) }).await.unwrap();
    bench.store.put(Incoming { connection: None, location: "elsewhere".into(), ..incoming(2) }).await.unwrap();
    assert!(bench.store.connections_waiting(10).await.unwrap().is_empty());
    assert_eq!(bench.store.status(10).await.unwrap().held.len(), 2);
    assert_eq!(bench.store.adopt("crm", "loc", "shop").await.unwrap(), 1);
    assert_eq!(bench.store.adopt("crm", "loc", "shop").await.unwrap(), 0);
    assert_eq!(bench.claimed("shop", 10, 10, 10).await[0].body, b"body 1");
}

#[tokio::test]
async fn memory_that_moved_on_leaves_its_group_unwritten() {
    let bench = bench().await;
    let (first, second) = (bench.put(1).await, bench.put(2).await);
    let remembering = |delivery: &str, expected, memory: &str| {
        let mut settlement = read(delivery, "ann", expected, &[memory]);
        settlement.groups[0].memory = Some(memory.as_bytes().to_vec());
        settlement
    };
    let ann = ["ann".to_owned(), "bob".to_owned()];
    assert_eq!(bench.store.settle_read(remembering(&first, None, "one")).await.unwrap().taken, [true]);
    assert_eq!(bench.store.settle_read(remembering(&second, None, "stale")).await.unwrap().taken, [false]);

    let memories = bench.store.memories("shop", &ann).await.unwrap();
    assert!(memories[0] == Some(Remembered { version: 1, bytes: b"one".to_vec() }) && memories[1].is_none());
    assert_eq!(bench.claimed("shop", 10, 10, 10).await[0].id, second, "still waits");
    assert_eq!(bench.store.claim_changes("shop", 10, 10).await.unwrap().len(), 1);

    assert_eq!(bench.store.settle_read(remembering(&second, Some(1), "two")).await.unwrap().taken, [true]);
    assert_eq!(bench.store.memories("shop", &ann).await.unwrap()[0].as_ref().unwrap().version, 2);
    assert!(bench.claimed("shop", 10, 10, 10).await.is_empty());
}

#[tokio::test]
async fn one_stale_contact_does_not_hold_its_neighbours() {
    let bench = bench().await;
    let (ann, bob) = (bench.put(1).await, bench.put(2).await);
    let mut both = read(&ann, "ann", Some(9), &["a"]);
    both.groups.extend(read(&bob, "bob", None, &["b"]).groups);
    both.catalogue = Some(b"fields".to_vec());
    assert_eq!(bench.store.settle_read(both).await.unwrap().taken, [false, true]);
    assert_eq!(bench.claimed("shop", 10, 10, 10).await[0].id, ann);
    assert_eq!(bench.store.catalogue("shop").await.unwrap(), Some(b"fields".to_vec()));
    assert_eq!(bench.store.catalogue("cafe").await.unwrap(), None);
}

#[tokio::test]
async fn twins_tell_a_change_once_and_both_account_for_it() {
    let bench = bench().await;
    let (first, twin) = (bench.put(1).await, bench.put(2).await);
    bench.store.settle_read(read(&first, "ann", None, &["fact"])).await.unwrap();
    bench.store.settle_read(read(&twin, "ann", None, &["fact"])).await.unwrap();
    bench.store.settle_read(read(&twin, "ann", None, &["late repeat of a settled step"])).await.unwrap();
    assert_eq!(bench.store.claim_changes("shop", 10, 10).await.unwrap().len(), 1);
    let accounts = bench.store.account(None).await.unwrap();
    assert_eq!(accounts.iter().map(|account| account.state.as_str()).collect::<Vec<_>>(), ["done", "silent"]);
    assert_eq!(accounts[1].reason.as_deref(), Some("repeated"));
    assert_eq!(accounts[0].changes, accounts[1].changes);
    assert_eq!(accounts[0].changes[0].id, "fact");
    let one = bench.store.account(Some(&["w2".to_owned(), "w9".to_owned()])).await.unwrap();
    assert_eq!(one, accounts[1..]);
}

#[tokio::test]
async fn a_retried_delivery_comes_back_at_its_time_and_counts_its_tries() {
    let bench = bench().await;
    let (slow, silent, dead) = (bench.put(1).await, bench.put(2).await, bench.put(3).await);
    for (id, answer) in [
        (&slow, Told::Retry { at: 50, reason: "throttled".into() }),
        (&silent, Told::Silent("own_write".into())),
        (&dead, Told::Dead { reason: "contact deleted".into() }),
    ] {
        let mut settlement = read(id, "ann", None, &[]);
        settlement.groups[0].deliveries[0].answer = answer;
        bench.store.settle_read(settlement).await.unwrap();
    }
    assert!(bench.claimed("shop", 49, 10, 10).await.is_empty());
    let again = bench.claimed("shop", 50, 10, 10).await;
    // Sealed anew under the contact's key by now, and it still opens.
    assert_eq!((again[0].tries, again[0].body.as_slice()), (1, b"body 1".as_slice()));
    let shop = &bench.store.status(50).await.unwrap().connections["shop"];
    assert_eq!((shop.waiting, shop.oldest, shop.dead, shop.silent["own_write"]), (1, Some(1), 1, 1));
}

#[tokio::test]
async fn a_damaged_row_dies_and_its_neighbours_are_claimed() {
    let bench = bench().await;
    bench.put(1).await;
    bench.put(2).await;
    bench
        .store
        .write("damage", 0, |rows| Ok(rows.db.execute("UPDATE inbox SET sealed = zeroblob(90) WHERE row = 1", [])?))
        .await
        .unwrap();
    assert_eq!(bench.claimed("shop", 10, 10, 10).await.len(), 1);
    assert_eq!(bench.store.status(10).await.unwrap().connections["shop"].dead, 1);
}
