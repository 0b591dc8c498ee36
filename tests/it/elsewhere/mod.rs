//! The same mapper bytes in other hosts, held to the conformance kit: Node, Python and a browser. Each needs what `.ci/run` installs, and
//! says that it was skipped where that is missing.

mod browser;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::conformance;
use crate::guests::of_next_version;
use crate::program::{Folder, Ran};
use crate::rig::skipped;

/// No script takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a program can be started at all.
async fn starts(program: impl AsRef<Path>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.is_ok_and(|output| output.status.success())
}

/// Runs a program to its end on some input.
async fn run(mut command: Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async {
        // A program that refuses to start reads nothing.
        stdin.write_all(input.as_bytes()).await.ok();
        drop(stdin);
    };
    let ended = timeout(PATIENCE, async { tokio::join!(feed, child.wait_with_output()).1 }).await;
    Ran::from(ended.expect("the program ends").unwrap())
}

/// The mapper as people get it, in a file.
fn exported(folder: &Folder) -> PathBuf {
    folder.run(&["component", "export", "rules", "--out", "."]).ended(0);
    folder.at("rules.wasm")
}

/// The folder of the scripts for Node, if they can run; else the reason is said.
async fn node(test: &str) -> Option<PathBuf> {
    let folder = root().join("examples/node");
    if !starts("node", &["--version"]).await {
        skipped(test, "node is missing");
    } else if !folder.join("node_modules").is_dir() {
        skipped(test, "examples/node/node_modules is missing: run `npm ci --prefix examples/node`");
    } else {
        return Some(folder);
    }
    None
}

/// The component as a JavaScript module, `rules.js` in a folder of its own.
async fn transpiled(component: &Path) -> TempDir {
    let out = tempfile::tempdir().unwrap();
    let mut jco = Command::new(root().join("examples/node/node_modules/.bin/jco"));
    jco.args(["transpile", "--quiet", "--name", "rules", "--out-dir"]).arg(out.path()).arg(component);
    run(jco, "").await.ended(0);
    out
}

/// The changes of a set, one a line, and the answers they must get.
fn set(name: &str) -> (String, Vec<Value>) {
    let read = |file: &str| -> Value {
        serde_json::from_slice(&std::fs::read(conformance::folder().join(name).join(file)).unwrap()).unwrap()
    };
    let changes = read("changes.json").as_array().unwrap().iter().map(|change| format!("{change}\n")).collect();
    (changes, read("results.json")["translate"].as_array().unwrap().clone())
}

#[track_caller]
fn assert_conformant(said: &str) {
    assert!(said.contains("\nconformant: ") && !said.contains("DIFFERS"), "{said}");
    assert!(said.contains("\nequal   people: "), "{said}");
}

#[test]
fn the_exported_mapper_imports_nothing_but_types() {
    let folder = Folder::new();
    exported(&folder);
    let inspected = folder.run(&["component", "inspect", "rules.wasm", "--format", "json"]).ended(0).json();
    assert_eq!(inspected["imports"], serde_json::json!(["convey:pipeline/types@0.1.0"]));
    assert_eq!(std::fs::read(folder.at("rules.wasm")).unwrap(), conformance::mapper().bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_conforms() {
    let Some(scripts) = node("node_conforms").await else { return };
    let folder = Folder::new();
    let module = transpiled(&exported(&folder)).await;
    let conformance = |module: &TempDir| {
        let mut node = Command::new("node");
        node.arg(scripts.join("conformance.mjs")).arg(conformance::folder()).arg(module.path().join("rules.js"));
        node
    };
    assert_conformant(&run(conformance(&module), "").await.ended(0).out);

    let newer = folder.at("newer.wasm");
    std::fs::write(&newer, of_next_version(conformance::mapper().bytes)).unwrap();
    let refused = run(conformance(&transpiled(&newer).await), "").await.ended(2).err;
    assert!(refused.contains("mapper@0.1.0, and the component exports convey:pipeline/mapper@0.2.0"), "{refused}");

    // The filter finds its module beside itself.
    for script in ["mapper.mjs", "translate.mjs"] {
        std::fs::copy(scripts.join(script), folder.at(script)).unwrap();
    }
    std::fs::rename(module.path(), folder.at("rules")).unwrap();
    let (changes, wanted) = set("default");
    let mut node = Command::new("node");
    node.arg(folder.at("translate.mjs"));
    assert_eq!(run(node, &changes).await.ended(0).lines(), wanted);
    folder.write("wrong.toml", "curency = \"USD\"\n");
    let mut node = Command::new("node");
    node.args(["translate.mjs", "wrong.toml"]).current_dir(folder.at("."));
    let refused = run(node, &changes).await.ended(1).err;
    assert_eq!(refused, "wrong.toml:1:1: there is no setting `curency` (did you mean `currency`?)\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_conforms() {
    let python = root().join("target/venv/bin/python");
    if !starts(&python, &["-c", "import wasmtime.component"]).await {
        let how = "python3 -m venv target/venv && target/venv/bin/pip install -r examples/python-host/requirements.txt";
        return skipped("python_conforms", &format!("wasmtime for Python is missing: run `{how}`"));
    }
    let folder = Folder::new();
    let conformance = |component: &Path| {
        let mut command = Command::new(&python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(root().join("examples/python-host/conformance.py"));
        command.arg(component).arg(conformance::folder());
        command
    };
    assert_conformant(&run(conformance(&exported(&folder)), "").await.ended(0).out);

    let newer = folder.at("newer.wasm");
    std::fs::write(&newer, of_next_version(conformance::mapper().bytes)).unwrap();
    let refused = run(conformance(&newer), "").await.ended(2).err;
    assert!(refused.contains("mapper@0.1.0, and the component exports convey:pipeline/mapper@0.2.0"), "{refused}");

    let connected = folder.at("meta.wasm");
    folder.run(&["component", "export", "meta", "--out", "."]).ended(0);
    let refused = run(conformance(&connected), "").await.ended(2).err;
    assert!(refused.contains("the component exports convey:pipeline/conversions-sink@0.1.0"), "{refused}");
}
