//! `convey top` and `convey tap`: what a person sees of a running convey; and what ships for Prometheus and Grafana, against what is really told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use convey::metrics::{Kind as Part, Metrics, Picture, Stage};
use convey::sandbox::Kind;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::rig::{Convey, PATIENCE, eventually, sandbox, skipped};
use crate::signals::{admin, samples, scrape};
use crate::wire::{self, letters_of};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tap_follows_what_is_asked_for_and_ends_with_the_program() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 30).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let mut command = convey.program(&["--format", "json", "tap", "what=shipped", "destination=ads"]);
    let mut tap = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tap.stdout.take().unwrap()).lines();
    let mut first = None;
    // What is told before it listens is told to nobody: another one, then.
    for letter in &letters {
        letter.insist(&convey.hook()).await;
        if let Ok(line) = timeout(Duration::from_secs(2), lines.next_line()).await {
            first = line.unwrap();
            break;
        }
    }
    let first = first.expect("tap tells of an event");
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(
        (&first["what"], &first["destination"], &first["outcome"]),
        (&"shipped".into(), &"ads".into(), &"told".into())
    );
    assert!(convey.stop().await.success());
    let ended = timeout(PATIENCE, tap.wait()).await.expect("tap ends").unwrap();
    assert!(ended.success());
    let wrong = convey.command(&["tap", "nonsense"]).await;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top_shows_rates_and_queues_as_they_are() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 5).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    convey.command(&["pause", "ads"]).await.json();
    let (picture, ()) = tokio::join!(convey.command(&["top", "--interval", "3", "--count", "1"]), async {
        for letter in &letters {
            letter.insist(&convey.hook()).await;
        }
        eventually("it is translated", async || {
            let status = convey.status().await?["status"].clone();
            (status["connections"]["acme"]["waiting"] == 0 && status["changes"]["waiting"] == 0).then_some(())
        })
        .await;
    });
    let picture = picture.json();
    let waiting = convey.status().await.unwrap()["status"]["destinations"]["ads"]["waiting"].as_f64().unwrap();
    assert!(waiting > 0.0);
    assert_eq!(picture["ready"], true);
    assert_eq!(picture["destinations"]["ads"]["paused"], true);
    let plain = convey.program(&["top", "--interval", "1", "--count", "2"]).output().await.unwrap();
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(!text.contains('\x1b'), "no terminal, no escapes: {text:?}");
    assert_eq!(text.matches("told/s").count(), 2, "one picture after the other");
    let row = text.lines().rfind(|line| line.starts_with("ads ")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((cells[1].parse(), cells[4]), (Ok(waiting), "yes"), "{text}");
    assert!(convey.stop().await.success());
}

/// The metrics that a text names: `convey_…` and `component_…`.
fn named(text: &str) -> BTreeSet<String> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter: char| !part(letter));
    let metric =
        |word: &&str| word.starts_with("convey_") || (word.starts_with("component_") && word.ends_with("_total"));
    words.filter(metric).map(str::to_owned).collect()
}

/// The names that a scrape can have: of samples, and of the kinds of samples that a family has before it is first counted.
fn told(text: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        samples(text).into_keys().map(|key| key.split('{').next().unwrap_or_default().to_owned()).collect();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => names.extend([format!("{name}_total")]),
            "histogram" => names.extend(["_bucket", "_count", "_sum"].map(|part| format!("{name}{part}"))),
            _ => names.extend([name.to_owned()]),
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_ships_in_a_dashboard_an_alert_or_a_page_is_told() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    letters_of(&sandbox, Kind::ContactCreated, 1).await[0].insist(&convey.hook()).await;
    convey.drained().await;
    let text = scrape(&convey).await;
    assert!(convey.stop().await.success());
    let known: BTreeSet<String> = told(&text).into_iter().chain(told(&everything())).collect();
    // A histogram is told of by its parts.
    let stem = |name: &String| {
        let short = ["_bucket", "_count", "_sum"].iter().find_map(|part| name.strip_suffix(part));
        short.unwrap_or(name).to_owned()
    };
    let whole: BTreeSet<String> = known.iter().map(stem).collect();
    // Told only where there is something to tell.
    let rare = [
        "convey_api_sunset_timestamp_seconds",
        "convey_rate_limit_daily_remaining",
        "convey_token_expiry_timestamp_seconds",
    ];
    let known: BTreeSet<String> = known.into_iter().chain(whole).chain(rare.map(str::to_owned)).collect();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let mut used = BTreeSet::new();
    for path in ["examples/grafana/dashboard.json", "examples/prometheus/alerts.yml", "docs/observability.md"] {
        let names = named(&read(path));
        assert!(names.len() > 5, "{path}");
        let strange: Vec<_> = names.difference(&known).collect();
        assert!(strange.is_empty(), "{path}: {strange:?}");
        used.extend(names);
    }
    let dashboard: Value = serde_json::from_str(&read("examples/grafana/dashboard.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
    // And the page tells of every one.
    let page: BTreeSet<String> = named(&read("docs/observability.md")).iter().map(stem).collect();
    let missing: BTreeSet<String> = known.iter().map(stem).filter(|name| !page.contains(name)).collect();
    assert!(missing.is_empty(), "docs/observability.md does not tell of {missing:?}");
}

/// Everything that can be counted, counted once: a counter is told of from its first time on.
fn everything() -> String {
    let (metrics, name, took) = (Metrics::default(), "name", Duration::from_millis(1));
    metrics.received(Part::Source, name, 1);
    metrics.sent(Part::Source, name, 1);
    metrics.skipped(Part::Source, name, "reason", 1);
    metrics.failed(Part::Source, name, Stage::Receiving, "type");
    metrics.stepped("read", took);
    metrics.told(took);
    metrics.requested(name, "GET /", Some(429), took);
    metrics.refreshed("fresh");
    metrics.braked(name);
    metrics.quality(name, 1.0);
    let guest = metrics.guest(name, "digest");
    guest.called("read", took, took, 1);
    guest.broke("trap");
    metrics.text(Picture::default())
}

/// Debian's Prometheus: unpacked below `target` (as `.ci/run` does), or installed.
fn prometheus() -> Option<PathBuf> {
    let unpacked = root().join("target/prometheus/usr/bin/prometheus");
    let installed = PathBuf::from("/usr/bin/prometheus");
    [unpacked, installed].into_iter().find(|path| path.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_it_with_its_own_token_and_takes_the_rules() {
    const TEST: &str = "prometheus_scrapes_it_with_its_own_token_and_takes_the_rules";
    let Some(prometheus) = prometheus() else {
        skipped(TEST, "there is no Prometheus: .ci/run unpacks Debian's below target/prometheus");
        return;
    };
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]\n", "[admin]\nmetrics_token = { file = \"metrics.token\" }\n");
    });
    let token = convey.file("metrics.token", "for-prometheus");
    convey.start().await;
    letters_of(&sandbox, Kind::ContactCreated, 1).await[0].insist(&convey.hook()).await;
    convey.drained().await;

    let folder = tempfile::tempdir().unwrap();
    let target = admin(&convey, "").0.trim_start_matches("http://").to_owned();
    let example = |name: &str| std::fs::read_to_string(root().join("examples/prometheus").join(name)).unwrap();
    let settings = example("prometheus.yml")
        .replace("127.0.0.1:8481", &target)
        .replace("credentials_file: metrics.token", &format!("credentials_file: {}", token.display()))
        .replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("evaluation_interval: 15s", "evaluation_interval: 1s");
    std::fs::write(folder.path().join("prometheus.yml"), settings).unwrap();
    std::fs::write(folder.path().join("alerts.yml"), example("alerts.yml")).unwrap();
    for line in [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"]] {
        let mut promtool = tokio::process::Command::new(prometheus.with_file_name("promtool"));
        let checked = promtool.args(line).current_dir(folder.path()).output().await.unwrap();
        assert!(checked.status.success(), "{line:?}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _running = tokio::process::Command::new(prometheus)
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=store"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It answers 503 until it is ready.
    let ask = async |path: &str| {
        let answer = wire::get(&format!("http://127.0.0.1:{port}/api/v1/{path}"), &[]).await?;
        (answer.status == 200).then(|| answer.json())
    };
    eventually("it has scraped what was told", async || {
        let query = "query?query=component_sent_events_total%7Bcomponent_kind%3D%22sink%22%7D";
        let value = ask(query).await?["data"]["result"][0]["value"][1].as_str()?.to_owned();
        (value.parse::<f64>().ok()? >= 1.0).then_some(())
    })
    .await;
    let targets = ask("targets").await.unwrap()["data"]["activeTargets"].clone();
    assert_eq!((&targets[0]["health"], &targets[0]["lastError"]), (&"up".into(), &"".into()), "{targets}");
    let rules = ask("rules").await.unwrap()["data"]["groups"][0]["rules"].clone();
    let healthy = rules.as_array().unwrap().iter().filter(|rule| rule["lastError"].is_null()).count();
    assert!(healthy >= 10, "{rules}");

    convey.command(&["pause", "ads"]).await.json();
    eventually("the pause is an alert", async || {
        let alerts = ask("alerts").await?["data"]["alerts"].clone();
        alerts.as_array()?.iter().any(|alert| alert["labels"]["alertname"] == "ConveyDestinationPaused").then_some(())
    })
    .await;
    assert!(convey.stop().await.success());
}
