//! One mapping for fifty locations: each may lay its own values over it, what a location lacks is named, and a promotion in stages leaves out whom the
//! mapping does not suit, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use convey::config::Overlay;
use convey::contract::Digest;
use convey::sandbox::{Kind, Locations, Play, Sandbox, Summary};
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::grants::{agreed, app_table, opened};
use crate::rig::{Convey, ROOM, connect, eventually, sandbox, second_connection};
use crate::shadow::{ANYBODY, mapped, origins, report};
use crate::vendor::Vendor;
use crate::wire::{self, Letter, letters};

const LOCATIONS: usize = 50;
/// Connections by the number of their location: the first is the rig's `acme`.
const SUSPENDED: &str = "acme";
/// These lose the field; the last of them has an overlay that reads another.
const LACKING: [usize; 4] = [5, 17, 33, 40];
/// This one brings a token of its own, which is taken away.
const REVOKED: usize = 20;

const FIRST: &str = "\
# for everybody
currency = \"USD\" # unless a location says otherwise

[[rule]]
name = \"lead\"
on = [\"contact-created\"]
event = { name = \"Lead\", value = \"{10.0}\" }
";

const SECOND: &str = "\
# for everybody
currency = \"USD\" # unless a location says otherwise

[[rule]]
name = \"lead\"
on = [\"contact-created\"]
event = { name = \"Contact\", value = \"{20.0}\", data = { budget = \"{contact.fields.budget}\" } }
";

const EURO: &str = "currency = \"EUR\"\n";

/// Every location a connection: most with the same token, one by the app, one with a token of its own; some with overlays, from a file and in place.
async fn fifty(summary: &Summary, vendor: &Vendor) -> Convey {
    let scopes =
        ["contacts.readonly", "locations.readonly", "locations/customFields.readonly", "opportunities.readonly"];
    let of_one = json!({"location": summary.locations[REVOKED], "scopes": scopes});
    let token = vendor.control(Method::POST, "/tokens", &of_one).await["token"].as_str().unwrap().to_owned();
    let convey = mapped(summary, FIRST);
    convey.file("one.token", &token);
    convey.file("euro.toml", EURO);
    convey.file("app.secret", &summary.oauth_client_secret);
    let table = app_table(&convey, summary);
    convey.configure(|text| {
        *text = text.replace("token = { file = \"crm.token\" }", "auth = \"oauth\"");
        text.push_str(&table);
        for (at, location) in summary.locations.iter().enumerate().skip(1) {
            let token = if at == REVOKED { "one.token" } else { "crm.token" };
            text.push_str(&format!(
                "[connection.l{at}]\nsource = \"highlevel\"\nlocation = \"{location}\"\ntoken = {{ file = \"{token}\" }}\n\
                 destinations = [\"ads\"]\n{ROOM}\n{}",
                match at {
                    1..=10 => "overlay = \"euro.toml\"\n",
                    40 => "[[connection.l40.overlay.rule]]\nname = \"lead\"\n[connection.l40.overlay.rule.event.data]\n\
                           budget = \"{contact.fields.service_needed}\"\n",
                    _ => "",
                }
            ));
        }
    })
}

/// One new person of each of these locations.
async fn one_each(sandbox: &Sandbox, locations: &[String], seed: u64) -> Vec<Letter> {
    let mut all = Vec::new();
    for (at, location) in locations.iter().enumerate() {
        let locations = Some(Locations::Named(vec![location.clone()]));
        let kinds = vec![Kind::ContactCreated];
        all.extend(
            letters(sandbox, Play { changes: 1, seed: seed + at as u64, kinds, locations, ..Play::default() }).await,
        );
    }
    all
}

/// What is told of webhooks, by the connection's name: the event's name, its value and its currency.
async fn told(
    sandbox: &Sandbox,
    convey: &Convey,
    letters: &[Letter],
    waits: &[&str],
) -> BTreeMap<String, (String, f64, String)> {
    let before = sandbox.accepted(0).len();
    for letter in letters {
        letter.insist(&convey.hook()).await;
    }
    settled(convey, waits).await;
    said_since(sandbox, convey, before).await
}

/// Waits until nothing waits any more, but for who sleeps.
async fn settled(convey: &Convey, waits: &[&str]) {
    eventually("all but who sleeps are told", async || {
        let status = convey.status().await?["status"].clone();
        let of_others = status["connections"].as_object()?.iter().filter(|(name, _)| !waits.contains(&name.as_str()));
        let reading: u64 = of_others.filter_map(|(_, row)| row["waiting"].as_u64()).sum();
        let sending = ["waiting", "retrying", "in_flight"].map(|key| status["destinations"]["ads"][key].as_u64());
        (reading + status["changes"]["waiting"].as_u64()? + sending.into_iter().flatten().sum::<u64>() == 0)
            .then_some(())
    })
    .await;
}

/// What the platform has taken after the first so many.
async fn said_since(sandbox: &Sandbox, convey: &Convey, before: usize) -> BTreeMap<String, (String, f64, String)> {
    let mut told = BTreeMap::new();
    for accepted in sandbox.accepted(0).split_off(before) {
        let event = &accepted.event;
        let why = convey.command(&["why", event["event_id"].as_str().unwrap()]).await.json();
        let connection = why["why"]["changes"][0]["connection"].as_str().unwrap().to_owned();
        let custom = &event["custom_data"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said =
            (text(&event["event_name"]), custom["value"].as_f64().unwrap_or_default(), text(&custom["currency"]));
        told.insert(connection, said);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_locations_share_a_mapping_and_a_stage_leaves_out_whom_it_does_not_suit() {
    let sandbox = sandbox(LOCATIONS, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let mut convey = fifty(&summary, &vendor).await;
    convey.start().await;
    let url = opened(&convey, SUSPENDED).await;
    assert_eq!(wire::get(&agreed(&url).await, &[]).await.unwrap().status, 200);
    for at in LACKING {
        vendor
            .control(Method::DELETE, &format!("/locations/{}/fields/budget", summary.locations[at]), &Value::Null)
            .await;
    }
    vendor.control(Method::POST, &format!("/locations/{}/suspend", summary.location), &Value::Null).await;
    vendor.control(Method::POST, "/oauth/expire", &json!({})).await;

    // What a check says before anything is live.
    let second = convey.file("second.toml", SECOND);
    let second = second.to_str().unwrap();
    let checked = convey.command(&["mapping", "check", second]).await.json()["files"][0].clone();
    let drift = json!([{"field": "budget", "lacking": 3, "of": 48, "connections": ["l17", "l33", "l5"]}]);
    assert_eq!(checked["drift"], drift, "one has an overlay that reads another field: {checked}");
    assert!(checked["warnings"][0].as_str().unwrap().contains("acme"), "who cannot be asked is named: {checked}");

    // Stage by stage; who is left out hears the mapping before.
    let lead = |value: f64, currency: &str| ("Lead".to_owned(), value, currency.to_owned());
    let contact = |value: f64, currency: &str| ("Contact".to_owned(), value, currency.to_owned());
    convey.command(&["shadow", "start", "--settings", second]).await.json();
    let mut live = Vec::new();
    for wanted in [5, 20, 46] {
        let promoted = convey.command(&["shadow", "promote", "--stage", "5,20,all"]).await.json();
        let stage = &promoted["stage"];
        live = serde_json::from_value::<Vec<String>>(stage["live"].clone()).unwrap();
        assert_eq!((live.len(), stage["of"].as_u64()), (wanted, Some(50)), "{promoted}");
        let left_out: Vec<(String, String)> = serde_json::from_value(stage["left_out"].clone()).unwrap();
        let left_out: BTreeMap<String, String> = left_out.into_iter().collect();
        let names: Vec<&str> = left_out.keys().map(String::as_str).collect();
        assert_eq!(names, ["acme", "l17", "l33", "l5"], "{left_out:?}");
        assert_eq!(left_out["l17"], "it lacks field budget");
        assert!(left_out["acme"].contains("not active"), "{left_out:?}");
    }
    assert!(live.contains(&"l40".to_owned()));
    let again = convey.command(&["shadow", "promote"]).await.json();
    assert_eq!(again["stage"]["live"].as_array().map(Vec::len), Some(46), "nothing is left to do: {again}");

    let awake = &summary.locations[1..];
    let first = one_each(&sandbox, awake, 1).await;
    let said = told(&sandbox, &convey, &first, &[SUSPENDED]).await;
    assert!(said.len() >= 40, "some object to being contacted: {}", said.len());
    for (connection, said) in &said {
        let currency = if (1..=10).any(|at| *connection == format!("l{at}")) { "EUR" } else { "USD" };
        let wanted = match connection.as_str() {
            "l5" | "l17" | "l33" => lead(10.0, currency),
            _ => contact(20.0, currency),
        };
        assert_eq!(*said, wanted, "{connection}");
    }

    // What made an event is the settings as they were merged.
    let merged = Overlay::read(EURO.to_owned()).unwrap().unwrap().over(SECOND).unwrap();
    let euro = sandbox.accepted(0).into_iter().find(|one| {
        (&one.event["event_name"], &one.event["custom_data"]["currency"]) == (&"Contact".into(), &"EUR".into())
    });
    let why = convey.command(&["why", euro.unwrap().event["event_id"].as_str().unwrap()]).await.json();
    let made = &why["why"]["changes"][0]["events"][0]["made_by"];
    assert_eq!(made["settings_hash"], Digest::of(merged.as_bytes()).to_string(), "{why}");
    let proof = convey.command(&["verify", "--all"]).await.json();
    assert_eq!((&proof["unequal"], &proof["unproven"]), (&0.into(), &0.into()), "{proof}");
    // A look at what would be said, and at what would have been, takes each connection's overlay.
    let preview = convey.command(&["mapping", "preview", "--settings", second, "--connection", "l1"]).await.json();
    assert!(preview.to_string().contains("\"EUR\"") && !preview.to_string().contains("\"USD\""), "{preview}");
    let would = convey.command(&["replay", "--since", "1d", "--settings", second, "--dry-run"]).await.json();
    let hear_first = said.values().filter(|said| said.0 == "Lead").count();
    assert_eq!(would["otherwise"]["unasked"], hear_first, "those of the left out have another name: {would}");
    assert_eq!((&would["otherwise"]["different"], &would["sent"]), (&0.into(), &hear_first.into()), "{would}");

    // One location's token is taken away: it waits, and the rest do not notice. A restart changes nothing either.
    convey.file("one.token", "pit-that-nobody-gave");
    assert!(convey.stop().await.success());
    convey.start().await;
    let second_round = one_each(&sandbox, awake, 100).await;
    let gone = format!("l{REVOKED}");
    let said = told(&sandbox, &convey, &second_round, &[SUSPENDED, &gone]).await;
    assert!(said.len() >= 40 && !said.contains_key(&gone), "{said:?}");
    let of_second: BTreeSet<&String> =
        said.iter().filter(|(_, said)| said.0 == "Contact").map(|(name, _)| name).collect();
    assert!(of_second.iter().all(|name| live.contains(name)), "{of_second:?}");
    // What came for it waits until it has a token that is taken.
    let waiting = convey.status().await.unwrap()["status"]["connections"][&gone]["waiting"].clone();
    assert_eq!(waiting, 1, "{waiting}");

    // It goes back as a whole, those with overlays too.
    convey.command(&["mapper", "rollback", "--note", "enough"]).await.json();
    let third = one_each(&sandbox, &awake[..12], 200).await;
    let said = told(&sandbox, &convey, &third, &[SUSPENDED, &gone]).await;
    assert!(said.values().all(|said| said.0 == "Lead"), "{said:?}");
    assert!(said.iter().any(|(name, said)| name == "l1" && said.2 == "EUR") || !said.contains_key("l1"), "{said:?}");
    assert!(convey.stop().await.success());
}

/// A mistake in an overlay is found before anything starts, with its place and what to write instead; one that comes with a reload changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_overlay_is_refused_with_its_place() {
    let sandbox = sandbox(1, 1).await;
    let with = |overlay: &str| mapped(&sandbox.summary(), FIRST).configure(|text| text.push_str(overlay));
    let unknown = with("[connection.acme.overlay]\ncurrancy = \"EUR\"\n").command(&["check"]).await;
    assert_eq!(unknown.code, Some(78), "{unknown:?}");
    for word in ["[connection.acme.overlay]", "currancy = \"EUR\"", "^^^^^^^^", "did you mean `currency`"] {
        assert!(unknown.stderr.replace("\\\"", "\"").contains(word), "{word}: {unknown:?}");
    }
    let rule = "[[connection.acme.overlay.rule]]\nname = \"leed\"\nwhen = \"true\"\n";
    let nobody = with(rule).command(&["check"]).await;
    assert_eq!(nobody.code, Some(78), "{nobody:?}");
    for word in ["convey.toml:", "connection.acme.overlay", "no `rule` called \"leed\"", "did you mean \"lead\"?"] {
        assert!(nobody.stderr.replace("\\\"", "\"").contains(word), "{word}: {nobody:?}");
    }
    let good = with("[connection.acme.overlay]\ncurrency = \"EUR\"\n");
    assert_eq!(good.command(&["check"]).await.code, Some(0));
    // What is swapped in has to fit as well: the rule that is laid over is not in it.
    let mut convey = with("[[connection.acme.overlay.rule]]\nname = \"lead\"\nwhen = \"true\"\n");
    convey.start().await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    let refused = convey.command(&["mapper", "swap", "--settings", other.to_str().unwrap()]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("[connection.acme.overlay]"), "{refused:?}");
    assert!(convey.stop().await.success());
}

/// An overlay that comes while a stage is live is laid over what each connection hears, the new mapping or the one before; one that does not fit the stage
/// changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_that_comes_while_a_stage_is_live_is_laid_over_what_each_connection_hears() {
    const OLD: &str = "[[rule]]\nname = \"old\"\non = [\"opportunity-won\"]\nevent = \"Old\"\n";
    let sandbox = sandbox(4, 1).await;
    let locations = sandbox.summary().locations;
    let mut convey = mapped(&sandbox.summary(), &format!("{ANYBODY}{FIRST}{OLD}"))
        .configure(|text| connect(text, &locations[1..3], ROOM));
    convey.start().await;
    let second = convey.file("second.toml", &format!("{ANYBODY}{SECOND}"));
    convey.command(&["shadow", "start", "--settings", second.to_str().unwrap()]).await.json();
    let promoted = convey.command(&["shadow", "promote", "--stage", "2,all"]).await.json();
    assert_eq!(promoted["stage"]["live"], json!(["acme", "l0"]), "{promoted}");
    let said = |name: &str, value: f64, currency: &str| (name.to_owned(), value, currency.to_owned());
    let expected = |all: &[(&str, (String, f64, String))]| -> BTreeMap<String, (String, f64, String)> {
        all.iter().map(|(connection, said)| ((*connection).to_owned(), said.clone())).collect()
    };
    let (contact, lead) =
        (|currency: &str| said("Contact", 20.0, currency), |currency: &str| said("Lead", 10.0, currency));
    let before = expected(&[("acme", contact("USD")), ("l0", contact("USD")), ("l1", lead("USD"))]);
    let letters = one_each(&sandbox, &locations[..3], 1).await;
    assert_eq!(told(&sandbox, &convey, &letters, &[]).await, before);

    // It fits what is live for the others, and not the stage, which has no such rule.
    let misfit = "[[connection.l0.overlay.rule]]\nname = \"old\"\nwhen = \"true\"\n";
    let mut convey = convey.configure(|text| text.push_str(misfit));
    convey.signal(Signal::HUP);
    eventually("it is refused", async || convey.spoken().contains("is not taken up").then_some(())).await;
    assert!(convey.spoken().contains("connection.l0.overlay"), "{}", convey.spoken());
    let letters = one_each(&sandbox, &locations[..3], 10).await;
    assert_eq!(told(&sandbox, &convey, &letters, &[]).await, before, "everybody hears what they heard");

    // One for a connection of the stage, one for another, and a connection that is new and has one.
    convey = convey.configure(|text| {
        *text = text.replace(misfit, "");
        text.push_str(&second_connection(&locations[3]));
        for name in ["l0", "l1", "second"] {
            text.push_str(&format!("[connection.{name}.overlay]\n{EURO}"));
        }
    });
    convey.signal(Signal::HUP);
    eventually("it is taken up", async || convey.spoken().contains("taken up: ").then_some(())).await;
    assert_eq!(report(&convey).await["staged"], json!(["acme", "l0"]), "the stage is what it was");
    let after = [("acme", contact("USD")), ("l0", contact("EUR")), ("l1", lead("EUR")), ("second", lead("EUR"))];
    let letters = one_each(&sandbox, &locations, 20).await;
    assert_eq!(told(&sandbox, &convey, &letters, &[]).await, expected(&after));
    let seen = eventually("the others are compared", async || {
        let said = report(&convey).await;
        (said["tally"]["compared"].as_u64()? >= 4).then_some(said)
    })
    .await;
    assert_eq!((&seen["tally"]["compared"], &seen["tally"]["faults"]), (&4.into(), &json!({})), "{seen}");
    assert_eq!(
        origins(&convey).await.iter().filter(|origin| *origin != "overlay").collect::<Vec<_>>(),
        ["stage", "config"]
    );
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(report(&convey).await["staged"], json!(["acme", "l0"]), "over a restart too");
    let letters = one_each(&sandbox, &locations, 30).await;
    assert_eq!(told(&sandbox, &convey, &letters, &[]).await, expected(&after));

    // A recall takes back what the stage made, under its overlay too, and nothing of the others.
    convey.command(&["pause", "ads"]).await.json();
    for letter in one_each(&sandbox, &locations, 40).await {
        letter.insist(&convey.hook()).await;
    }
    eventually("all is translated", async || {
        let waiting = convey.status().await?["status"]["destinations"]["ads"]["waiting"].as_u64()?;
        (waiting == 4).then_some(())
    })
    .await;
    let already = sandbox.accepted(0).len();
    let back = convey.command(&["mapper", "rollback", "--recall"]).await.json();
    assert_eq!((&back["recalled"]["events"], &back["recalled"]["changes"]), (&2.into(), &2.into()), "{back}");
    convey.command(&["resume", "ads"]).await.json();
    settled(&convey, &[]).await;
    let back = [("acme", lead("USD")), ("l0", lead("EUR")), ("l1", lead("EUR")), ("second", lead("EUR"))];
    assert_eq!(said_since(&sandbox, &convey, already).await, expected(&back));
    let proof = convey.command(&["verify", "--all"]).await.json();
    assert_eq!(
        (&proof["unequal"], &proof["unproven"], &proof["events"]),
        (&0.into(), &0.into(), &18.into()),
        "{proof}"
    );
    assert!(convey.stop().await.success());
}
