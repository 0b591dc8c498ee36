//! Grants that are lost, asleep, revoked here or taken back there: nothing is lost with them.

use std::time::Duration;

use convey::sandbox::{Kind, Quirks, Subscription};
use http::Method;
use serde_json::{Value, json};

use super::{by_app, calls, grant, killed_while_refreshing, log_in, paused_by, said, waiting};
use crate::rig::{Convey, eventually, sandbox};
use crate::tap::Tap;
use crate::vendor::Vendor;
use crate::wire::letters_of;

/// A vendor without a grace takes the grant along with the answer that was lost: the connection says so and rests, nothing is lost, and a new
/// login lets it go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_lost_asks_for_a_new_login() {
    let sandbox = sandbox(1, 1).await;
    sandbox.set_quirks(Quirks { refresh_grace_ms: 0, ..Quirks::default() });
    let (mut convey, letter) = killed_while_refreshing(&sandbox, "after-refresh-answer:1").await;
    convey.start().await;
    let by = eventually("the connection rests", async || paused_by(&convey, "acme").await).await;
    assert_eq!(by, "convey");
    let standing = grant(&convey, "acme").await;
    assert_eq!(standing["state"], "reconnect", "{standing}");
    assert!(standing["reason"].is_string(), "{standing}");
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued", "invalid_grant"], "asked once more, and not on and on");
    assert_eq!(waiting(&convey).await, Some(1));
    assert!(sandbox.accepted(0).is_empty());
    log_in(&convey).await;
    assert_eq!(paused_by(&convey, "acme").await, None);
    convey.drained().await;
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told([letter.id.as_str()]);
}

/// A location that sleeps is not a grant that is lost: deliveries wait, nobody is asked to log in, and once it wakes they are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_location_sleeps_and_wakes() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let letters = letters_of(&sandbox, Kind::ContactCreated, 3).await;
    let mut convey = by_app(Convey::new(&summary), &summary).on_a_clock();
    convey.start().await;
    log_in(&convey).await;
    let location = format!("/locations/{}", summary.location);
    vendor.control(Method::POST, &format!("{location}/suspend"), &Value::Null).await;
    vendor.control(Method::POST, "/oauth/expire", &json!({})).await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("the CRM says that the location sleeps", async || {
        (grant(&convey, "acme").await["state"] == "suspended").then_some(())
    })
    .await;
    assert_eq!(waiting(&convey).await, Some(3));
    assert_eq!(paused_by(&convey, "acme").await, None, "there is nothing that a person must do");
    vendor.control(Method::POST, &format!("{location}/activate"), &Value::Null).await;
    // It looks again by itself: the grant after a minute, and after twice as long each time it looked in vain (on a machine so busy that a minute passed above).
    // A delivery waits about a minute from when the grant was last looked at.
    eventually("it is read", async || {
        convey.pass(&sandbox, Duration::from_secs(2)).await;
        (waiting(&convey).await? == 0).then_some(())
    })
    .await;
    convey.drained().await;
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
}

/// Revoked here: no request leaves any more, deliveries wait, and a login takes it up again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_is_not_used_any_more() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let tap = Tap::open(&summary).await;
    let before = tap.before(&summary);
    let mut convey = by_app(Convey::new(&before), &before);
    convey.start().await;
    log_in(&convey).await;
    tap.take();
    said(&convey.command(&["auth", "revoke", "acme"]).await, 2, "--yes");
    assert_eq!(convey.command(&["auth", "revoke", "acme", "--yes"]).await.code, Some(0));
    assert_eq!(paused_by(&convey, "acme").await.as_deref(), Some("revoke"));
    letter.insist(&convey.hook()).await;
    let id = vendor.contacts().await.remove(0);
    said(&convey.command(&["crm", "contact", "get", &id]).await, 1, "convey auth login acme");
    assert_eq!(grant(&convey, "acme").await["state"], "reconnect");
    // Another life knows it too.
    assert!(convey.stop().await.success());
    convey.start().await;
    said(&convey.command(&["crm", "contact", "get", &id]).await, 1, "convey auth login acme");
    assert_eq!(waiting(&convey).await, Some(1));
    assert!(tap.take().is_empty(), "no request has left");
    log_in(&convey).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told([letter.id.as_str()]);
}

/// The CRM says that the app was removed: the connection rests and its token is gone, until somebody connects it anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_the_crm_tells_of_pauses_the_connection() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let mut convey = by_app(Convey::new(&summary), &summary);
    convey.start().await;
    log_in(&convey).await;
    sandbox.subscribe(Some(Subscription { retries: 5, ..Subscription::plain(convey.hook()) })).unwrap();
    vendor.control(Method::POST, "/oauth/uninstall", &json!({"location": summary.location})).await;
    let by = eventually("the connection rests", async || paused_by(&convey, "acme").await).await;
    assert_eq!((by.as_str(), &grant(&convey, "acme").await["state"]), ("uninstall", &json!("reconnect")));
    letter.insist(&convey.hook()).await;
    assert!(sandbox.accepted(0).is_empty());
    log_in(&convey).await;
    convey.drained().await;
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told([letter.id.as_str()]);
}
