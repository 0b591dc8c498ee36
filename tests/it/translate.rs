//! `convey translate`: a line in, a line out, in order, whatever the line holds.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use convey::contract::Digest;
use serde_json::{Value, json};

use crate::guests;
use crate::program::{Folder, contact};

/// No answer takes longer on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn webhook(id: &str, kind: &str) -> Value {
    let mut body = contact("c-webhook");
    body["type"] = json!(kind);
    body["webhookId"] = json!(id);
    body["timestamp"] = json!("2026-10-01T12:00:01.000Z");
    body
}

/// The names of an answer's events.
fn names(answer: &Value) -> Vec<&str> {
    answer["effects"].as_array().unwrap().iter().map(|effect| effect["convert"]["name"].as_str().unwrap()).collect()
}

#[test]
fn a_contact_with_or_without_its_wrapper_and_a_webhook_say_the_same() {
    let input = [contact("c1"), json!({"contact": contact("c1")}), webhook("wh-1", "ContactCreate")];
    let ran = Folder::new().feed(&["translate"], &lines(&input)).ended(0);
    assert_eq!(ran.err, "");
    let [bare, wrapped, webhook] = &ran.lines()[..] else { panic!("{}", ran.out) };
    assert_eq!(bare, wrapped);
    assert_eq!((&bare["id"], &webhook["id"]), (&json!("c1"), &json!("wh-1")));
    for answer in [bare, webhook] {
        assert_eq!(names(answer), ["Lead"]);
        let user = &answer["effects"][0]["convert"]["user_data"];
        for key in ["emails", "phones", "first_names", "last_names", "external_ids"] {
            let hash = user[key][0].as_str().unwrap_or_default();
            assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{key}: {user}");
        }
    }
    assert!(!ran.out.to_lowercase().contains("example.com") && !ran.out.contains("555"), "hashes only: {}", ran.out);
}

#[test]
fn the_trigger_is_the_bare_contacts_and_a_webhook_keeps_its_own() {
    let input = lines(&[contact("c1"), webhook("wh-1", "ContactCreate")]);
    let ran = Folder::new().feed(&["translate", "--trigger", "contact-updated"], &input).ended(0);
    let answers = ran.lines();
    assert_eq!(answers[0]["skip"]["code"], "no-rule");
    assert_eq!(names(&answers[1]), ["Lead"]);
    let ran = Folder::new().feed(&["translate", "--trigger", "task-created"], &input).ended(0);
    assert_eq!(ran.complaints()[0]["line"], 1);
    assert!(ran.err.contains("a bare contact cannot be a"), "{}", ran.err);
    assert_eq!(ran.lines().len(), 1);
}

#[test]
fn as_a_platform_each_effect_is_its_own_event_object() {
    let ran = Folder::new().feed(&["translate", "--as", "meta"], &lines(&[contact("c1")])).ended(0);
    let plain = Folder::new().feed(&["translate"], &lines(&[contact("c1")])).ended(0);
    let (event, said) = (&ran.lines()[0]["effects"][0], &plain.lines()[0]["effects"][0]["convert"]);
    assert_eq!((&event["event_name"], &event["event_id"]), (&said["name"], &said["id"]));
    assert_eq!(event["event_time"].as_u64().unwrap() * 1_000, said["occurred_at"].as_u64().unwrap());
    assert_eq!(event["user_data"]["em"], said["user_data"]["emails"]);
}

/// The golden case: a contact as the CRM writes it, and byte for byte what the ad platform is sent.
#[test]
fn a_contact_becomes_the_platforms_json_byte_for_byte() {
    let contact = json!({
        "id": "ocQHyuzHvysMo5N5VsXc", "locationId": "ve9EPM428h8vShlRW1KT", "firstName": "Zoë", "lastName": "O’Brien",
        "email": " Zoe@Example.com", "phone": "(650) 555-0143", "country": "US", "state": "California", "city": "Menlo Park",
        "postalCode": "94025-1234", "dateOfBirth": "1997-02-16", "dateAdded": "2026-11-20T10:00:00.500Z", "tags": ["vip"],
        "attributionSource": {
            "fbclid": "IwAR2Abc-_Xyz", "fbp": "fb.1.1763632800000.1098115397", "ip": "203.0.113.9",
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64)", "url": "https://shop.example/quote?utm_source=fb",
        },
    });
    let ran = Folder::new().feed(&["translate", "--as", "meta"], &lines(&[contact])).ended(0);
    let told = &ran.lines()[0]["effects"][0]["user_data"];
    // The hashes below are of these texts, and nobody need take the snapshot's word for it.
    for (key, normalised) in [
        ("em", "zoe@example.com"),
        ("ph", "16505550143"),
        ("fn", "zoë"),
        ("ln", "obrien"),
        ("db", "19970216"),
        ("ct", "menlopark"),
        ("st", "ca"),
        ("zp", "94025"),
        ("country", "us"),
        ("external_id", "ocQHyuzHvysMo5N5VsXc"),
    ] {
        assert_eq!(told[key], json!([Digest::of(normalised.as_bytes()).to_string()]), "{key}");
    }
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("a_contact_as_the_platforms_json", ran.out.trim_end());
    });
}

#[test]
fn a_bad_line_costs_itself_alone_and_its_number_counts_every_line() {
    let mut input: Vec<String> = (1..=700).map(|number| contact(&format!("c{number}")).to_string()).collect();
    input[299] = "{\"id\": \"secret@example.com".to_owned();
    input[300] = String::new();
    input[301] = "[1, 2]".to_owned();
    input[302] = json!({"name": "nobody"}).to_string();
    let ran = Folder::new().feed(&["translate"], &input.join("\n")).ended(0);
    let complaints = ran.complaints();
    let numbers: Vec<u64> = complaints.iter().map(|complaint| complaint["line"].as_u64().unwrap()).collect();
    // What is no JSON is told before the rest of its batch is read.
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [300, 302, 303]);
    assert!(complaints.iter().all(|complaint| !complaint["error"].as_str().unwrap().is_empty()));
    assert!(!ran.err.contains("secret@"), "{}", ran.err);
    let ids: Vec<String> = ran.lines().iter().map(|answer| answer["id"].as_str().unwrap().to_owned()).collect();
    let wanted: Vec<String> =
        (1..=700).filter(|number| !(300..=303).contains(number)).map(|number| format!("c{number}")).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn a_partner_at_the_pipe_gets_each_answer_before_it_writes_the_next_line() {
    let folder = Folder::new();
    let mut child = folder.command(&["translate"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (send, answers) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        BufReader::new(output).lines().for_each(|line| send.send(line.unwrap()).unwrap());
    });
    for number in 0..5 {
        writeln!(input, "{}", contact(&format!("c{number}"))).unwrap();
        let answer: Value = serde_json::from_str(&answers.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert_eq!(answer["id"], format!("c{number}"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn settings_and_the_locations_country_are_the_operators() {
    let mut abroad = contact("c1");
    abroad["phone"] = json!("(650) 555-1212");
    abroad.as_object_mut().unwrap().remove("country");
    let folder = Folder::new();
    folder.write("mapping.toml", "[events]\ncontact-created = \"Hello\"\n");
    let input = lines(&[abroad]);
    let unsure = folder.feed(&["translate", "--settings", "mapping.toml"], &input).ended(0).lines().remove(0);
    assert_eq!(names(&unsure), ["Hello"]);
    assert_eq!(unsure["effects"][0]["convert"]["user_data"]["phones"], Value::Null, "a guess reaches another person");
    assert!(unsure["effects"][0]["omitted"].to_string().contains("phone"), "{unsure}");
    let sure = folder.feed(&["translate", "--location-country", "us"], &input).ended(0).lines().remove(0);
    assert_eq!(sure["effects"][0]["convert"]["user_data"]["phones"], json!([sha256("16505551212")]));
    folder.write("mapping.toml", "curency = \"USD\"\n");
    let refused = folder.feed(&["translate", "--settings", "mapping.toml"], &input).ended(1);
    assert!(
        refused.err.contains("line 1, column 1") && refused.err.contains("did you mean `currency`?"),
        "{}",
        refused.err
    );
}

fn sha256(text: &str) -> String {
    convey::contract::Digest::of(text.as_bytes()).to_string()
}

#[test]
fn a_mapper_that_breaks_costs_the_line_that_breaks_it() {
    let folder = Folder::new();
    folder.write("strange.wasm", guests::component("convey-test-mapper", guests::PURE)).write("trap.toml", "trap");
    let mut people: Vec<Value> = (0..6).map(|number| contact(&format!("c{number}"))).collect();
    people[2]["tags"] = json!(["misbehave"]);
    let ran =
        folder.feed(&["translate", "--mapper", "strange.wasm", "--settings", "trap.toml"], &lines(&people)).ended(0);
    let complaint = &ran.complaints()[0];
    assert_eq!(complaint["line"], 3);
    let text = complaint["error"].as_str().unwrap();
    assert!(text.starts_with("mapper `strange.wasm` (") && text.contains("broke in translate (trap)"), "{text}");
    let ids: Vec<Value> = ran.lines().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, ["c0", "c1", "c3", "c4", "c5"]);
}

#[test]
fn a_long_stream_does_not_grow() {
    /// Lines at a time: what a pipe holds, so that nobody waits for the other.
    const CHUNK: usize = 50;
    let folder = Folder::new();
    let mut child = folder.command(&["translate"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let chunk = lines(&vec![contact("c1"); CHUNK]);
    let mut resident = Vec::new();
    for round in 0..240 {
        input.write_all(chunk.as_bytes()).unwrap();
        assert!(answers.by_ref().take(CHUNK).all(|line| line.unwrap().starts_with("{\"id\":\"c1\"")));
        if round % 60 == 59 {
            resident.push(resident_kib(child.id()));
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    let (first, last) = (resident[0], resident[resident.len() - 1]);
    assert!(last < first + 16 * 1024, "KiB resident: {resident:?}");
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
