//! One good file, and every way to be wrong.

use std::path::{Path, PathBuf};

use super::alerts::Target;
use super::{Access, Ambiguous, Auth, ComponentRef, Config, Problems, load, parse};
use crate::vault::SecretRef;

pub(super) const GOOD: &str = r#"state_dir = "convey-state"
[ingress]
listen = "127.0.0.1:8480"
[source.highlevel]
component = "builtin:highlevel"
base_url = "http://127.0.0.1:9001"
legacy_signatures = false
[sink.meta]
component = "builtin:meta"
[mapper.default]
component = "builtin:rules"
[destination.main]
sink = "meta"
id = "1234567890"
token = { env = "META_TOKEN" }
# What follows may be left out.
ambiguous = "hold"
in_flight = 4
[destination.main.settings]
api_version = "v25.0"
[connection.acme]
source = "highlevel"
location = "ve9EPM428h8vShlRW1KT"
token = { env = "GHL_TOKEN" }
destinations = ["main"]
[connection.acme.settings]
country = "US"
limits = { a = 1, b = [1.5, true] }
"#;

fn read(text: &str) -> Result<Config, Problems> {
    parse(text, "convey.toml", Path::new("/nowhere"))
}

/// The one problem of the good file with one change: `(line, message, hint)`.
fn only(from: &str, to: &str) -> (usize, String, String) {
    assert!(GOOD.contains(from), "{from}");
    let problems = read(&GOOD.replacen(from, to, 1)).unwrap_err();
    assert_eq!(problems.list.len(), 1, "{problems}");
    let problem = problems.list[0].clone();
    (problem.place.map_or(0, |place| place.line), problem.message, problem.hint.unwrap_or_default())
}

/// Asserts line, a part of the message and a part of the hint.
#[track_caller]
fn wrong(from: &str, to: &str, line: usize, message: &str, hint: &str) {
    let (at, said, fix) = only(from, to);
    assert!(at == line && said.contains(message) && fix.contains(hint), "line {at}: {said}\nhelp: {fix}");
}

#[test]
fn a_good_file_is_read_whole() {
    let config = read(GOOD).unwrap();
    assert_eq!(config.state_dir, PathBuf::from("/nowhere/convey-state"));
    assert_eq!(config.ingress.listen.to_string(), "127.0.0.1:8480");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8481");
    assert_eq!(
        (config.ingress.max_body_bytes, config.ingress.replay_window_hours, config.ingress.high_water),
        (1 << 20, 48, 100_000)
    );
    assert_eq!(config.sources["highlevel"].component, ComponentRef::Builtin("highlevel".into()));
    assert_eq!(config.sources["highlevel"].base_url.as_ref().unwrap().to_string(), "http://127.0.0.1:9001/");
    let main = &config.destinations["main"];
    assert_eq!((main.sink.as_str(), main.id.as_str(), main.in_flight), ("meta", "1234567890", 4));
    assert_eq!((&main.token, main.ambiguous), (&SecretRef::Env("META_TOKEN".into()), Ambiguous::Hold));
    assert_eq!(main.settings, "api_version = \"v25.0\"\n");
    let acme = &config.connections["acme"];
    let terms = &acme.terms;
    assert_eq!((terms.mapper.as_str(), terms.destinations.as_slice()), ("default", ["main".to_owned()].as_slice()));
    assert_eq!((terms.access, terms.backfill_ms, terms.rate_limit), (Access::Read, 0, None));
    assert!(terms.poll.is_none() && terms.sync.is_none());
    let settings: toml::Table = terms.settings.parse().unwrap();
    assert_eq!(settings["limits"]["b"][0].as_float(), Some(1.5));
    assert_eq!((config.limits.guest_memory_mib, config.retention.done_days), (64, 30));
    assert_eq!(config.vault_key, None);
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    wrong("listen = ", "lisen = ", 3, "unknown key `ingress.lisen`", "did you mean `listen`?");
    wrong("[ingress]", "[ingres]", 2, "unknown key `ingres`", "did you mean `ingress`?");
    wrong(
        "in_flight = 4",
        "parallel = 4",
        18,
        "unknown key `destination.main.parallel`",
        "known here: sink, id, token",
    );
}

#[test]
fn several_problems_are_told_together_in_the_order_of_lines() {
    let text = GOOD
        .replace("listen = \"127.0.0.1:8480\"", "listen = 8480")
        .replace("sink = \"meta\"", "sink = \"mata\"")
        .replace("source = \"highlevel\"", "sorce = \"highlevel\"");
    let problems = read(&text).unwrap_err();
    let lines: Vec<_> = problems.list.iter().map(|problem| problem.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [3, 13, 21, 22], "{problems}");
    assert_eq!(problems.to_string().matches("error").count(), 4);
}

#[test]
fn values_have_their_type_and_range() {
    wrong(
        "listen = \"127.0.0.1:8480\"",
        "listen = 8480",
        3,
        "must be text in quotes, not a whole number",
        "listen = \"127.0.0.1:8480\"",
    );
    wrong("127.0.0.1:8480", "localhost:8480", 3, "must be an IP address and a port", "listen = ");
    wrong("in_flight = 4", "in_flight = 0", 18, "must be 1 to 64 batches, not 0", "in_flight = 4");
    wrong("in_flight = 4", "in_flight = -3", 18, "not -3", "in_flight = 4");
    wrong("in_flight = 4", "in_flight = \"4\"", 18, "not text", "in_flight = 4");
    wrong("false", "\"no\"", 7, "must be true or false", "legacy_signatures = true");
    wrong("\"hold\"", "\"drop\"", 17, "must be \"resend\" or \"hold\"", "ambiguous = \"resend\"");
    wrong("\"1234567890\"", "\"\"", 14, "`destination.main.id` is empty", "id = ");
    wrong("[\"main\"]", "\"main\"", 25, "must be a list, not text", "destinations = [\"main\"]");
    wrong("[\"main\"]", "[]", 25, "must be a list, not an empty one", "destinations = [\"main\"]");
    wrong(
        "[ingress]",
        "[limits]\nguest_memory_mib = 0\nguest_cpu_ms = 10\n[ingress]",
        3,
        "must be 8 to 4096 MiB, not 0",
        "= 64",
    );
    wrong(
        "[destination.main.settings]\napi_version = \"v25.0\"",
        "settings = 1",
        19,
        "must be a table",
        "[destination.main.settings]",
    );
}

#[test]
fn what_is_missing_is_named_with_the_line_to_add() {
    wrong("location = \"ve9EPM428h8vShlRW1KT\"\n", "", 21, "[connection.acme] needs `location`", "location = ");
    wrong("token = { env = \"GHL_TOKEN\" }\n", "", 21, "needs `token`", "token = { env = \"ACME_TOKEN\" }");
    wrong("component = \"builtin:meta\"\n", "", 8, "[sink.meta] needs `component`", "component = ");
    wrong("destinations = [\"main\"]\n", "", 21, "needs `destinations`", "destinations = [\"main\"]");
    wrong("[mapper.default]\ncomponent = \"builtin:rules\"\n", "", 19, "needs `mapper`", "[mapper.default]");
    let two = "[mapper.a]\ncomponent = \"builtin:rules\"\n[mapper.default]";
    wrong("[mapper.default]", two, 23, "needs `mapper`", "mapper = \"a\"");
    let (start, _) = GOOD.split_once("[connection.acme]").unwrap();
    let problems = read(start).unwrap_err();
    assert!(
        problems.to_string().contains("there is no connection") && problems.to_string().contains("[connection.acme]")
    );
}

#[test]
fn names_refer_to_something() {
    wrong("sink = \"meta\"", "sink = \"mata\"", 13, "there is no sink called \"mata\"", "did you mean \"meta\"?");
    wrong("source = \"highlevel\"", "source = \"x\"", 22, "there is no source called \"x\"", "there is: highlevel");
    wrong("[\"main\"]", "[\"main\", \"min\"]", 25, "there is no destination called \"min\"", "did you mean \"main\"?");
    wrong("[\"main\"]", "[\"main\", \"main\"]", 25, "names \"main\" twice", "leave one out");
    wrong(
        "[connection.acme.settings]",
        "mapper = \"defualt\"\n[connection.acme.settings]",
        26,
        "no mapper called",
        "\"default\"?",
    );
    wrong("[sink.meta]\ncomponent = \"builtin:meta\"\n", "", 11, "there is no sink called \"meta\"", "[sink.meta]");
    wrong(
        "[connection.acme.settings]",
        "[connection.'Acme Inc']\nsource = 'highlevel'\nlocation = 'b'\ntoken = { env = 'T' }\n\
        destinations = ['main']\n[connection.acme.settings]",
        26,
        "`Acme Inc` is not a name",
        "[connection.acme-inc]",
    );
}

#[test]
fn a_location_has_one_connection() {
    let second = "[connection.aaa]\nsource = 'highlevel'\nlocation = 've9EPM428h8vShlRW1KT'\ntoken = { env = 'T' }\ndestinations = ['main']\n";
    let problems = read(&format!("{GOOD}{second}")).unwrap_err().to_string();
    assert!(problems.contains("convey.toml:31:12") && problems.contains("\"acme\" already (line 23)"), "{problems}");
}

#[test]
fn plain_http_leaves_this_machine_never() {
    let fix = "base_url = \"https://crm.example.com\"";
    wrong("http://127.0.0.1:9001", "http://crm.example.com", 6, "is plain http to another machine", fix);
    wrong("http://127.0.0.1:9001", "https://u:canary@h", 6, "holds credentials", "without them");
}

#[test]
fn doors_are_not_open_to_strangers() {
    let admin = |listen: &str| format!("[admin]\nlisten = \"{listen}\"\n[source.highlevel]");
    wrong("[source.highlevel]", &admin("0.0.0.0:8481"), 5, "lets other machines in", "allow_remote = true");
    wrong("[source.highlevel]", &admin("127.0.0.1:8480"), 5, "are the same", "listen = \"127.0.0.1:8481\"");
    let meant = admin("0.0.0.0:8481").replace("\"\n[", "\"\nallow_remote = true\n[");
    assert!(read(&GOOD.replace("[source.highlevel]", &meant)).is_ok());
}

const CANARY: &str = "canary7c1f";

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    wrong(
        "{ env = \"GHL_TOKEN\" }",
        "\"canary7c1f\"",
        24,
        "holds the secret itself",
        "token = { env = \"ACME_TOKEN\" }",
    );
    let long = format!("{{ env = \"{CANARY}{}\" }}", "x".repeat(80));
    for written in [
        "\"canary7c1f\"",
        "'''\ncanary7c1f'''",
        "[\"canary7c1f\"]",
        "{ value = \"canary7c1f\" }",
        "{ env = \"canary7c1f-1\" }",
        "{ env = [\"canary7c1f\"] }",
        "{ env = \"A\", file = \"canary7c1f\" }",
        "canary7c1f",
        "\"canary7c1f",
        "{ env = \"canary7c1f",
        "'''\ncanary7c1f",
        "{ token = canary7c1f }",
        "1canary7c1f",
        &long,
    ] {
        for text in [
            GOOD.replace("{ env = \"GHL_TOKEN\" }", written),
            GOOD.replace("token = { env = \"GHL_TOKEN\" }", &format!("tokn = {written}")),
            GOOD.replace("[connection.acme.settings]", &format!("base_url = {written}\n[connection.acme.settings]")),
        ] {
            let problems = read(&text).unwrap_err();
            for shown in [problems.to_string(), problems.render(true), format!("{problems:?} {problems:#?}")] {
                assert!(!shown.contains(CANARY) && !shown.is_empty(), "{written}\n{shown}");
            }
        }
    }
    let url = GOOD.replace("http://127.0.0.1:9001", "https://u:canary7c1f@h");
    assert!(!read(&url).unwrap_err().to_string().contains(CANARY));
}

#[test]
fn broken_toml_names_its_line() {
    let problems = read(&GOOD.replace("id = \"1234567890\"", "id = \"1234567890")).unwrap_err();
    assert_eq!(problems.list[0].place.as_ref().unwrap().line, 14);
    assert!(problems.list[0].message.starts_with("this is not TOML: "), "{problems}");
    assert!(problems.to_string().contains("id = \"1234567890"), "{problems}");
    let twice = read(&GOOD.replace("in_flight = 4", "in_flight = 4\nin_flight = 5")).unwrap_err();
    assert_eq!(twice.list[0].place.as_ref().unwrap().line, 19, "{twice}");
}

#[test]
fn text_is_taken_as_it_stands() {
    let config = read(&GOOD.replace("1234567890", "${HOME}$(id)")).unwrap();
    assert_eq!(config.destinations["main"].id, "${HOME}$(id)");
}

#[test]
fn files_that_are_named_exist() {
    wrong("builtin:rules", "my.wasm", 11, "names a file that is not there: /nowhere/my.wasm", "builtin:NAME");
    wrong("builtin:rules", "builtin:", 11, "names no built-in component", "convey component list");
    wrong(
        "\"builtin:rules\"",
        "\"builtin:rules\"\nsettings = \"m.toml\"",
        12,
        "file that is not there",
        "mapping.toml",
    );
    wrong("{ env = \"GHL_TOKEN\" }", "{ file = \"t\" }", 24, "`connection.acme.token` names a file", "chmod 600");
    wrong(
        "legacy_signatures",
        "webhook_public_key = { file = \"k\" }\nlegacy_signatures",
        7,
        "file that is not there",
        "key.pem",
    );
    wrong(
        "legacy_signatures",
        "webhook_public_key = \"abc\"\nlegacy_signatures",
        7,
        "is not a public key",
        "{ file = ",
    );
    wrong(
        "legacy_signatures",
        "webhook_public_key = \"-----BEGIN PRIVATE KEY-----\"\nlegacy_signatures",
        7,
        "private key",
        "{ file = ",
    );
    wrong("[ingress]", "[vault]\nkey = { file = \"k\" }\n[ingress]", 3, "`vault.key` names a file", "chmod 600");
}

#[test]
fn files_are_found_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----";
    for (name, text) in [("my.wasm", ""), ("mapping.toml", "currency = 'EUR'"), ("key.pem", pem), ("token", "t")] {
        std::fs::write(at(name), text).unwrap();
    }
    let text = GOOD
        .replace("\"builtin:rules\"", "\"my.wasm\"\nsettings = \"mapping.toml\"")
        .replace("legacy_signatures", "webhook_public_key = { file = \"key.pem\" }\nlegacy_signatures")
        .replace("{ env = \"GHL_TOKEN\" }", "{ file = \"token\" }");
    std::fs::write(at("convey.toml"), text).unwrap();
    let config = load(&at("convey.toml")).unwrap();
    assert_eq!(config.path, at("convey.toml"));
    assert_eq!(config.mappers["default"].component, ComponentRef::File(at("my.wasm")));
    assert_eq!(config.mappers["default"].settings_text, "currency = 'EUR'");
    assert_eq!(config.sources["highlevel"].webhook_public_key.as_deref(), Some(format!("{pem}\n").as_str()));
    assert_eq!(config.connections["acme"].auth, Auth::Token(SecretRef::File(at("token"))));
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("convey.toml");
    assert!(load(&path).unwrap_err().to_string().contains("convey init"));
    std::fs::write(&path, b"a = 1\nb = '\xff'\n").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("line 2"));
}

const APP: &str = "[source.highlevel.oauth]\nclient_id = 'a-b'\nclient_secret = { env = 'S' }\nredirect_uri = 'https://h.example/oauth/highlevel'\n";

#[test]
fn a_connection_says_how_it_is_reached_and_when_it_is_looked_at() {
    let terms = "access = 'write'\npoll = '5m'\nsync = '30 3 * * *'\nbackfill = '7d'\nrate_limit = { requests = 50, per_ms = 10000 }\n";
    let text = GOOD.replace("token = { env = \"GHL_TOKEN\" }", &format!("auth = 'oauth'\n{terms}"));
    let install = "[source.highlevel.install]\nmapper = 'default'\ndestinations = ['main']\n";
    let config = parse(&format!("{text}{APP}{install}"), "convey.toml", Path::new("")).unwrap();
    let acme = &config.connections["acme"];
    assert_eq!((&acme.auth, acme.terms.access), (&Auth::Oauth, Access::Write));
    assert_eq!(acme.terms.backfill_ms, 7 * 86_400_000);
    assert_eq!(acme.terms.poll.as_ref().map(ToString::to_string).as_deref(), Some("5m"));
    assert_eq!(
        acme.terms.rate_limit.map(|limit| (limit.requests, limit.per_ms, limit.daily)),
        Some((50, 10_000, None))
    );
    let source = &config.sources["highlevel"];
    assert_eq!(source.oauth.as_ref().map(|app| app.client_id.as_str()), Some("a-b"));
    assert_eq!(source.install.as_ref().map(|terms| terms.mapper.as_str()), Some("default"));
}

#[test]
fn mistakes_in_how_a_connection_is_reached_are_named() {
    let token = "token = { env = \"GHL_TOKEN\" }";
    let wrong = |instead: &str, more: &str| {
        let text = format!("{}{more}", GOOD.replace(token, instead));
        parse(&text, "convey.toml", Path::new("")).unwrap_err().to_string()
    };
    for (instead, more, expected) in [
        ("auth = 'oauth'", "", "[source.highlevel.oauth]"),
        ("auth = 'pit'", APP, "must be \"oauth\""),
        (&format!("auth = 'oauth'\n{token}"), APP, "both say how"),
        (&format!("{token}\naccess = 'all'"), "", "\"read\" or \"write\""),
        (&format!("{token}\npoll = 'often'"), "", "poll"),
        (&format!("{token}\nbackfill = 'a week'"), "", "backfill"),
        (&format!("{token}\nrate_limit = {{ requests = 0 }}"), "", "requests"),
        (token, "[source.highlevel.install]\nmapper = 'default'\ndestinations = ['main']\n", "installs it answers"),
    ] {
        let error = wrong(instead, more);
        assert!(error.contains(expected), "{instead}: {error}");
    }
}

#[test]
fn a_program_that_reports_conversions_is_known_by_its_connections_secret() {
    let with = |table: &str| format!("{GOOD}[connection.acme.conversions]\n{table}");
    let config = read(&with("token = { env = 'A' }\nhmac = { keyring = 'b' }\n")).unwrap();
    let ways = config.connections["acme"].conversions.clone().unwrap();
    assert_eq!((ways.token, ways.hmac), (Some(SecretRef::Env("A".into())), Some(SecretRef::Keyring("b".into()))));
    assert!(read(GOOD).unwrap().connections["acme"].conversions.is_none());
    let second = "token = { env = 'A' }\n[connection.b]\nsource = 'highlevel'\nlocation = 'b'\ntoken = { env = 'T' }\n\
                  destinations = ['main']\n[connection.b.conversions]\nhmac = { env = 'A' }\n";
    for (table, expected) in [
        ("", "[connection.acme.conversions] needs `token`"),
        ("token = 'plain-text-of-a-secret'", "holds the secret itself"),
        ("secret = { env = 'A' }\nhmac = { env = 'B' }", "known here: token, hmac"),
        (second, "`connection.b.conversions.hmac` is the secret of connection \"acme\" already"),
    ] {
        let problems = read(&with(table)).unwrap_err();
        assert!(problems.list.len() == 1 && problems.to_string().contains(expected), "{table}: {problems}");
        assert!(!problems.to_string().contains("plain-text"), "{problems}");
    }
}

#[test]
fn a_token_for_metrics_that_are_open_opens_nothing() {
    let admin = |lines: &str| format!("listen = \"127.0.0.1:8480\"\n[admin]\n{lines}");
    let both = "metrics = \"open\"\nmetrics_token = { env = \"METRICS\" }";
    wrong("listen = \"127.0.0.1:8480\"", &admin(both), 6, "`admin.metrics_token` opens nothing", "metrics = \"token\"");
    for alone in ["metrics = \"open\"", "metrics = \"token\"\nmetrics_token = { env = \"METRICS\" }"] {
        read(&GOOD.replacen("listen = \"127.0.0.1:8480\"", &admin(alone), 1)).unwrap();
    }
}

#[test]
fn an_alert_goes_to_exactly_one_place_a_target() {
    let with = |lines: &str| format!("{lines}\n[ingress]");
    let told = read(&GOOD.replacen(
        "[ingress]",
        &with("[alerts]\nquiet_minutes = 30\n[alerts.to.ops]\nslack = { env = \"SLACK\" }\n[alerts.to.pager]\ncommand = [\"page\", \"-q\"]"),
        1,
    ));
    let alerts = told.unwrap().alerts;
    assert_eq!((alerts.quiet_minutes, alerts.repeat_hours, alerts.refresh_token_days), (30, 24, 365));
    assert_eq!(alerts.targets["ops"], Target::Slack(SecretRef::Env("SLACK".into())));
    assert_eq!(alerts.targets["pager"], Target::Command(vec!["page".into(), "-q".into()]));
    let two = "[alerts.to.ops]\nlog = true\nwebhook = { env = \"HOOK\" }";
    wrong("[ingress]", &with(two), 2, "[alerts.to.ops] needs one of webhook, slack, command, log", "log = true");
    wrong("[ingress]", &with("[alerts.to.ops]"), 2, "needs one of", "ALERT_WEBHOOK");
    wrong("[ingress]", &with("[alerts]\nquiet_minuets = 3"), 3, "quiet_minuets", "quiet_minutes");
    wrong("[ingress]", &with("[alerts]\nrepeat_hours = 0"), 3, "1 to 720 hours", "repeat_hours = 24");
}
