//! Mappers of one's own: `convey mapper new` writes a project in each language, the project's own commands build it, its cases pass, and one
//! takes the other's place in a running convey.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use convey::contract::Digest;
use convey::sandbox::{Sandbox, Subscription};
use http::Method;
use serde_json::{Value, json};

use crate::program::Folder;
use crate::rig::{Convey, eventually, sandbox, skipped};
use crate::vendor::Vendor;

/// An interpreter as a component is megabytes of code: compiling it takes its time, at low priority.
const COMPILE: Duration = Duration::from_secs(600);
const NAME: &str = "gold-leads";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A project, new, and the component that its build leaves.
struct Project {
    folder: Folder,
    lang: &'static str,
    told: Value,
}

impl Project {
    fn new(lang: &'static str) -> Self {
        let folder = Folder::new();
        let told = folder.run(&["--format", "json", "mapper", "new", NAME, "--lang", lang]).ended(0).json();
        Self { folder, lang, told }
    }

    fn next(&self, step: usize) -> &str {
        self.told["next"][step].as_str().unwrap()
    }

    /// The path behind `--mapper` in the advice: where the build leaves the component.
    fn built(&self) -> PathBuf {
        self.folder.at(self.next(1).split_whitespace().nth(4).unwrap())
    }

    fn cases(&self) -> PathBuf {
        self.folder.at(self.next(1).split_whitespace().last().unwrap())
    }

    /// Builds it as its author would, with the compilers that are here already; what was built of the same files before is taken again.
    fn build(&self) -> Vec<u8> {
        let mut hasher = DefaultHasher::new();
        for path in self.told["files"].as_array().unwrap() {
            self.folder.read(&format!("{NAME}/{}", path.as_str().unwrap())).hash(&mut hasher);
        }
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring");
        fs::create_dir_all(&kept).unwrap();
        let kept = kept.join(format!("{}-{:016x}.wasm", self.lang, hasher.finish()));
        if let Ok(bytes) = fs::read(&kept) {
            return bytes;
        }
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(self.command()).current_dir(self.folder.at("."));
        // What the outer build was told about its own compiler flags and lints is not about the project.
        for outer in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "RUSTC"]
        {
            shell.env_remove(outer);
        }
        shell.env("CARGO_TARGET_DIR", shared()).env("CARGO_NET_OFFLINE", "true");
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let built = match self.lang {
            "rust" => shared().join(self.built().strip_prefix(self.folder.at(NAME).join("target")).unwrap()),
            _ => self.built(),
        };
        let bytes = fs::read(built).unwrap();
        fs::write(&kept, &bytes).unwrap();
        bytes
    }

    /// The advice, but for what it would fetch.
    fn command(&self) -> String {
        match self.lang {
            "js" => {
                symlink(compilers("js").join("node_modules"), self.folder.at(&format!("{NAME}/node_modules"))).unwrap();
                self.next(0).replace("npm ci && ", "")
            }
            "python" => {
                symlink(compilers("python"), self.folder.at(&format!("{NAME}/.venv"))).unwrap();
                self.next(0).to_owned()
            }
            _ => self.next(0).to_owned(),
        }
    }
}

/// Where `.ci/run` puts the compilers of a language.
fn compilers(lang: &str) -> PathBuf {
    root().join("target").join(lang)
}

/// Where cargo keeps what projects are built of: one place for all runs, beside what the tests themselves are built of.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring-target")
}

/// Whether a language's compilers are here; if not, that is said.
fn can_build(test: &str, lang: &str) -> bool {
    let (compiler, missing) = match lang {
        "js" => ("node_modules/.bin/componentize-qjs", "no componentize-qjs in target/js"),
        "python" => ("bin/componentize-py", "no componentize-py in target/python"),
        _ => return true,
    };
    let there = compilers(lang).join(compiler).exists();
    if !there {
        skipped(test, &format!("{lang}: {missing}; .ci/run brings it"));
    }
    there
}

/// Somebody who can be told of, one after another.
struct People {
    vendor: Vendor,
    ids: Vec<String>,
    webhooks: u64,
}

impl People {
    async fn of(sandbox: &Sandbox) -> Self {
        let vendor = Vendor::of(sandbox);
        let mut ids = Vec::new();
        for id in vendor.contacts().await {
            let contact = vendor.contact(&id).await;
            let vip = contact["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "vip"));
            if contact["email"].as_str().is_some_and(|email| email.contains('@')) && contact["dnd"] != true && !vip {
                ids.push(id);
            }
        }
        Self { vendor, ids, webhooks: 0 }
    }

    /// The next one becomes a VIP, after some other tag by which convey comes to know it.
    async fn promote(&mut self, convey: &Convey) {
        let id = self.ids.pop().unwrap();
        for tag in ["convey-knows", "vip"] {
            self.vendor.api(Method::POST, &format!("/contacts/{id}/tags"), &json!({ "tags": [tag] })).await;
            self.webhooks += 1;
            eventually("the webhook has come and was read", async || {
                let acme = convey.status().await?["status"]["connections"]["acme"].clone();
                let silent: u64 = acme["silent"].as_object()?.values().filter_map(Value::as_u64).sum();
                (silent + acme["done"].as_u64()? >= self.webhooks && acme["waiting"] == 0).then_some(())
            })
            .await;
        }
        convey.drained().await;
    }
}

/// Each says the same of seven cases and of all that is stored, and what is told next is told by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappers_in_three_languages_say_the_same_and_take_one_anothers_place() {
    let test = "mappers_in_three_languages_say_the_same_and_take_one_anothers_place";
    let sandbox = sandbox(1, 1).await;
    let mut people = People::of(&sandbox).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let pid = convey.pid();
    sandbox.subscribe(Some(Subscription { retries: 3, ..Subscription::plain(convey.hook()) })).unwrap();
    people.promote(&convey).await;
    assert_eq!(sandbox.accepted(0).len(), 0, "the built-in mapper says nothing of tags");

    let mut digests = Vec::new();
    for lang in ["rust", "js", "python"].into_iter().filter(|lang| can_build(test, lang)) {
        let project = Project::new(lang);
        let bytes = project.build();
        let mapper = convey.bytes("mapper.wasm", &bytes);
        let folder = project.cases();
        let given = ["--mapper", mapper.to_str().unwrap(), "--cases", folder.to_str().unwrap()];
        let tried = convey.command_within(COMPILE, &[&["mapper", "test"], &given[..]].concat()).await.json();
        assert_eq!(tried["cases"], 7, "{lang}: {tried}");
        let swapped = convey.command_within(COMPILE, &[&["mapper", "swap"], &given[..]].concat()).await.json();
        let differs = swapped["differing"].as_u64().unwrap() > 0;
        assert_eq!(
            differs,
            digests.is_empty(),
            "only the first says anything new of what is stored: {lang}: {swapped}"
        );
        digests.push(Digest::of(&bytes).to_string());
        people.promote(&convey).await;
        let told = sandbox.accepted(0);
        let last = told.last().unwrap_or_else(|| panic!("{lang} told nothing: {}", convey.spoken()));
        assert_eq!((told.len(), last.event["event_name"].as_str()), (digests.len(), Some("Vip")), "{lang}");
        for key in ["em", "external_id"] {
            assert_eq!(last.event["user_data"][key].as_array().map(Vec::len), Some(1), "{lang}: {key}");
        }
    }
    assert_eq!(convey.pid(), pid, "all by one process");

    // Settings that were meant for another mapper are refused, with their line.
    let settings = convey.file("mapping.toml", "\n[events]\ntag-added = \"Tagged\"\n");
    let refused = convey.command(&["mapper", "swap", "--settings", settings.to_str().unwrap()]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("line 2"), "{refused:?}");
    assert!(refused.stderr.contains("takes no settings"), "{refused:?}");

    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let mut tellers: Vec<(i64, &str)> = Vec::new();
    for event in book.accounts.iter().flat_map(|account| &account.changes).flat_map(|change| &change.events) {
        let generation = book.generations.iter().find(|generation| generation.id == event.generation).unwrap();
        tellers.push((generation.id, generation.written.mapper_digest.as_str()));
    }
    tellers.sort_unstable();
    assert_eq!(tellers.into_iter().map(|(_, digest)| digest.to_owned()).collect::<Vec<_>>(), digests);
}

#[test]
fn a_project_is_written_where_nothing_is_and_says_what_comes_next() {
    let folder = Folder::new();
    let said = folder.run(&["mapper", "new", NAME, "--lang", "js", "--out", "my mappers/gold"]).ended(0);
    assert!(said.out.contains("(cd 'my mappers/gold' && npm ci && npm run build)"), "{}", said.out);
    let swap = "convey mapper swap --mapper 'my mappers/gold/gold-leads.wasm' --cases 'my mappers/gold/cases'";
    assert!(said.out.contains(swap), "{}", said.out);
    let manifest: Value = serde_json::from_str(&folder.read("my mappers/gold/package.json")).unwrap();
    assert_eq!(manifest["name"], NAME);
    folder.write("my mappers/gold/src/mapper.js", "mine");
    for lang in ["js", "python"] {
        let refused = folder.run(&["mapper", "new", NAME, "--lang", lang, "--out", "my mappers/gold"]).ended(2);
        assert!(refused.err.contains("my mappers/gold") && refused.err.contains("--out"), "{}", refused.err);
    }
    assert_eq!(folder.read("my mappers/gold/src/mapper.js"), "mine");
    let refused = folder.run(&["mapper", "new", "Gold Leads", "--lang", "rust"]).ended(2);
    assert!(refused.err.contains("my-mapper"), "{}", refused.err);
    assert!(!folder.at("Gold Leads").exists());
}

/// So that an example builds wherever convey itself was built, without a registry, and with what was tried.
#[test]
fn the_rust_example_is_locked_to_what_the_workspace_is_locked_to() {
    let packages = |path: &str| -> BTreeSet<(String, String)> {
        let lock: toml::Table = fs::read_to_string(root().join(path)).unwrap().parse().unwrap();
        let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        let packages = lock["package"].as_array().unwrap().iter();
        packages.map(|package| (text(package, "name"), text(package, "version"))).collect()
    };
    let (own, workspace) = (packages("examples/rust/Cargo.lock"), packages("Cargo.lock"));
    let strange: Vec<_> = own.difference(&workspace).map(|(name, _)| name.as_str()).collect();
    assert_eq!(strange, ["vip-mapper"], "copy Cargo.lock into examples/rust, and let cargo drop what is not used");
}
