//! The file `convey init` writes: every key that is asked often, with a word on why one would change it.

use std::fmt::Write;

use super::asking;
use crate::vault::SecretRef;

/// What a person answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// HighLevel's id of the location.
    pub location: String,
    /// Where the location's token is kept.
    pub location_token: SecretRef,
    /// Meta's id of the dataset.
    pub dataset: String,
    /// Where the dataset's token is kept.
    pub dataset_token: SecretRef,
    /// The location's country, two letters (ISO 3166-1).
    pub country: Option<String>,
    /// The location's currency, three letters (ISO 4217).
    pub currency: Option<String>,
    /// Both vendors are a sandbox.
    pub sandbox: Option<SandboxAnswers>,
}

/// Where the sandbox is.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxAnswers {
    /// Address of its CRM.
    pub crm_url: String,
    /// Address of its ad platform.
    pub ads_url: String,
    /// The key its webhooks are signed with, PEM text.
    pub webhook_public_key: String,
}

/// The commented file for these answers.
pub fn template(answers: &Answers) -> String {
    let mut text = String::from(HEAD);
    let mut add = |part: &str| text.push_str(part);
    add(&source(answers));
    add(&sink(answers));
    add(MAPPER);
    add(&destination(answers));
    add(&connection(answers));
    text
}

const HEAD: &str = r#"# What convey carries, from where to where. `convey check` reads this file as `run` does and sends nothing.
# Relative paths start at this file's folder. Secrets are named, never written here: { env = "NAME" } or { file = "PATH" }.

# The store, the vault's key and the compiled components.
state_dir = "convey-state"

# Where the CRM's webhooks arrive: POST /hooks/<source>. Put a proxy with TLS in front, or a tunnel.
[ingress]
listen = "127.0.0.1:8480"
# max_body_bytes = 1048576
# replay_window_hours = 48      # webhooks sent longer ago are refused
# high_water = 100000           # from so many waiting deliveries on, the answer is 429: the CRM sends again later

# Where the operator's commands and the page are. Loopback, unless allow_remote = true.
[admin]
listen = "127.0.0.1:8481"
# public_url = "https://convey.example.com"   # the name under which a proxy shows the page
# metrics_token = { env = "CONVEY_METRICS_TOKEN" }   # opens GET /metrics and nothing else: for Prometheus. metrics = "open" asks for none

# What is said unasked when something is the matter; `convey alerts test` tries it. Without a target it goes to the log.
# [alerts]
# quiet_minutes = 60            # no delivery for so long is worth saying
# [alerts.to.ops]
# slack = { env = "SLACK_WEBHOOK" }            # or webhook = { … }, command = ["/usr/local/bin/page"], log = true

# Personal data is sealed. Without a key of your own one is made in the state directory: keep a copy of it.
# [vault]
# key = { file = "vault.key" }

"#;

const MAPPER: &str = r#"# What is said of which change. The settings file says it in full; without one a useful default applies.
[mapper.default]
component = "builtin:rules"
# settings = "mapping.toml"

"#;

const APP: &str = r#"# An app of the HighLevel marketplace instead of a token a location: connections with auth = "oauth" are reached by it.
# `convey auth login` asks for consent, `convey auth plan` prints the scopes the app needs.
# [source.highlevel.oauth]
# client_id = "6600000000000000000000aa-lt000000"
# client_secret = { env = "HIGHLEVEL_CLIENT_SECRET" }
# redirect_uri = "https://hooks.example.com/oauth/highlevel"

"#;

const TERMS: &str = r#"# access = "write"              # `convey crm` and mappers may write to the location; without it nothing is ever written
# write_back_tag = "told"       # with access = "write": each contact gets this tag once the platform has its event; write_back_note = "…" likewise
# poll = "5m"                   # ask for contacts that changed, for webhooks that never came
# sync = "30 3 * * *"           # look through everything, by a crontab in UTC, for what no webhook told
# backfill = "7d"               # tell what happened before the connection began, once `convey backfill` was asked for it

# What the location allows, where it is not what HighLevel says (100 requests in 10 s, 200000 a day).
# [connection.main.rate_limit]
# requests = 50
# per_ms = 10000
# daily = 100000

# A program of yours (a till, a call centre) reports conversions: POST /contacts/<contact id>/conversions at the ingress, with the
# token as its bearer token or signed with the other secret. No table, no such route.
# [connection.main.conversions]
# token = { env = "CONVERSIONS_TOKEN" }
# hmac = { env = "CONVERSIONS_HMAC" }
"#;

fn source(answers: &Answers) -> String {
    let mut text = String::from(
        "# The CRM. A component of your own stands here by its path, as in \"my.wasm\".\n[source.highlevel]\n",
    );
    text.push_str("component = \"builtin:highlevel\"\n");
    match &answers.sandbox {
        Some(sandbox) => {
            line(&mut text, "base_url", &sandbox.crm_url);
            line(&mut text, "webhook_public_key", &sandbox.webhook_public_key);
        }
        None => {
            comment(&mut text, &asking::WEBHOOK_STEP.replace("{host}", "<public host>"));
            text.push_str("# legacy_signatures = true      # also accept the signature header HighLevel is retiring\n");
        }
    }
    text + "\n" + APP
}

fn sink(answers: &Answers) -> String {
    let mut text = String::from("# The ad platform.\n[sink.meta]\ncomponent = \"builtin:meta\"\n");
    if let Some(sandbox) = &answers.sandbox {
        line(&mut text, "base_url", &sandbox.ads_url);
    }
    text + "\n"
}

fn destination(answers: &Answers) -> String {
    let mut text = String::from("# Where events go.\n[destination.main]\nsink = \"meta\"\n");
    found_at(&mut text, "dataset");
    line(&mut text, "id", &answers.dataset);
    found_at(&mut text, "dataset_token");
    secret(&mut text, "token", &answers.dataset_token);
    text.push_str("# app_secret = { env = \"APP_SECRET\" } # only if the app is set to require a proof of its secret (Meta: App settings > Advanced)\n");
    text.push_str("# To see the first events without counting them: convey test-mode on --code TEST12345 --for 1h\n");
    text.push_str("# ambiguous = \"hold\"             # a request that got no answer waits for you; else it is sent again under the same ids\n");
    text.push_str(
        "# in_flight = 4\n# brake_times = 10               # a rule that asks for more than 10 times its usual hour is held up; 0: none is\n# brake_floor = 1000             # so many leave in any hour\n\n# [destination.main.settings]    # handed to the sink\n# api_version = \"v25.0\"\n\n",
    );
    text
}

fn connection(answers: &Answers) -> String {
    let mut text = String::from(
        "# One location, bound to its destinations. Several locations: several of these tables.\n[connection.main]\n",
    );
    text.push_str("source = \"highlevel\"\n");
    found_at(&mut text, "location");
    line(&mut text, "location", &answers.location);
    found_at(&mut text, "location_token");
    secret(&mut text, "token", &answers.location_token);
    text.push_str("# auth = \"oauth\"                # instead of the token: the source's app\n");
    text.push_str("mapper = \"default\"\ndestinations = [\"main\"]\n");
    text.push_str(TERMS);
    let known = [("country", &answers.country, "US"), ("currency", &answers.currency, "USD")];
    text.push_str(
        "\n# Handed to the source: what the location's own settings do not say.\n[connection.main.settings]\n",
    );
    for (key, answer, example) in known {
        match answer {
            Some(answer) => line(&mut text, key, answer),
            None => write(&mut text, format_args!("# {key} = \"{example}\"\n")),
        }
    }
    text.push_str(
        "\n# What guests and their requests may use.\n# [limits]\n# guest_memory_mib = 64\n# guest_cpu_ms = 1000\n",
    );
    text.push_str(
        "# mapper_cpu_ms = 500\n# request_timeout_ms = 10000\n# response_max_bytes = 8388608\n# calls_in_flight = 64\n",
    );
    text.push_str("\n# [retention]\n# done_days = 30\n# dead_days = 90\n# max_mib = 4096\n");
    text
}

fn found_at(text: &mut String, key: &str) {
    if let Some(question) = asking::question(key) {
        comment(text, question.found_at);
    }
}

/// One comment line a sentence.
fn comment(text: &mut String, sentences: &str) {
    for sentence in sentences.split(". ") {
        write(text, format_args!("# {}\n", sentence.trim_end_matches('.')));
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    write(text, format_args!("{key} = {}\n", quoted(value)));
}

fn secret(text: &mut String, key: &str, place: &SecretRef) {
    let (kind, value) = match place {
        SecretRef::Env(name) => ("env", quoted(name)),
        SecretRef::File(path) => ("file", quoted(&path.to_string_lossy())),
        SecretRef::Keyring(name) => ("keyring", quoted(name)),
    };
    write(text, format_args!("{key} = {{ {kind} = {value} }}\n"));
}

/// As a TOML string, escaped where it must be.
fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn write(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(part);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{Answers, SandboxAnswers, template};
    use crate::config::{Access, Auth, parse};
    use crate::vault::SecretRef;

    fn answers() -> Answers {
        Answers {
            location: "ve9EPM428h8vShlRW1KT".into(),
            location_token: SecretRef::Env("GHL_TOKEN".into()),
            dataset: "1234567890".into(),
            dataset_token: SecretRef::Env("META_TOKEN".into()),
            country: Some("AT".into()),
            currency: None,
            sandbox: None,
        }
    }

    #[test]
    fn the_file_reads_back_as_it_was_answered() {
        let config = parse(&template(&answers()), "convey.toml", Path::new("")).expect("the template is a good file");
        let connection = &config.connections["main"];
        assert_eq!(
            (connection.location.as_str(), connection.terms.mapper.as_str()),
            ("ve9EPM428h8vShlRW1KT", "default")
        );
        assert_eq!(connection.auth, Auth::Token(SecretRef::Env("GHL_TOKEN".into())));
        assert_eq!(connection.terms.access, Access::Read);
        assert_eq!(connection.terms.settings, "country = \"AT\"\n");
        assert_eq!(config.destinations["main"].id, "1234567890");
        assert_eq!(config.sources["highlevel"].base_url, None);
    }

    #[test]
    fn a_sandbox_answers_in_the_vendors_place() {
        let key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
        let sandbox = SandboxAnswers {
            crm_url: "http://127.0.0.1:9001".into(),
            ads_url: "http://127.0.0.1:9002".into(),
            webhook_public_key: key.into(),
        };
        let text = template(&Answers { sandbox: Some(sandbox), ..answers() });
        let config = parse(&text, "convey.toml", Path::new("")).expect("the template is a good file");
        assert_eq!(config.sources["highlevel"].webhook_public_key.as_deref(), Some(key));
        assert_eq!(config.sinks["meta"].base_url, Some("http://127.0.0.1:9002".parse().expect("an address")));
    }

    #[test]
    fn every_line_that_is_commented_out_works_when_it_is_not() {
        let text = template(&answers());
        // A token and the app both say how a location is reached: the app's line is tried in the token's place.
        let text = text.replace("token = { env = \"GHL_TOKEN\" }\n", "");
        let live: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) =>
                {
                    rest
                }
                _ => line,
            })
            .filter(|line| !line.contains("vault.key") && !line.contains("mapping.toml"))
            .fold(String::new(), |all, line| all + line + "\n");
        let config = parse(&live, "convey.toml", Path::new("")).expect("every proposed line is a good line");
        assert_eq!(config.limits, parse(&template(&answers()), "convey.toml", Path::new("")).expect("good").limits);
        assert!(config.sources["highlevel"].legacy_signatures && config.sources["highlevel"].oauth.is_some());
        let connection = &config.connections["main"];
        assert_eq!((&connection.auth, connection.terms.access), (&Auth::Oauth, Access::Write));
        assert!(connection.terms.poll.is_some() && connection.terms.sync.is_some());
        assert_eq!(connection.terms.rate_limit.map(|limit| limit.requests), Some(50));
        assert_eq!(connection.terms.backfill_ms, 604_800_000);
        assert!(connection.conversions.as_ref().is_some_and(|ways| ways.token.is_some() && ways.hmac.is_some()));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_out_of_its_quotes(location in "[^\\p{C}\\s]\\PC{0,20}") {
            let text = template(&Answers { location: location.clone(), ..answers() });
            let config = parse(&text, "convey.toml", Path::new(""));
            prop_assert_eq!(&config.expect("still a good file").connections["main"].location, &location);
        }
    }
}
