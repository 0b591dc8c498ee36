//! What people read when something is wrong, word for word. `INSTA_UPDATE=always` writes the files anew: look at what changes.

use std::fmt::Write;

use crate::guests;
use crate::program::{Folder, contact, good};

/// Digests, releases of WASI and places in the compiler's library come from the build, not from us.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{64}\b", "<digest>");
    settings.add_filter(r"@0\.2\.\d+", "@0.2.x");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Trailing blanks are the renderer's, and editors fight over them.
fn trimmed(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

#[test]
fn configuration_errors() {
    let folder = Folder::new();
    let text = good(&folder);
    let mistakes = [
        ("a key nobody knows", text.replace("listen", "lisen")),
        ("a secret in the file", text.replace("{ file = \"location.token\" }", "\"pit-canary\"")),
        ("a name that refers to nothing", text.replace("sink = \"meta\"", "sink = \"mata\"")),
        ("a value of another kind", text.replacen("\"127.0.0.1:0\"", "8480", 1)),
        ("a value out of range", text.replace("id = \"1234567890\"", "id = \"1234567890\"\nin_flight = 100")),
        ("what must be there is not", text.replace("destinations = [\"main\"]\n", "")),
        ("a file that is not there", text.replace("builtin:rules", "mine.wasm")),
        (
            "plain http to another machine",
            text.replace("\"builtin:meta\"", "\"builtin:meta\"\nbase_url = \"http://ads.example\""),
        ),
        (
            "a door open to strangers",
            text.replace("[admin]\nlisten = \"127.0.0.1:0\"", "[admin]\nlisten = \"0.0.0.0:8481\""),
        ),
        ("broken TOML", text.replace("id = \"1234567890\"", "id = \"1234567890")),
        ("several at once", text.replace("listen", "lisen").replace("sink = \"meta\"", "sink = \"mata\"")),
        ("nothing at all", String::new()),
    ];
    let mut said = String::new();
    for (title, text) in mistakes {
        folder.write("convey.toml", text);
        let ran = folder.run(&["check"]).ended(78);
        writeln!(said, "## {title}\n{}", trimmed(&ran.err)).unwrap();
    }
    assert!(!said.contains("canary"));
    std::fs::remove_file(folder.at("convey.toml")).unwrap();
    writeln!(said, "## no file\n{}", trimmed(&folder.run(&["check"]).ended(78).err)).unwrap();
    snapshot("configuration_errors", &said);
}

#[test]
fn what_a_component_asks_for_and_what_changed() {
    let folder = Folder::new();
    let sink = guests::component("convey-test-sink", guests::WASI);
    let text = good(&folder).replace("builtin:meta", "sink.wasm");
    folder.write("convey.toml", text).write("sink.wasm", &sink).with_state();
    let first = folder.run(&["check"]).ended(78);
    snapshot("asks_for_the_first_time", &trimmed(&first.err));
    folder.run(&["component", "approve", "sink.meta"]).ended(0);
    folder.run(&["check"]).ended(0);

    // The same component but for the host it asks for.
    let (before, after) = (b"https://sink.test.invalid", b"https://evil.test.invalid");
    let mut other = sink;
    let at: Vec<usize> = (0..other.len() - before.len()).filter(|at| other[*at..].starts_with(before)).collect();
    assert!(!at.is_empty());
    for at in at {
        other[at..at + after.len()].copy_from_slice(after);
    }
    folder.write("sink.wasm", other);
    let changed = folder.run(&["check"]).ended(78);
    snapshot("asks_for_something_else", &trimmed(&changed.err));
}

#[test]
fn why_a_mapper_is_refused() {
    let folder = Folder::new();
    folder.write("strange.wasm", guests::component("convey-test-mapper", guests::PURE));
    folder.write("wasi.wasm", guests::component("convey-test-mapper", guests::WASI));
    folder.write("sink.wasm", guests::component("convey-test-sink", guests::WASI));
    let mut said = String::new();
    for settings in
        ["refuse", "impure always", "smuggler always", "wild always", "short always", "chatty always", "hog always"]
    {
        folder.write("settings", settings);
        let ran =
            folder.run(&["mapper", "test", "--mapper", "strange.wasm", "--settings", "settings", "--quiet"]).ended(1);
        writeln!(said, "## {settings}\n{}", trimmed(&ran.err)).unwrap();
    }
    for file in ["wasi.wasm", "sink.wasm", "settings"] {
        let ran = folder.run(&["mapper", "test", "--mapper", file, "--quiet"]).ended(1);
        writeln!(said, "## {file}\n{}", trimmed(&ran.err)).unwrap();
    }
    snapshot("why_a_mapper_is_refused", &said);
}

#[test]
fn a_case_that_comes_out_otherwise() {
    let folder = Folder::new();
    std::fs::create_dir(folder.at("cases")).unwrap();
    folder.run(&["component", "export", "--out", ".", "rules"]).ended(0);
    let case = serde_json::json!({"delivery": contact("c1"), "skip": "no-identity"});
    folder.write("cases/anonymous.json", case.to_string());
    let ran = folder.run(&["mapper", "test", "--mapper", "rules.wasm", "--cases", "cases"]).ended(1);
    snapshot("a_case_that_comes_out_otherwise", &trimmed(&ran.err));
}

#[test]
fn help() {
    let ran = Folder::new().run(&["--help"]).ended(0);
    snapshot("help", &trimmed(&ran.out));
}
