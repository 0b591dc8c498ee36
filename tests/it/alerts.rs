//! What the host says unasked: once with its cause and what to do, and once when it is over; to a webhook, to Slack's kind of one, to a program.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use convey::sandbox::{Fault, Faults, Kind};
use serde_json::{Value, json};

use crate::ear::Ear;
use crate::rig::{Convey, eventually, sandbox};
use crate::wire::letters_of;

const PAUSED: &str = "paused:destination:ads";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_destination_is_said_once_with_its_cause_and_once_when_it_goes_on() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 3).await;
    let (ear, slack) = (Ear::new().await, Ear::new().await);
    let convey = Convey::new(&sandbox.summary()).configure(|text| {
        text.push_str(
            "[alerts.to.ops]\nwebhook = { file = \"ops.url\" }\n[alerts.to.chat]\nslack = { file = \"chat.url\" }\n\
             [alerts.to.pager]\ncommand = [\"./page\"]\n",
        );
        *text = text.replace("\"./page\"", "\"PAGE\"");
    });
    convey.file("ops.url", &ear.url);
    convey.file("chat.url", &slack.url);
    let paged = convey.file("paged", "");
    let page = convey.file("page", &format!("#!/bin/sh\ncat >> {}\necho >> {}\n", paged.display(), paged.display()));
    std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut convey = convey.configure(|text| *text = text.replace("PAGE", page.to_str().unwrap()));
    convey.file("ads.token", "nobody-knows-this-one");
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("the pause is said", async || (!ear.of(PAUSED).is_empty()).then_some(())).await;
    let open = convey.command(&["alerts", "list"]).await.json();
    assert_eq!(open[0]["alert"], PAUSED);
    let said = ear.of(PAUSED)[0].clone();
    assert_eq!((&said["state"], &said["severity"]), (&json!("firing"), &json!("critical")), "{said}");
    assert!(said["cause"].as_str().unwrap().contains("nothing is sent to ads"), "{said}");
    assert!(said["next"].as_str().unwrap().contains("[destination.ads]"), "{said}");

    convey.file("ads.token", &sandbox.summary().ads_token);
    convey.drained().await;
    eventually("the end is said", async || (ear.of(PAUSED).len() == 2).then_some(())).await;
    assert_eq!(ear.of(PAUSED)[1]["state"], "resolved", "once each: {:?}", ear.of(PAUSED));
    eventually("the chat and the program hear as much", async || {
        let texts: Vec<String> =
            slack.heard().iter().filter_map(|said| said["text"].as_str().map(str::to_owned)).collect();
        let lines = std::fs::read_to_string(&paged).unwrap();
        let lines: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let over = texts.iter().any(|text| text.starts_with("convey: over: nothing is sent to ads"));
        let act = texts.iter().any(|text| text.starts_with("convey: act: nothing is sent to ads"));
        let paged = lines.iter().filter(|line| line["alert"] == PAUSED).count();
        (over && act && paged == 2).then_some(())
    })
    .await;
    assert_eq!(convey.command(&["alerts", "list"]).await.json(), json!([]));
    let audit = convey.command(&["audit"]).await;
    assert!(audit.stdout.contains("POST alert"), "what left is in the audit");
    assert!(convey.stop().await.success());
    for place in [&audit.stdout, &convey.spoken()] {
        assert!(!place.contains("alert-canary"), "an address is a secret: {place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_said_after_the_minutes_asked_for_and_ends_with_the_next_delivery() {
    let sandbox = sandbox(1, 1).await;
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let ear = Ear::new().await;
    let mut convey = Convey::new(&sandbox.summary())
        .configure(|text| {
            text.push_str("[alerts]\nquiet_minutes = 30\n[alerts.to.ops]\nwebhook = { file = \"ops.url\" }\n");
        })
        .on_a_clock();
    convey.file("ops.url", &ear.url);
    convey.start().await;
    convey.pass(&sandbox, Duration::from_secs(31 * 60)).await;
    eventually("silence is said", async || (!ear.of("quiet").is_empty()).then_some(())).await;
    // A webhook of now: the sandbox's clock has moved on with ours.
    letter.insist(&convey.hook()).await;
    eventually("and its end", async || (ear.of("quiet").len() == 2).then_some(())).await;
    assert_eq!(ear.of("quiet")[1]["state"], "resolved");
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_reaches_every_target_and_says_which_it_does_not_reach() {
    let sandbox = sandbox(1, 1).await;
    let ear = Ear::new().await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        text.push_str(
            "[alerts.to.ops]\nwebhook = { file = \"ops.url\" }\n[alerts.to.gone]\ncommand = [\"/no/such/program\"]\n\
             [alerts.to.lines]\nlog = true\n",
        );
    });
    convey.file("ops.url", &ear.url);
    convey.start().await;
    let said = convey.command(&["alerts", "test"]).await;
    assert_eq!(said.code, Some(1), "one did not arrive: {said:?}");
    let said: Vec<Value> = serde_json::from_str(said.stdout.trim()).unwrap();
    let error = |target: &str| {
        said.iter().find(|said| said["target"] == target).unwrap_or_else(|| panic!("{target}: {said:?}"))["error"]
            .clone()
    };
    assert_eq!((error("ops"), error("lines")), (Value::Null, Value::Null));
    assert!(error("gone").as_str().unwrap().contains("cannot start /no/such/program"));
    assert_eq!(ear.of("test")[0]["state"], "test");
    assert!(convey.stop().await.success());
    assert!(convey.spoken().contains("somebody asked for a test"), "the log heard it too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_said_once_however_many_there_are_and_end_with_what_is_decided_about_them() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { code: Some(100), ..Fault::default() }) });
    let ear = Ear::new().await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        text.push_str("[alerts.to.ops]\nwebhook = { file = \"ops.url\" }\n");
    });
    convey.file("ops.url", &ear.url);
    convey.start().await;
    // In halves: what comes after the first word on it is more of the same.
    let (some, more) = letters.split_at(6);
    for letter in some {
        letter.insist(&convey.hook()).await;
    }
    eventually("they are said", async || (!ear.of("dead:event").is_empty()).then_some(())).await;
    for letter in more {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let dead = convey.status().await.unwrap()["status"]["destinations"]["ads"]["dead"].as_u64().unwrap();
    let cause = format!("{dead} events are parked until somebody decides");
    eventually("the list is up to date", async || {
        let open = convey.command(&["alerts", "list"]).await.json();
        (open[0]["alert"] == "dead:event" && open[0]["cause"] == *cause).then_some(())
    })
    .await;
    let said = ear.of("dead:event");
    assert_eq!(
        (said.len(), &said[0]["state"], &said[0]["severity"]),
        (1, &json!("firing"), &json!("warning")),
        "{said:?}"
    );
    // The line to paste is a command that works.
    let next = said[0]["next"].as_str().unwrap().strip_prefix("convey ").unwrap();
    let listed = convey.command(&next.split(' ').collect::<Vec<_>>()).await.json();
    assert_eq!(listed["groups"][0]["count"].as_u64(), Some(dead), "{listed}");

    sandbox.set_faults(Faults::default());
    convey.command(&["queue", "retry", "--all", "--kind", "event"]).await.json();
    convey.drained().await;
    eventually("the end is said", async || (ear.of("dead:event").len() == 2).then_some(())).await;
    assert_eq!(ear.of("dead:event")[1]["state"], "resolved");
    assert!(convey.stop().await.success());
}
