//! What rules ask of the CRM: carried out once, never mistaken for news, and an event is written back once it was delivered.

use std::collections::BTreeSet;

use convey::sandbox::{Fault, Faults, Kind};
use serde_json::Value;

use crate::rig::{Convey, eventually, sandbox};
use crate::vendor::Vendor;
use crate::wire::letters_of;

const RULES: &str = r#"
[[rule]]
name = "call the lead"
on = "contact-created"
event = "Lead"
command = { create_task = { title = "Call the new lead", due_in = "2h" } }

[[rule]]
name = "welcome"
on = "contact-created"
command = { add_tags = ["from convey"] }

[[rule]]
name = "its own tag"
on = "tag-added"
when = '"from convey" in tags.added || "told" in tags.added'
command = { add_tags = ["a loop"] }
"#;

/// A convey that may write, with these rules.
fn writer(convey: Convey, more: &str) -> Convey {
    convey.file("rules.toml", RULES);
    convey.configure(|text| {
        *text = text
            .replace("\"builtin:rules\"", "\"builtin:rules\"\nsettings = \"rules.toml\"")
            .replace("[connection.acme]\n", &format!("[connection.acme]\naccess = \"write\"\n{more}"));
    })
}

async fn commands(convey: &Convey) -> Option<(u64, u64, u64)> {
    let commands = convey.status().await?["status"]["commands"]["acme"].clone();
    Some((commands["waiting"].as_u64()?, commands["held"].as_u64()?, commands["done"].as_u64()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rules_command_is_carried_out_once_and_is_no_news() {
    let sandbox = sandbox(1, 1).await;
    let vendor = Vendor::of(&sandbox);
    let letters = letters_of(&sandbox, Kind::ContactCreated, 5).await;
    let mut convey =
        writer(Convey::new(&sandbox.summary()).log_everything().log_as_json(), "write_back_tag = \"told\"\n");
    convey.start().await;
    let down = Fault { status: Some(503), ..Fault::default() };
    sandbox.set_faults(Faults { crm: None, ads: Some(down) });
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let held = eventually("the commands are carried out, and the platform has nothing yet", async || {
        let (waiting, held, done) = commands(&convey).await?;
        (waiting == 0 && done == 10).then_some(held)
    })
    .await;
    assert!(held > 0, "what waits for an event waits");
    assert!(sandbox.accepted(0).is_empty());

    sandbox.set_faults(Faults::default());
    convey.drained().await;
    eventually("the events are written back", async || {
        let (waiting, left, done) = commands(&convey).await?;
        (waiting == 0 && left == 0 && done == 10 + held).then_some(())
    })
    .await;
    // The webhooks of its own writes, once more: they are known.
    convey.drained().await;
    assert!(convey.stop().await.success());
    assert_eq!(convey.spoken().matches("given up").count(), 0);
    let mut told = 0;
    for id in letters.iter().map(|letter| sandbox.contact_of(&letter.id).unwrap()["id"].as_str().unwrap().to_owned()) {
        let tasks = vendor.of_contact(&id, "tasks").await;
        let mine = tasks.iter().filter(|task| task["title"] == "Call the new lead").count();
        assert_eq!(mine, 1, "{tasks:?}");
        let contact = vendor.contact(&id).await;
        let tags: Vec<&str> = contact["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert!(tags.contains(&"from convey") && !tags.contains(&"a loop"), "{tags:?}");
        told += usize::from(tags.contains(&"told"));
    }
    assert_eq!((told, told as u64), (sandbox.accepted(0).len(), held));
    every_hop_logs_its_latency(&convey.spoken());
}

/// A line a batch of each step, with its lane, how many it held and how long it took.
fn every_hop_logs_its_latency(log: &str) {
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (step, lane) in
        [("receive", "highlevel"), ("read", "acme"), ("translate", "acme"), ("ship", "ads"), ("execute", "acme")]
    {
        let of_step = lines.iter().map(|line| &line["fields"]).filter(|fields| fields["step"] == step);
        let timed = of_step.filter(|fields| fields["latency_ms"].is_u64() && fields["items"].as_u64() > Some(0));
        let lanes: BTreeSet<&str> = timed.filter_map(|fields| fields["lane"].as_str()).collect();
        assert_eq!(lanes, BTreeSet::from([lane]), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_that_is_only_read_is_never_written_to() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 1).await;
    let mut convey =
        writer(Convey::new(&sandbox.summary()), "").configure(|text| *text = text.replace("access = \"write\"\n", ""));
    convey.start().await;
    letters[0].insist(&convey.hook()).await;
    eventually("the commands are given up", async || {
        (convey.status().await?["status"]["commands"]["acme"]["dead"] == 2).then_some(())
    })
    .await;
    assert!(convey.spoken().contains("access = "), "the line to write: {}", convey.spoken());
    convey.drained().await;
    assert!(convey.stop().await.success());
}
