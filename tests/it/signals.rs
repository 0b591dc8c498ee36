//! What is counted is what happened; who may read it; readiness is lost before the door is shut; what happens is told as it happens.

use std::collections::BTreeMap;

use convey::admin::{Token, read_address};
use convey::sandbox::Kind;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use crate::rig::{Convey, PATIENCE, eventually, sandbox};
use crate::wire::{self, letters_of};

/// The samples of a scrape: name and labels, value.
pub fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

/// An address of the admin door of a running convey, and what opens it.
pub fn admin(convey: &Convey, path: &str) -> (String, String) {
    let address = read_address(&convey.state()).unwrap();
    (format!("http://{address}{path}"), Token::read(&convey.state()).unwrap().header())
}

/// What is counted now.
pub async fn scrape(convey: &Convey) -> String {
    let (url, token) = admin(convey, "/metrics");
    let answer = wire::get(&url, &[("authorization", &token)]).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The happenings of a running convey, as they come.
struct Ear {
    lines: Lines<BufReader<OwnedReadHalf>>,
    // Kept open: the listener is gone with it.
    _writer: tokio::net::tcp::OwnedWriteHalf,
}

impl Ear {
    async fn at(convey: &Convey, query: &str) -> Self {
        let (url, token) = admin(convey, "/happenings");
        let (address, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).unwrap();
        let (reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let request = format!("GET /{path}{query} HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\n\r\n");
        writer.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(reader).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert!(first.contains("200"), "{first}");
        while !lines.next_line().await.unwrap().unwrap().is_empty() {}
        Self { lines, _writer: writer }
    }

    async fn next(&mut self) -> Option<Value> {
        let next = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if let Some(text) = line.strip_prefix("data: ") {
                    return Some(serde_json::from_str(text).unwrap());
                }
            }
            None
        };
        timeout(PATIENCE, next).await.expect("something happens, or it ends")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_counted_is_what_the_store_holds() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 8).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    letters[0].insist(&convey.hook()).await;
    let forged = wire::deliver(&convey.hook(), &[(wire::SIGNATURE, "AAAA")], "{}".into()).await.unwrap();
    assert_eq!(forged.status, 401);
    convey.drained().await;
    let text = scrape(&convey).await;
    let status = convey.status().await.unwrap()["status"].clone();
    let samples = samples(&text);
    let of = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name}\n{text}"));
    let sum = |prefix: &str| -> f64 {
        samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    };

    assert_eq!(of("component_received_events_total{component_id=\"highlevel\",component_kind=\"source\"}"), 9.0);
    let repeated = "component_discarded_events_total{component_id=\"highlevel\",component_kind=\"source\",intentional=\"true\",reason=\"repeated\"}";
    assert_eq!(of(repeated), 1.0);
    let forged = sum("component_errors_total{component_id=\"highlevel\",component_kind=\"source\",error_type=\"");
    assert_eq!(forged, 1.0, "{text}");
    let done = status["destinations"]["ads"]["done"].as_f64().unwrap();
    assert!(done > 0.0);
    assert_eq!(of("component_sent_events_total{component_id=\"ads\",component_kind=\"sink\"}"), done);
    assert_eq!(of("component_sent_events_total{component_id=\"default\",component_kind=\"transform\"}"), done);
    assert_eq!(of("convey_delivery_duration_seconds_count"), done);
    let skipped: f64 = status["changes"]["skipped"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    assert_eq!(sum("component_discarded_events_total{component_id=\"default\""), skipped);
    for step in ["receive", "read", "translate", "ship"] {
        assert!(of(&format!("convey_step_duration_seconds_count{{step=\"{step}\"}}")) >= 1.0);
    }
    for stage in ["read", "translate", "ship"] {
        assert_eq!(of(&format!("convey_queue_depth{{stage=\"{stage}\"}}")), 0.0);
        assert_eq!(of(&format!("convey_dlq_events{{stage=\"{stage}\"}}")), 0.0);
    }
    let fetched = sum(
        "convey_request_duration_seconds_count{component_id=\"source.highlevel\",operation=\"GET /contacts/{contact",
    );
    assert!(fetched >= 1.0, "{text}");
    assert!(sum("convey_request_duration_seconds_count{component_id=\"sink.meta\"") >= 1.0);
    assert!(sum("convey_guest_duration_seconds_count{component_id=\"default\"") >= 1.0, "{text}");
    assert!(sum("convey_guest_memory_bytes{") > 65_536.0);
    assert!(sum("convey_instances{") >= 3.0);
    let quality = of("convey_emq_estimate{destination=\"ads\"}");
    assert!((0.0..=10.0).contains(&quality) && quality > 0.0, "{quality}");
    assert!(sum("convey_rate_limit_remaining{connection=\"acme\"}") > 0.0);
    assert_eq!(of("convey_ready"), 1.0);
    // Never a contact, and never what is told of one.
    for letter in &letters {
        let contact = letter.json();
        assert!(!text.contains(contact["id"].as_str().unwrap()));
        if let Some(email) = contact["email"].as_str() {
            assert!(!text.contains(email));
        }
    }
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_open_to_their_own_token_and_to_the_operators() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]\n", "[admin]\nmetrics_token = { file = \"metrics.token\" }\n");
    });
    convey.file("metrics.token", "for-prometheus\n");
    convey.start().await;
    let (metrics, operator) = admin(&convey, "/metrics");
    let status = async |url: &str, token: Option<&str>| {
        let headers: Vec<(&str, &str)> = token.map(|token| ("authorization", token)).into_iter().collect();
        wire::get(url, &headers).await.unwrap().status
    };
    assert_eq!(status(&metrics, None).await, 401);
    assert_eq!(status(&metrics, Some("Bearer for-prometheu")).await, 401);
    assert_eq!(status(&metrics, Some("Bearer for-prometheus")).await, 200);
    assert_eq!(status(&metrics, Some(&operator)).await, 200);
    let (command, _) = admin(&convey, "/status");
    assert_eq!(status(&command, Some("Bearer for-prometheus")).await, 401, "it opens nothing else");
    for door in
        [admin(&convey, "/healthz").0, admin(&convey, "/readyz").0, convey.url("/healthz"), convey.url("/readyz")]
    {
        assert_eq!(status(&door, None).await, 200, "{door}");
    }
    assert!(convey.stop().await.success());

    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]\n", "[admin]\nmetrics = \"open\"\n");
    });
    convey.start().await;
    assert_eq!(status(&admin(&convey, "/metrics").0, None).await, 200);
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_lost_while_deliveries_are_still_taken() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 24).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]", "high_water = 20\n[admin]");
    });
    convey.start().await;
    convey.command(&["pause", "acme"]).await.json();
    let (doors, mut taken_unready) = ([convey.url("/readyz"), admin(&convey, "/readyz").0], 0);
    let mut refused = 0;
    for letter in &letters {
        let mut ready = Vec::new();
        for door in &doors {
            ready.push(wire::get(door, &[]).await.unwrap());
        }
        let answer = letter.send(&convey.hook()).await.unwrap();
        match answer.status {
            200 if ready.iter().all(|ready| ready.status == 503) => taken_unready += 1,
            200 => {}
            _ => {
                refused += 1;
                for ready in ready {
                    assert_eq!(ready.status, 503);
                    let text = String::from_utf8(ready.body.to_vec()).unwrap();
                    assert!(text.contains("too much is waiting"), "{text}");
                }
            }
        }
    }
    assert!(taken_unready >= 1, "it is said before anybody is sent away");
    assert!(refused >= 1, "and then somebody is");
    assert_eq!(samples(&scrape(&convey).await)["convey_ready"], 0.0);
    convey.command(&["resume", "acme"]).await.json();
    for door in &doors {
        eventually("it is ready again", async || (wire::get(door, &[]).await?.status == 200).then_some(())).await;
    }
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_told_as_it_happens_and_ends_with_the_program() {
    let sandbox = sandbox(1, 1).await;
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let (mut all, mut shipped) = (Ear::at(&convey, "").await, Ear::at(&convey, "?what=shipped&outcome=told").await);
    let delivery = letter.send(&convey.hook()).await.unwrap().json()["delivery"].as_str().unwrap().to_owned();
    let mut told = Vec::new();
    for what in ["received", "read", "translated", "shipped"] {
        let happening = all.next().await.unwrap();
        assert_eq!((happening["what"].as_str(), happening["delivery"].as_str()), (Some(what), Some(delivery.as_str())));
        told.push(happening);
    }
    assert_eq!(told[0]["webhook_id"].as_str(), Some(letter.id.as_str()));
    assert_eq!(
        (&told[1]["outcome"], &told[2]["outcome"], &told[3]["outcome"]),
        (&"changes".into(), &"events".into(), &"told".into())
    );
    assert_eq!(told[2]["events"][0], told[3]["name"]);
    assert!(told[3]["since_received_ms"].is_u64());
    assert_eq!(shipped.next().await.unwrap(), told[3], "the filter lets one through");
    let said = serde_json::to_string(&told).unwrap();
    if let Some(email) = letter.json()["email"].as_str() {
        assert!(!said.to_lowercase().contains(&email.to_lowercase()), "{said}");
    }
    convey.command(&["pause", "ads"]).await.json();
    let paused = all.next().await.unwrap();
    assert_eq!((paused["what"].as_str(), paused["scope"].as_str()), (Some("paused"), Some("destination:ads")));
    let (url, token) = admin(&convey, "/happenings?contact=x");
    let wrong = wire::get(&url, &[("authorization", &token)]).await.unwrap();
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(convey.stop().await.success(), "a listener holds nobody up");
    assert_eq!(all.next().await, None);
}
