//! The conformance kit: sets of settings and changes, and exactly what the mapper must say of them on every platform. The host is the first.
//! `CONVEY_CASES=write cargo test --test it the_kit_holds` writes down what the built-in mapper says now.

mod form;
mod plain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convey::builtin::{Builtin, builtin};
use convey::contract::{Change, TRIGGERS, kind};
use convey::egress::{Egress, Limits};
use convey::engine::{CodeCache, Engine, GuestLimits, LoadError, Mapper};
use serde_json::{Value, json};

use crate::program;
use plain::Plain;

/// The kit.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// The mapper that ships with convey.
pub fn mapper() -> &'static Builtin {
    builtin("rules").unwrap()
}

/// One set: settings, and changes to translate with them.
struct Set {
    name: String,
    settings: String,
    changes: Vec<Change>,
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sets() -> Vec<Set> {
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut sets: Vec<Set> = folders
        .map(|folder| {
            let changes: Vec<Value> = serde_json::from_str(&read(&folder.join("changes.json")))
                .unwrap_or_else(|error| panic!("{}/changes.json: {error}", folder.display()));
            Set {
                name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
                settings: read(&folder.join("settings.toml")),
                changes: changes.into_iter().map(form::change).collect(),
            }
        })
        .collect();
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    sets
}

/// A list with an item a line, so that a difference is read easily.
fn list(items: &[Value]) -> String {
    let lines: Vec<String> = items.iter().map(Value::to_string).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", lines.join(",\n")) }
}

/// The file must hold the text; or is given it, when the environment asks for that.
fn settle(path: &Path, text: &str, wrong: &mut Vec<String>) {
    #[expect(clippy::disallowed_methods, reason = "a person asks for it, as with INSTA_UPDATE")]
    let write = std::env::var("CONVEY_CASES").is_ok_and(|asked| asked == "write");
    if write {
        fs::write(path, text).unwrap();
    } else if fs::read_to_string(path).unwrap_or_default() != text {
        wrong.push(path.strip_prefix(folder()).unwrap().display().to_string());
    }
}

#[tokio::test]
async fn the_kit_holds_what_the_mapper_says() {
    let plain = Plain::new(mapper().bytes);
    let mut wrong = Vec::new();
    let sets = sets();
    for set in &sets {
        let (configured, told) = plain.answers(&set.settings, &set.changes).await;
        let configured = match configured {
            Ok(understanding) => json!({"tag": "ok", "val": {
                "custom-fields": understanding.custom_fields,
                "remarks": form::written(&understanding.remarks),
            }}),
            Err(problems) => json!({"tag": "err", "val": form::written(&problems)}),
        };
        let told: Vec<Value> = told.iter().map(form::written).collect();
        let changes: Vec<Value> = set.changes.iter().map(form::written).collect();
        let results = format!("{{\n\"configure\": {configured},\n\"translate\": {}\n}}\n", list(&told));
        let place = folder().join(&set.name);
        settle(&place.join("changes.json"), &(list(&changes) + "\n"), &mut wrong);
        settle(&place.join("results.json"), &results, &mut wrong);
    }
    let names: Vec<Value> = sets.iter().map(|set| json!(set.name)).collect();
    settle(&folder().join("index.json"), &(list(&names) + "\n"), &mut wrong);
    assert!(
        wrong.is_empty(),
        "not what the mapper says now: {wrong:#?}\nIf it should say so: CONVEY_CASES=write cargo test --test it the_kit_holds; then read the difference"
    );
}

/// The host's engine, as the program has it.
fn engine() -> Engine {
    let egress = Egress::new(Limits { request_timeout_ms: 1_000, response_max_bytes: 1_024, request_max_bytes: 1_024 });
    let limits = GuestLimits {
        memory_bytes: 64 << 20,
        call_cpu: Duration::from_secs(10),
        call_wall: Duration::from_secs(60),
        mapper_cpu: Duration::from_secs(10),
        calls_in_flight: 2,
    };
    Engine::new(limits, egress, CodeCache::new(program::compiled()).ok()).unwrap()
}

#[tokio::test]
async fn the_host_conforms_in_one_batch_and_one_by_one() {
    let engine = engine();
    let loaded = engine.load(mapper().name, mapper().bytes).unwrap();
    for set in sets() {
        let results: Value = serde_json::from_str(&read(&folder().join(&set.name).join("results.json"))).unwrap();
        let wanted = results["translate"].as_array().unwrap();
        let mapper = match Mapper::new(&engine, loaded.clone(), set.settings.clone()).await {
            Ok(mapper) => mapper,
            Err(LoadError::Settings { problems, .. }) => {
                assert_eq!(results["configure"]["tag"], "err", "{}: {problems}", set.name);
                for problem in results["configure"]["val"].as_array().unwrap() {
                    let line = format!(
                        "line {}, column {}: {}",
                        problem["line"],
                        problem["column"],
                        problem["message"].as_str().unwrap()
                    );
                    assert!(problems.contains(&line), "{}: {line}\n{problems}", set.name);
                }
                continue;
            }
            Err(error) => panic!("{}: {error}", set.name),
        };
        assert_eq!(results["configure"]["val"]["custom-fields"], json!(mapper.custom_fields()), "{}", set.name);
        let together: Vec<Value> = mapper.translate(&set.changes).await.unwrap().iter().map(form::written).collect();
        assert_eq!(wanted.len(), set.changes.len(), "{}", set.name);
        for ((change, wanted), together) in set.changes.iter().zip(wanted).zip(&together).rev() {
            assert_eq!(together, wanted, "{}: {}", set.name, change.id);
            let alone = mapper.translate(std::slice::from_ref(change)).await.unwrap();
            assert_eq!(&form::written(&alone[0]), wanted, "{}: {}", set.name, change.id);
        }
    }
}

#[test]
fn the_kit_leaves_nothing_out() {
    let sets = sets();
    let told: BTreeSet<&str> = sets.iter().flat_map(|set| &set.changes).map(|change| kind(&change.trigger)).collect();
    assert_eq!(told, TRIGGERS.into_iter().collect(), "every trigger");
    let ids: Vec<&str> = sets.iter().flat_map(|set| &set.changes).map(|change| change.id.as_str()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a change's id names its case");
    let results: String = sets.iter().map(|set| read(&folder().join(&set.name).join("results.json"))).collect();
    for code in ["no-rule", "filtered", "no-consent", "no-identity", "invalid"] {
        assert!(results.contains(&format!("\"code\":\"{code}\"")), "a skip with the code {code}");
    }
    let fields = [
        "countries",
        "emails",
        "phones",
        "first-names",
        "genders",
        "dates-of-birth",
        "cities",
        "states",
        "postal-codes",
        "client-ip",
        "fbc",
        "fbp",
        "lead-id",
        "source-url",
        "user-agent",
        "value",
        "currency",
    ];
    for field in fields {
        assert!(results.contains(&format!("{{\"field\":\"{field}\"")), "{field} left out, and named");
    }
    assert!(results.contains("\"tag\":\"err\",\"val\":[{\"column\""), "settings that are refused");
}
