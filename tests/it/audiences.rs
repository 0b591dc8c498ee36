//! People in and out of audiences, on a running convey against the sandbox.

use std::collections::{BTreeMap, BTreeSet};

use convey::builtin::TEMPLATES;
use convey::sandbox::{Fault, Faults, Sandbox, Subscription};
use http::Method;
use serde_json::json;

use crate::rig::{Convey, asked, eventually, sandbox};
use crate::vendor::Vendor;

/// A convey that tells what the template `audience-by-tag` says, its audience found by name.
fn by_tag(sandbox: &Sandbox) -> Convey {
    let text = TEMPLATES.iter().find(|text| text.path == "audience-by-tag/mapping.toml").unwrap().text;
    let convey = Convey::new(&sandbox.summary()).configure(|config| {
        *config = config.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"mapping.toml\"\n");
        let audience = &sandbox.summary().audience;
        config.push_str(&format!("\n[destination.ads.settings.audiences]\n\"VIP customers\" = \"{audience}\"\n"));
    });
    convey.file("mapping.toml", text);
    sandbox.subscribe(Some(Subscription { retries: 3, ..Subscription::plain(convey.hook()) })).unwrap();
    convey
}

/// The hashes that the audience holds.
fn members(sandbox: &Sandbox) -> BTreeSet<String> {
    let people = sandbox.members(&sandbox.summary().audience).unwrap();
    people.into_iter().flat_map(BTreeMap::into_values).filter(|key| !key.is_empty()).collect()
}

/// Makes a contact at the CRM, seen by convey.
async fn contact(vendor: &Vendor, convey: &Convey, sandbox: &Sandbox, email: &str) -> String {
    let location = sandbox.summary().locations[0].clone();
    let body = json!({"locationId": location, "firstName": "Ada", "email": email});
    let before = changes(convey).await;
    let made = vendor.api(Method::POST, "/contacts/", &body).await;
    eventually("the contact is known", async || (changes(convey).await > before).then_some(())).await;
    convey.drained().await;
    made["contact"]["id"].as_str().unwrap().to_owned()
}

/// Changes that were translated, with or without an effect.
async fn changes(convey: &Convey) -> u64 {
    let Some(status) = convey.status().await else { return 0 };
    let changes = &status["status"]["changes"];
    let skipped = changes["skipped"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
    changes["done"].as_u64().unwrap_or_default() + skipped.sum::<u64>()
}

async fn tag(vendor: &Vendor, method: Method, id: &str, tag: &str) {
    vendor.api(method, &format!("/contacts/{id}/tags"), &json!({"tags": [tag]})).await;
}

async fn holds(sandbox: &Sandbox, what: &str, count: usize) -> BTreeSet<String> {
    eventually(what, async || Some(members(sandbox)).filter(|keys| keys.len() == count)).await
}

/// A tag added puts its contact in, a tag removed takes them out, and saying the same again asks the platform nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_a_place_in_an_audience() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let mut convey = by_tag(&sandbox);
    convey.start().await;
    let id = contact(&vendor, &convey, &sandbox, "ada@example.com").await;
    tag(&vendor, Method::POST, &id, "vip").await;
    let joined = eventually("in", async || Some(members(&sandbox)).filter(|keys| !keys.is_empty())).await;
    assert!(joined.iter().all(|key| key.len() == 64), "hashes only: {joined:?}");
    let of_audience = async || {
        let status = convey.status().await?;
        let audience = status["status"]["destinations"]["ads"]["audiences"]["VIP customers"].clone();
        (audience["waiting"] == 0).then_some(audience)
    };
    let shown = eventually("it is shown", of_audience).await;
    assert_eq!((&shown["joined"], &shown["dead"], &shown["invalid"]), (&json!(1), &json!(0), &json!(0)));

    // The same again, from a second tag: no request.
    let requests = async || {
        let (join, leave) = ("POST /{version}/{object}/users", "DELETE /{version}/{object}/users");
        asked(&sandbox, "ads", join).await + asked(&sandbox, "ads", leave).await
    };
    let before = requests().await;
    assert_eq!(before, 1);
    tag(&vendor, Method::POST, &id, "other").await;
    convey.drained().await;
    assert_eq!((requests().await, members(&sandbox)), (before, joined.clone()));

    tag(&vendor, Method::DELETE, &id, "vip").await;
    holds(&sandbox, "out", 0).await;
    tag(&vendor, Method::POST, &id, "vip").await;
    assert_eq!(holds(&sandbox, "in again", joined.len()).await, joined);

    // What is wanted outlives a kill, and a start asks for nothing that is so.
    let before = requests().await;
    convey.kill().await;
    convey.start().await;
    convey.drained().await;
    assert_eq!((requests().await, members(&sandbox)), (before, joined));
    assert!(convey.stop().await.success());
}

/// Whoever does not want to be disturbed is taken out of every audience convey put them in, whatever the mapper says of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawn_consent_takes_a_contact_out_of_every_audience() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let mut convey = by_tag(&sandbox);
    let joins = "[[rule]]\nname = \"vip joins\"\non = \"tag-added\"\nwhen = 'tagName == \"vip\"'\naudience = { join = \"VIP customers\" }\n";
    convey.file("mapping.toml", joins);
    convey.start().await;
    let id = contact(&vendor, &convey, &sandbox, "grace@example.com").await;
    tag(&vendor, Method::POST, &id, "vip").await;
    eventually("in", async || (!members(&sandbox).is_empty()).then_some(())).await;
    vendor.api(Method::PUT, &format!("/contacts/{id}"), &json!({"dnd": true})).await;
    holds(&sandbox, "out", 0).await;
    assert!(convey.stop().await.success());
}

/// Whoever is forgotten leaves the audiences convey put them in, also when the platform is not there to be told at once; and nothing of them stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_forgotten_leaves_their_audiences() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let mut convey = by_tag(&sandbox);
    convey.start().await;
    let (stays, goes) = (
        contact(&vendor, &convey, &sandbox, "stays@example.com").await,
        contact(&vendor, &convey, &sandbox, "goes@example.com").await,
    );
    tag(&vendor, Method::POST, &stays, "vip").await;
    let of_one = eventually("one is in", async || Some(members(&sandbox)).filter(|keys| !keys.is_empty())).await;
    tag(&vendor, Method::POST, &goes, "vip").await;
    eventually("both are in", async || (members(&sandbox).len() > of_one.len()).then_some(())).await;
    convey.drained().await;

    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { status: Some(503), ..Fault::default() }) });
    let forgotten = convey.command(&["forget", &goes, "--yes"]).await.json();
    assert_eq!((&forgotten["forgotten"]["contacts"], &forgotten["forgotten"]["places_left"]), (&json!(1), &json!(1)));
    // What is to be said outlives a kill, though the contact's key is gone.
    convey.kill().await;
    sandbox.set_faults(Faults::default());
    convey.start().await;
    eventually("the other is out", async || (members(&sandbox) == of_one).then_some(())).await;
    let settled = async || {
        let status = convey.status().await?;
        let audience = status["status"]["destinations"]["ads"]["audiences"]["VIP customers"].clone();
        (audience["waiting"] == 0 && audience["joined"] == 1).then_some(())
    };
    eventually("nothing of them is kept", settled).await;
    assert!(convey.stop().await.success());
}
