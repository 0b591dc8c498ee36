//! A bulk change in the CRM: the usual number leaves, the rest waits for a person, who lets it go or drops it by one command.

use std::time::Duration;

use convey::sandbox::{Kind, Options, Play, Sandbox, Subscription};
use http::Method;
use serde_json::{Value, json};

use crate::rig::{Convey, accepted_ids, eventually, options, sandbox};
use crate::vendor::Vendor;
use crate::wire::letters_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_asks_for_more_than_usual_is_held_up() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 20).await;
    let mut convey = Convey::new(&sandbox.summary())
        .configure(|config| *config = config.replace("brake_times = 0", "brake_times = 10\nbrake_floor = 5"));
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    assert_eq!(convey.spoken().matches("the brake holds").count(), 1, "it is said once");
    assert!(convey.stop().await.success());
    assert_eq!(sandbox.accepted(0).len(), 5);
    let book = convey.book().await;
    let events: Vec<_> =
        book.accounts.iter().flat_map(|account| &account.changes).flat_map(|change| &change.events).collect();
    let states = |state: &str| events.iter().filter(|event| event.state == state).count();
    assert!(events.len() > 10, "{events:?}");
    assert_eq!((states("done"), states("dead")), (5, events.len() - 5), "{events:?}");
}

const RULES: &str = "respect_do_not_disturb = false
[events]
contact-created = \"Created\"
tag-added = \"Tagged\"
";

/// The names of what each dataset was told, counted.
fn told(sandbox: &Sandbox, dataset: &str, name: &str) -> usize {
    let all = sandbox.accepted(0);
    all.iter().filter(|told| told.dataset == dataset && told.event["event_name"] == name).count()
}

/// So many contacts are made on one day, and on the next all of them get a tag at once. Two datasets are told, `usual` in an hour each.
async fn a_bulk_tag(contacts: usize, usual: usize) {
    let sandbox = Sandbox::start(Options { contacts: 0, datasets: 2, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let [one, other] = [&summary.datasets[0], &summary.datasets[1]];
    let mut convey = Convey::new(&summary)
        .configure(|text| {
            let brake = format!("brake_floor = {usual}");
            let other = format!(
                "[destination.other]\nsink = \"meta\"\nid = \"{other}\"\ntoken = {{ file = \"ads.token\" }}\n{brake}\n"
            );
            *text = text
                .replace("brake_times = 0", &brake)
                .replace("destinations = [\"ads\"]", "destinations = [\"ads\", \"other\"]")
                .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n");
            text.push_str(&other);
        })
        .on_a_clock();
    convey.file("rules.toml", RULES);
    convey.start().await;
    // A day on which somebody looks: an hour's count must not begin anew while it is looked at.
    let hour = 60 * 60 * 1_000;
    let into = convey::clock::Clock::system().now_ms() % hour;
    convey.pass(&sandbox, Duration::from_millis(hour - into + 60_000)).await;
    let mut people = Vec::new();
    while people.len() < contacts {
        let (kinds, target) = (vec![Kind::ContactCreated], convey.hook());
        let changes = usual.min(contacts - people.len());
        let play = Play { changes, kinds, target, retry_ms: 100, tries: 1_000, ..Play::default() };
        people.extend(sandbox.play(play).await.unwrap().fired.into_iter().map(|fired| fired.contact_id));
        convey.drained().await;
        convey.pass(&sandbox, Duration::from_millis(hour)).await;
    }
    let quiet = convey.spoken();
    assert_eq!(quiet.matches("the brake holds").count(), 0, "{quiet}");

    sandbox.subscribe(Some(Subscription { retries: 100, ..Subscription::plain(convey.hook()) })).unwrap();
    let vendor = Vendor::of(&sandbox);
    let tag = json!({"tags": ["in bulk"]});
    for contact in &people {
        vendor.api(Method::POST, &format!("/contacts/{contact}/tags"), &tag).await;
    }
    eventually("all are read", async || {
        let status = convey.status().await?["status"]["destinations"]["other"].clone();
        let [told, parked] = ["done", "dead"].map(|key| status[key].as_u64());
        (told? + parked? == 2 * contacts as u64).then_some(())
    })
    .await;
    convey.drained().await;
    assert_eq!((told(&sandbox, one, "Tagged"), told(&sandbox, other, "Tagged")), (usual, usual));
    let alerts = convey.spoken();
    let alerts: Vec<&str> = alerts.lines().filter(|line| line.contains("the brake holds")).collect();
    assert_eq!(alerts.len(), 2, "one alert a destination: {alerts:?}");
    let acts = convey.command(&["audit", "--destination", "ads", "--limit", "10000"]).await.json();
    let brakes = acts["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["actor"] == "convey" && row["operation"].as_str().unwrap().starts_with("brake "));
    assert_eq!(brakes.count(), 1, "{acts}");
    let parked = convey.command(&["queue", "list", "--reason", "brake"]).await.json();
    let counts: Vec<u64> =
        parked["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).collect();
    let rest = (contacts - usual) as u64;
    assert_eq!(counts, [rest, rest], "{parked}");

    let of = |destination: &'static str| ["--all", "--reason", "brake", "--destination", destination];
    let dropped = convey.command(&[&["queue", "drop", "--because", "a mistake"][..], &of("other")].concat()).await;
    assert_eq!(dropped.json()["dropped"], rest);
    let released = convey.command(&[&["queue", "retry"][..], &of("ads")].concat()).await.json();
    assert_eq!((&released["retried"], &released["found"]), (&Value::from(rest), &Value::from(rest)));
    eventually("they leave", async || (told(&sandbox, one, "Tagged") == contacts).then_some(())).await;
    convey.drained().await;
    assert_eq!(told(&sandbox, other, "Tagged"), usual, "what was dropped stays dropped");
    assert_eq!(convey.spoken().matches("the brake holds").count(), 2, "what a person let go is no news");
    assert_eq!(convey.command(&["queue", "list", "--reason", "brake"]).await.code, Some(3));
    assert!(convey.stop().await.success());
    let (book, told) = (convey.book().await, accepted_ids(&sandbox, one));
    book.assert_exact(&book.event_ids(), &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_tag_trips_the_brake_once_and_one_command_lets_the_rest_go_or_drops_it() {
    a_bulk_tag(600, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: run by hand"]
async fn a_bulk_tag_of_five_thousand_contacts_trips_the_brake_once() {
    a_bulk_tag(5_000, 1_000).await;
}
