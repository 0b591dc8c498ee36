//! The commands a person types, and what a program that types them can rely on.

use std::os::unix::fs::PermissionsExt;

use convey::contract::Digest;
use serde_json::{Value, json};

use crate::program::{Folder, contact, good};

#[test]
fn components_are_listed_and_exported_as_they_are() {
    let folder = Folder::new();
    let listed = folder.run(&["component", "list", "--format", "json"]).ended(0).json();
    let written = folder.run(&["component", "export", "--out", "out", "--format", "json"]).ended(0).json();
    assert_eq!(written.as_array().unwrap().len(), listed.as_array().unwrap().len());
    for component in listed.as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        let bytes = std::fs::read(folder.at(&format!("out/{name}.wasm"))).unwrap();
        assert_eq!(component["digest"], Digest::of(&bytes).to_string(), "{name}");
        assert_eq!(component["size"], bytes.len(), "{name}");
    }
    let worlds: Vec<&str> = listed.as_array().unwrap().iter().map(|each| each["world"].as_str().unwrap()).collect();
    assert_eq!(worlds, ["source", "sink", "mapper"]);

    // The file says what the built-in one says.
    let line = format!("{}\n", contact("c1"));
    let built_in = folder.feed(&["translate"], &line).ended(0).out;
    assert_eq!(folder.feed(&["translate", "--mapper", "out/rules.wasm"], &line).ended(0).out, built_in);
    let files = ["translate", "--mapper", "out/rules.wasm", "--source", "out/highlevel.wasm", "--as", "out/meta.wasm"];
    assert_eq!(
        folder.feed(&files, &line).ended(0).out,
        folder.feed(&["translate", "--as", "meta"], &line).ended(0).out
    );

    let refused = folder.run(&["component", "export", "--out", "elsewhere", "nope"]).ended(2);
    assert!(refused.err.contains("there are highlevel, meta, rules"), "{}", refused.err);
    assert!(!folder.at("elsewhere").exists(), "nothing is made for nothing");
}

#[test]
fn inspecting_shows_what_would_be_granted() {
    let folder = Folder::new();
    let inspect = |name: &str| folder.run(&["component", "inspect", name, "--format", "json"]).ended(0).json();
    let source = inspect("highlevel");
    assert_eq!(source["profile"]["base_url"], "https://services.leadconnectorhq.com");
    assert!(source["profile"]["operations"].to_string().contains("contacts.readonly"), "{source}");
    assert_eq!(inspect("builtin:meta")["world"], "sink");
    assert_eq!(inspect("rules")["imports"], json!(["convey:pipeline/types@0.1.0"]));
    let refused = folder.run(&["component", "inspect", "nope"]).ended(1);
    assert!(refused.err.contains("nope is no built-in component and no file that can be read"), "{}", refused.err);
}

#[test]
fn init_and_check_lead_a_person_to_a_good_configuration() {
    let folder = Folder::new();
    let missing = folder.run(&["init", "--answer", "dataset=1"]).ended(2);
    assert!(missing.err.contains("--answer location=") && missing.err.contains("Business Profile"), "{}", missing.err);
    let answers =
        ["init", "--answer", "location=ve9EPM428h8vShlRW1KT", "--answer", "dataset=123", "--answer", "country=US"];
    folder.run(&answers).ended(0);
    folder.run(&answers).ended(2);
    for token in ["location.token", "dataset.token"] {
        let mode = std::fs::metadata(folder.at(token)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{token}");
    }
    let text =
        folder.read("convey.toml").replace("127.0.0.1:8480", "127.0.0.1:0").replace("127.0.0.1:8481", "127.0.0.1:0");
    folder.write("convey.toml", text).with_state();

    let unfilled = folder.run(&["check"]).ended(78);
    assert!(unfilled.err.contains("dataset.token holds no secret: write the secret to"), "{}", unfilled.err);
    folder.write("dataset.token", "ads\n");
    let unfilled = folder.run(&["check", "--format", "json"]).ended(78);
    let complaint = &unfilled.complaints()[0];
    assert_eq!((&complaint["blame"], &complaint["exit"]), (&json!("operator"), &json!(78)));
    assert!(complaint["error"].as_str().unwrap().contains("location.token holds no secret"), "{complaint}");
    folder.write("location.token", "pit\n");

    let good = folder.run(&["check", "--format", "json"]).ended(0).json();
    assert_eq!(
        good,
        json!({"ok": true, "connections": 1, "destinations": 1, "sunsets": [], "unproven": ["main"], "warnings": []})
    );
    assert!(folder.run(&["check"]).ended(0).out.contains("convey.toml is good: 1 connection(s), 1 destination(s)"));

    let again: Vec<&str> = answers.iter().copied().chain(["--force"]).collect();
    folder.run(&again).ended(0);
    assert_eq!(folder.read("location.token"), "pit\n", "a secret that is there stays");
}

#[test]
fn a_secret_is_not_taken_from_the_command_line_nor_shown() {
    let refused = Folder::new().run(&["init", "--answer", "location_token=canary-1"]).ended(2);
    assert!(refused.err.contains("`location_token` is a secret") && !refused.err.contains("canary"), "{}", refused.err);
    let refused = Folder::new().run(&["init", "--answer", "lokation=x"]).ended(2);
    assert!(refused.err.contains("there are location, location_token, dataset"), "{}", refused.err);
}

#[test]
fn check_finds_what_only_a_start_would_find() {
    let folder = Folder::new();
    let text = good(&folder);
    folder.with_state().write("mapping.toml", "curency = \"USD\"\n").write("not.wasm", "not a component");
    let check = |text: &str, code: i32| {
        folder.write("convey.toml", text);
        folder.run(&["check"]).ended(code).err
    };
    let mapping = text.replace("\"builtin:rules\"", "\"builtin:rules\"\nsettings = \"mapping.toml\"");
    let said = check(&mapping, 78);
    assert!(
        said.contains("mapper.default") && said.contains("line 1, column 1") && said.contains("currency"),
        "{said}"
    );
    let said = check(&text.replace("builtin:meta", "not.wasm"), 1);
    assert!(said.contains("sink.meta: `meta` is not a WebAssembly component"), "{said}");
    let said = check(&text.replace("builtin:meta", "builtin:rules"), 78);
    assert!(said.contains("sink.meta: `meta` is not a sink: it exports convey:pipeline/mapper@0.1.0"), "{said}");
    let said = check(&text.replace("builtin:meta", "builtin:mata"), 78);
    assert!(said.contains("convey component list"), "{said}");
    let allow = text.replace("[mapper.default]", "allow = [\"GET http://elsewhere.example/x\"]\n[mapper.default]");
    let said = check(&allow, 78);
    assert!(said.contains("http only to loopback"), "{said}");
    let settings =
        text.replace("[connection.acme]", "[destination.main.settings]\napi_verion = \"v25.0\"\n[connection.acme]");
    let said = check(&settings, 78);
    assert!(said.contains("[destination.main.settings]") && said.contains("api_ver"), "{said}");
}

#[test]
fn cases_hold_a_mapper_to_what_it_said() {
    let folder = Folder::new();
    let contact = contact("c1");
    let said = folder.feed(&["translate"], &format!("{contact}\n")).ended(0).lines().remove(0);
    folder.run(&["component", "export", "--out", ".", "rules"]).ended(0);
    std::fs::create_dir(folder.at("cases")).unwrap();
    let case = |name: &str, value: Value| {
        folder.write(&format!("cases/{name}.json"), value.to_string());
    };
    let test = ["mapper", "test", "--mapper", "rules.wasm", "--cases", "cases"];
    case("a-lead", json!({"trigger": "contact-created", "delivery": contact, "effects": said["effects"]}));
    case("no-rule", json!({"trigger": "contact-updated", "delivery": contact, "skip": "no-rule"}));
    case("anything", json!({"delivery": {"contact": contact}}));
    let passed = folder.run(&[test.as_slice(), &["--format", "json"]].concat()).ended(0).json();
    assert_eq!((&passed["ok"], &passed["cases"]), (&json!(true), &json!(3)));

    let mut wrong = said["effects"].clone();
    wrong[0]["convert"]["name"] = json!("Purchase");
    case("a-lead", json!({"trigger": "contact-created", "delivery": contact, "effects": wrong}));
    let refused = folder.run(&test).ended(1);
    let text = &refused.err;
    assert!(text.contains("case `a-lead` came out otherwise"), "{text}");
    let (wanted, got) = text.split_once("wanted ").unwrap().1.split_once("got ").unwrap();
    assert!(wanted.contains("\"name\":\"Purchase\"") && got.contains("\"name\":\"Lead\""), "{text}");

    case("a-lead", json!({"delivery": contact, "efects": []}));
    assert!(folder.run(&test).ended(1).err.contains("unknown field `efects`"));
    case("a-lead", json!({"delivery": {"no": "contact"}}));
    assert!(folder.run(&test).ended(1).err.contains("case `a-lead`: neither a contact"));
}

#[test]
fn where_nothing_runs_commands_for_a_runner_say_so() {
    let folder = Folder::new();
    let text = good(&folder);
    folder.write("convey.toml", text);
    for command in [&["pause", "--all"][..], &["resume", "acme"], &["mapper", "history"], &["mapper", "rollback"]] {
        let refused = folder.run(&[command, &["--format", "json"]].concat()).ended(1);
        assert!(
            refused.complaints()[0]["error"].as_str().unwrap().contains("start it with `convey run`"),
            "{}",
            refused.err
        );
    }
    let unknown = folder.run(&["pause", "acne"]).ended(2);
    assert!(unknown.err.contains("there are destination.main, connection.acme"), "{}", unknown.err);
    let wrong_kind = folder.run(&["pause", "destination.acme"]).ended(2);
    assert!(wrong_kind.err.contains("no destination or connection is called `destination.acme`"), "{}", wrong_kind.err);
}

#[test]
fn results_and_errors_are_json_where_json_is_asked_for() {
    let folder = Folder::new();
    let text = good(&folder);
    folder.write("convey.toml", &text).with_state();
    for command in [
        &["check"][..],
        &["status"],
        &["component", "list"],
        &["component", "inspect", "rules"],
        &["component", "approve", "sink.meta"],
    ] {
        let ran = folder.run(&[command, &["--format", "json"]].concat()).ended(0);
        assert_eq!((ran.lines().len(), ran.err.as_str()), (1, ""), "{command:?}");
    }
    folder.write("convey.toml", text.replace("listen", "lisen"));
    for command in [&["check"][..], &["status"], &["run"], &["pause", "--all"], &["mapper", "history"]] {
        let ran = folder.run(&[command, &["--format", "json"]].concat()).ended(78);
        let complaint = &ran.complaints()[0];
        assert_eq!((&complaint["exit"], ran.out.as_str()), (&json!(78), ""), "{command:?}");
        assert!(complaint["error"].as_str().unwrap().contains("unknown key `ingress.lisen`"), "{complaint}");
    }
}

#[test]
fn what_is_asked_wrongly_ends_with_2_and_does_nothing() {
    let folder = Folder::new();
    let wrong = [
        &["--nope"][..],
        &["fly"],
        &["run", "--twice"],
        &["run", "--once"],
        &["pause"],
        &["pause", "--all", "main"],
        &["translate", "--mapper"],
        &["mapper", "swap", "--seting", "x"],
        &["component", "approve", "meta"],
        &["--log", "convey=loud", "component", "list"],
        &["--format", "yaml", "status"],
        &["completions", "tcl"],
    ];
    let text = good(&folder);
    folder.write("convey.toml", text);
    for arguments in wrong {
        let ran = folder.run(arguments).ended(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{arguments:?}");
    }
    assert!(!folder.at("convey-state").exists());
}

#[test]
fn shells_are_told_what_can_follow() {
    let folder = Folder::new();
    for (shell, word) in [("bash", "_convey()"), ("zsh", "#compdef convey"), ("fish", "complete -c convey")] {
        let script = folder.run(&["completions", shell]).ended(0).out;
        assert!(script.contains(word) && script.contains("translate") && script.contains("rollback"), "{shell}");
    }
}
