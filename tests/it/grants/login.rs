//! A login, from the address that a person opens to the grant.

use convey::sandbox::Quirks;
use serde_json::json;

use super::{agreed, by_app, calls, grant, log_in, opened, said};
use crate::rig::{Convey, sandbox};
use crate::vendor::Vendor;
use crate::wire;

/// Through the ingress, and by hand; with a convey that runs, and without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_ends_at_the_ingress_or_by_hand() {
    let sandbox = sandbox(2, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let id = vendor.contacts().await.remove(0);
    let mut convey = by_app(Convey::new(&summary), &summary);
    assert_eq!(grant(&convey, "acme").await["state"], "reconnect");
    said(&convey.command(&["crm", "contact", "get", &id]).await, 1, "convey auth login acme");

    // Nobody listens: the person pastes what the browser shows.
    let redirected = agreed(&opened(&convey, "acme").await).await;
    let login = ["auth", "login", "acme", "--redirected", &redirected];
    assert_eq!(convey.command(&login).await.json(), json!({"connected": "acme"}));
    said(&convey.command(&login).await, 1, "convey auth login");
    let standing = grant(&convey, "acme").await;
    assert_eq!((&standing["state"], &standing["by"]), (&json!("live"), &json!("oauth")), "{standing}");
    assert_eq!((&standing["missing"], &standing["extra"]), (&json!([]), &json!([])), "{standing}");
    assert_eq!(convey.command(&["crm", "contact", "get", &id]).await.json()["id"], json!(id));

    convey.start().await;
    assert_eq!(convey.command(&["auth", "revoke", "acme", "--yes"]).await.code, Some(0));
    log_in(&convey).await;
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert_eq!(convey.command(&["crm", "contact", "get", &id]).await.json()["id"], json!(id));
    assert_eq!(calls(&sandbox, "authorization_code"), ["issued"; 2]);

    // Another location than the connection's is not taken for it.
    let elsewhere = format!("{}&location_id={}", opened(&convey, "acme").await, summary.locations[1]);
    let redirected = agreed(&elsewhere).await;
    let refused = convey.command(&["auth", "login", "acme", "--redirected", &redirected]).await;
    said(&refused, 1, &summary.locations[1]);
    assert_eq!(convey.command(&["crm", "contact", "get", &id]).await.json()["id"], json!(id), "the old one stands");
    assert!(convey.stop().await.success());
}

/// A state that was not given out here is refused before its code is used; none at all is taken only from a person who says that it is theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_state_is_refused_and_an_absent_one_asks() {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = by_app(Convey::new(&summary), &summary);
    convey.start().await;
    let redirected = agreed(&opened(&convey, "acme").await).await;
    let (address, state) = redirected.rsplit_once("state=").unwrap();
    let forged = format!("{address}state={}", "0".repeat(state.len()));
    assert_eq!(wire::get(&forged, &[]).await.unwrap().status, 400);
    said(&convey.command(&["auth", "login", "acme", "--redirected", &forged]).await, 1, "state");
    assert_eq!(calls(&sandbox, "authorization_code").len(), 0, "the code is not used");

    sandbox.set_quirks(Quirks { drop_state: true, ..Quirks::default() });
    let redirected = agreed(&opened(&convey, "acme").await).await;
    assert!(!redirected.contains("state="), "{redirected}");
    let page = wire::get(&redirected, &[]).await.unwrap();
    assert!(page.status == 400 && String::from_utf8_lossy(&page.body).contains("One more step"), "{page:?}");
    let login = ["auth", "login", "acme", "--redirected", &redirected];
    said(&convey.command(&login).await, 1, "--accept-no-state");
    assert_eq!(calls(&sandbox, "authorization_code").len(), 0);
    let accepted = convey.command(&[&login[..], &["--accept-no-state"]].concat()).await;
    assert_eq!(accepted.json(), json!({"connected": "acme"}));
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert!(convey.stop().await.success());
}
