//! One app, many locations: installs make connections that rest, removals take them away, and an agency's grant reaches all of them.

use std::collections::BTreeSet;

use convey::sandbox::{Kind, Locations, Play, Sandbox, Subscription, Summary};
use http::Method;
use serde_json::{Value, json};

use crate::grants::{agreed, app_table, grant, opened};
use crate::rig::{Convey, ROOM, eventually, sandbox};
use crate::vendor::Vendor;
use crate::wire::{self, Letter, letters};

/// No connection of its own: those that installs make.
fn by_installs(summary: &Summary) -> Convey {
    let convey = Convey::new(summary);
    convey.file("app.secret", &summary.oauth_client_secret);
    let table = app_table(&convey, summary);
    convey.configure(|text| {
        text.truncate(text.find("[connection.acme]").unwrap());
        text.push_str(&table);
        text.push_str(&format!(
            "[source.highlevel.install]\nmapper = \"default\"\ndestinations = [\"ads\"]\n{ROOM}\n\
             [source.highlevel.install.settings]\ncountry = \"US\"\ncurrency = \"USD\"\n"
        ));
    })
}

/// Webhooks about new people of one location.
async fn of_location(sandbox: &Sandbox, location: &str, changes: usize, seed: u64) -> Vec<Letter> {
    let locations = Some(Locations::Named(vec![location.to_owned()]));
    letters(sandbox, Play { changes, seed, kinds: vec![Kind::ContactCreated], locations, ..Play::default() }).await
}

/// The paused connections, by who paused them.
async fn paused(convey: &Convey, by: &str) -> Option<BTreeSet<String>> {
    let status = convey.status().await?;
    let pauses = status["status"]["pauses"].as_array()?.clone();
    let of_them = pauses.iter().filter(|pause| pause["by"] == by);
    Some(of_them.filter_map(|pause| pause["scope"]["connection"].as_str().map(str::to_owned)).collect())
}

/// The one connection that somebody paused, once there is one.
async fn one_paused(convey: &Convey, by: &str) -> String {
    eventually("a connection rests", async || paused(convey, by).await?.into_iter().next()).await
}

/// An install comes before anybody knows the location: its connection rests until a person has looked at it, what came meanwhile is kept, and a
/// removal takes it away until it is installed anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_install_makes_a_connection_that_rests() {
    let sandbox = sandbox(2, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let location = summary.locations[1].clone();
    let letters = of_location(&sandbox, &location, 4, 1).await;
    let mut convey = by_installs(&summary);
    convey.start().await;
    sandbox.subscribe(Some(Subscription { retries: 5, ..Subscription::plain(convey.hook()) })).unwrap();
    letters[0].insist(&convey.hook()).await;
    assert_eq!(convey.status().await.unwrap()["status"]["held"][0]["count"], 1, "nobody knows the location yet");

    let installed = vendor.control(Method::POST, "/oauth/install", &json!({"location": location})).await;
    let name = one_paused(&convey, "install").await;
    let standing = eventually("the connection is known", async || {
        let standing = grant(&convey, &name).await;
        standing.is_object().then_some(standing)
    })
    .await;
    assert_eq!((&standing["location"], &standing["state"]), (&json!(location), &json!("reconnect")), "{standing}");
    eventually("what was held is taken up", async || {
        let status = convey.status().await?["status"].clone();
        let waits = status["connections"][&name]["waiting"].as_u64().unwrap_or_default() >= 1;
        (waits && status["held"].as_array()?.is_empty()).then_some(())
    })
    .await;
    letters[1].insist(&convey.hook()).await;

    // The code came to the person, and with it no state: they say that it is theirs.
    let code = installed["code"].as_str().unwrap();
    opened(&convey, "highlevel").await;
    let login = ["auth", "login", "highlevel", "--redirected", code];
    let asked = convey.command(&login).await;
    assert!(asked.code == Some(1) && asked.stderr.contains("--accept-no-state"), "{asked:?}");
    let connected = convey.command(&[&login[..], &["--accept-no-state"]].concat()).await;
    assert_eq!(connected.json(), json!({"connected": name}));
    assert_eq!(paused(&convey, "install").await.unwrap(), BTreeSet::from([name.clone()]), "a login is no look at it");
    assert!(sandbox.accepted(0).is_empty());
    assert_eq!(convey.command(&["resume", &name]).await.code, Some(0));
    convey.drained().await;
    assert!(!sandbox.accepted(0).is_empty(), "events flow");

    vendor.control(Method::POST, "/oauth/uninstall", &json!({"location": location})).await;
    assert_eq!(one_paused(&convey, "uninstall").await, name);
    let told = sandbox.accepted(0).len();
    letters[2].insist(&convey.hook()).await;
    // It outlives the program that it was removed.
    assert!(convey.stop().await.success());
    convey.start().await;
    letters[3].insist(&convey.hook()).await;
    let standing = grant(&convey, &name).await;
    assert_ne!(standing["state"], "live", "{standing}");

    let installed = vendor.control(Method::POST, "/oauth/install", &json!({"location": location})).await;
    eventually("it is there again", async || {
        let standing = grant(&convey, &name).await;
        (standing["location"] == json!(location)).then_some(())
    })
    .await;
    assert_eq!(sandbox.accepted(0).len(), told, "nothing was told meanwhile");
    opened(&convey, "highlevel").await;
    let code = installed["code"].as_str().unwrap();
    let login = ["auth", "login", "highlevel", "--redirected", code, "--accept-no-state"];
    assert_eq!(convey.command(&login).await.json(), json!({"connected": name}));
    // Whether a person has looked at it once counts or not: after this it goes on.
    convey.command(&["resume", &name]).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    assert_eq!(book.changes.len(), letters.len());
}

/// An agency agrees once: each of its locations gets a token of its own from the agency's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agencys_grant_reaches_each_of_its_locations() {
    let sandbox = sandbox(3, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let mut all = Vec::new();
    for (seed, location) in (1..).zip(&summary.locations) {
        all.extend(of_location(&sandbox, location, 2, seed).await);
    }
    let mut convey = by_installs(&summary);
    convey.start().await;
    sandbox.subscribe(Some(Subscription { retries: 5, ..Subscription::plain(convey.hook()) })).unwrap();
    let url = format!("{}&company=true", opened(&convey, "highlevel").await);
    let page = wire::get(&agreed(&url).await, &[]).await.unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    let names = eventually("each location has a connection", async || {
        paused(&convey, "install").await.filter(|names| names.len() == 3)
    })
    .await;
    for letter in &all {
        letter.insist(&convey.hook()).await;
    }
    for name in &names {
        eventually("it goes on", async || (convey.command(&["resume", name]).await.code == Some(0)).then_some(()))
            .await;
    }
    convey.drained().await;
    let exchanged: Vec<String> = sandbox
        .token_calls()
        .into_iter()
        .filter(|call| call.grant_type == "location_token" && call.outcome == "issued")
        .filter_map(|call| call.location)
        .collect();
    assert_eq!(exchanged.len(), 3, "once each: {exchanged:?}");
    assert_eq!(exchanged.into_iter().collect::<BTreeSet<_>>(), summary.locations.iter().cloned().collect());
    for name in &names {
        assert_eq!(grant(&convey, name).await["state"], "live");
    }

    // One goes; the others carry on.
    vendor.control(Method::POST, "/oauth/uninstall", &json!({"location": summary.locations[1]})).await;
    let gone = one_paused(&convey, "uninstall").await;
    let left: Vec<&String> = names.iter().filter(|name| **name != gone).collect();
    assert_eq!(left.len(), 2);
    let more = of_location(&sandbox, &summary.locations[2], 1, 9).await;
    more[0].insist(&convey.hook()).await;
    convey.drained().await;
    for name in left {
        assert_eq!(grant(&convey, name).await["state"], "live");
    }
    // The agency removes the app: nobody is left.
    vendor.control(Method::POST, "/oauth/uninstall", &json!({"company": true})).await;
    eventually("all rest", async || paused(&convey, "uninstall").await.filter(|gone| gone.len() == 3)).await;
    let grants: Value = convey.command(&["auth", "status"]).await.json();
    assert!(grants.as_array().unwrap().iter().all(|grant| grant["state"] != "live"), "{grants}");
    assert!(convey.stop().await.success());
    let told = all.iter().chain(&more).map(|letter| letter.id.as_str());
    convey.book().await.assert_all_told(told);
}
