//! `convey doctor`: is every secret there, does every grant stand, does every scope work, are both ends open?

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::check::unproven as unproven_of;
use super::client::send_webhook;
use super::desk::Desk;
use super::output::{Exit, table};
use super::simulate::hook_of;
use super::{Context, cache};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Auth, Config};
use crate::vault::SecretRef;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    /// What.
    what: String,
    /// Of which connection; none for what all share.
    connection: Option<String>,
    /// Whether it is as it should be; none where it was not tried.
    ok: Option<bool>,
    /// What to do about it.
    fix: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, connection: Option<&str>, found: Result<(), String>) -> Self {
        let connection = connection.map(str::to_owned);
        Self { what: what.into(), connection, ok: Some(found.is_ok()), fix: found.err() }
    }

    /// Something that can be tried once a person gives what is missing.
    fn untried(what: impl Into<String>, how: String) -> Self {
        Self { what: what.into(), connection: None, ok: None, fix: Some(how) }
    }
}

#[derive(Args)]
pub(super) struct Doctor {
    /// Send one event of nobody, marked as a test with the code that the platform shows; without it no event is sent
    #[arg(long, value_name = "CODE")]
    test_code: Option<String>,
    /// Where that event goes; may be left out where there is one destination
    #[arg(long, value_name = "NAME", requires = "test_code")]
    destination: Option<String>,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let coded = self.coded(&config)?;
        run(context, &config, coded).await
    }

    /// The destination that the code is of, and the code.
    fn coded(self, config: &Config) -> Result<Option<(String, String)>, Exit> {
        let Some(code) = self.test_code else { return Ok(None) };
        let mut names = config.destinations.keys();
        let named = match (self.destination, names.next(), names.next()) {
            (Some(named), ..) if config.destinations.contains_key(&named) => named,
            (None, Some(only), None) => only.clone(),
            _ => {
                let known: Vec<&str> = config.destinations.keys().map(String::as_str).collect();
                return Err(Exit::Asked(format!("a code is of one destination: --destination {}", known.join(" or "))));
            }
        };
        Ok(Some((named, code)))
    }
}

async fn run(context: &Context, config: &Config, coded: Option<(String, String)>) -> Result<(), Exit> {
    let mut checks = secrets(config);
    // The store and the addresses are left alone: a convey that runs has them.
    let checked = app::check(config, Clock::system(), true, cache::of_state(&config.state_dir)).await;
    match checked {
        Ok(checked) => {
            checks.push(Check::new("components, settings, mappers and webhook keys", None, Ok(())));
            for name in config.destinations.keys() {
                let mut of = checked.sunsets.iter().filter(|sunset| sunset.destination == *name).peekable();
                let ending = of.peek().is_some();
                let over = checked.sunsets.iter().any(|sunset| sunset.destination == *name && sunset.over);
                let text = ending.then(|| of.map(ToString::to_string).collect::<Vec<_>>().join("\n"));
                // One that still answers is no fault yet: what to write is said all the same.
                checks.push(Check { ok: Some(!over), fix: text, ..Check::new(versions_of(name), None, Ok(())) });
            }
            let unproven = checked.unproven.iter();
            checks.extend(
                unproven.map(|name| Check::untried(format!("app secret of destination {name}"), unproven_of(name))),
            );
        }
        Err(error) => {
            checks.push(Check::new("components, settings, mappers and webhook keys", None, Err(error.to_string())));
        }
    }
    match Desk::open(config).await {
        Ok(desk) => {
            reach(&desk, &mut checks).await?;
            ends(&desk, config, coded, &mut checks).await;
        }
        Err(error) => checks.push(Check::new("the state directory", None, Err(error.text()))),
    }
    let well = checks.iter().all(|check| check.ok != Some(false));
    context.print(&json!({"checks": checks}), || text(&checks))?;
    if well { Ok(()) } else { Err(Exit::Said) }
}

/// Whether each secret can be read.
fn secrets(config: &Config) -> Vec<Check> {
    let read = |place: &SecretRef| place.read().map(|_| ()).map_err(|error| error.to_string());
    let mut checks = Vec::new();
    for (name, source) in &config.sources {
        if let Some(app) = &source.oauth {
            checks.push(Check::new(format!("client secret of source {name}"), None, read(&app.client_secret)));
        }
    }
    for (name, connection) in &config.connections {
        if let Auth::Token(place) = &connection.auth {
            checks.push(Check::new("token", Some(name), read(place)));
        }
    }
    for (name, destination) in &config.destinations {
        checks.push(Check::new(format!("token of destination {name}"), None, read(&destination.token)));
        if let Some(secret) = &destination.app_secret {
            checks.push(Check::new(format!("app secret of destination {name}"), None, read(secret)));
        }
    }
    checks
}

fn versions_of(destination: &str) -> String {
    format!("versions of the platform's API that destination {destination} uses")
}

/// A webhook of ours to every source's hook, and a word or a test event to every destination.
async fn ends(desk: &Desk, config: &Config, coded: Option<(String, String)>, checks: &mut Vec<Check>) {
    for source in config.sources.keys() {
        let what = format!("signed test webhook to /hooks/{source}");
        checks.push(match knock(desk, config, source).await {
            Ok(true) => Check::new(what, None, Ok(())),
            Ok(false) => Check::untried(what, "no convey runs: start it with `convey run`, then ask again".to_owned()),
            Err(error) => Check::new(what, None, Err(error)),
        });
    }
    for name in config.destinations.keys() {
        let asked = desk.try_destination(name, None).await.map_err(|error| error.text());
        let open = asked.is_ok();
        checks.push(Check::new(format!("token reaches destination {name}"), None, asked));
        let what = format!("test event to destination {name}");
        let code = coded.as_ref().filter(|(of, _)| of == name).map(|(_, code)| code);
        match code {
            // Refused already, and it would be again.
            _ if !open => {}
            None => checks.push(Check::untried(
                what,
                format!("no event is sent without a code of the platform's for tests: convey doctor --destination {name} --test-code CODE"),
            )),
            Some(code) => {
                let sent = desk.try_destination(name, Some(code)).await.map_err(|error| error.text());
                checks.push(Check::new(what, None, sent));
            }
        }
    }
}

/// Whether the running convey took a webhook; `false` where none runs.
async fn knock(desk: &Desk, config: &Config, source: &str) -> Result<bool, String> {
    let Some(webhook) = desk.try_webhook(source).await.map_err(|error| error.text())? else { return Ok(false) };
    let url = hook_of(config, source).ok_or("[ingress] listen names no port: give it one")?;
    let header = (webhook.header.as_str(), webhook.signature.as_str());
    let said = send_webhook(&url, header, webhook.body).await.map_err(|error| error.to_string())?;
    if said["trial"] == true { Ok(true) } else { Err(format!("{url} is answered by something else than this convey")) }
}

/// How each grant stands, and one harmless request for every scope that is needed.
async fn reach(desk: &Desk, checks: &mut Vec<Check>) -> Result<(), Exit> {
    for grant in desk.grants().await? {
        let name = grant["connection"].as_str().unwrap_or_default();
        let by_app = grant["by"] == "oauth";
        if by_app {
            let standing = standing(&grant);
            let stands = standing.is_ok();
            checks.push(Check::new("grant", Some(name), standing));
            if !stands {
                continue;
            }
        } else if checks.iter().any(|check| check.connection.as_deref() == Some(name) && check.ok == Some(false)) {
            // Without its token every probe would fail alike.
            continue;
        }
        for scope in grant["needed"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let probed = desk.probe(name, scope).await;
            let probed = probed.map_err(|error| fix(&error.text(), name, scope, by_app));
            checks.push(Check::new(format!("scope {scope}"), Some(name), probed));
        }
    }
    Ok(())
}

fn standing(grant: &Value) -> Result<(), String> {
    let name = grant["connection"].as_str().unwrap_or_default();
    match grant["state"].as_str() {
        Some("live") => Ok(()),
        state => {
            let reason = grant["reason"].as_str().or(state).unwrap_or("there is no grant");
            let login = format!("convey auth login {name}");
            Err(if reason.contains(&login) { reason.to_owned() } else { format!("{reason}: {login}") })
        }
    }
}

/// The line to follow. A missing scope is added where the token is made.
fn fix(said: &str, connection: &str, scope: &str, by_app: bool) -> String {
    if !said.contains(scope) {
        return said.to_owned();
    }
    match by_app {
        true => format!("{said}\nadd {scope} to the app's scopes, then: convey auth login {connection}"),
        false => format!("{said}\nadd {scope} to the private integration's scopes: its token stays the same"),
    }
}

fn text(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let verdict = match check.ok {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "not tried",
        };
        vec![verdict.to_owned(), check.connection.clone().unwrap_or_default(), check.what.clone()]
    };
    let mut text = table(&checks.iter().map(row).collect::<Vec<_>>());
    for check in checks {
        if let Some(fix) = &check.fix {
            let of = check.connection.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
            text.push_str(&format!("\n\n{of}{}:\n  {}", check.what, fix.trim().replace('\n', "\n  ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Check, fix, standing, text};

    #[test]
    fn a_missing_scope_is_added_where_the_token_is_made() {
        let said = "the token may not: contacts.write is missing";
        assert!(fix(said, "main", "contacts.write", true).ends_with("convey auth login main"));
        assert!(fix(said, "main", "contacts.write", false).contains("private integration"));
        assert_eq!(fix("the CRM does not answer", "main", "contacts.write", true), "the CRM does not answer");
    }

    #[test]
    fn a_grant_that_does_not_stand_says_how_to_get_one() {
        assert_eq!(standing(&json!({"connection": "a", "state": "live"})), Ok(()));
        let none = json!({"connection": "a", "state": "reconnect", "reason": "no grant yet: convey auth login a"});
        assert_eq!(standing(&none), Err("no grant yet: convey auth login a".to_owned()));
        let asleep = json!({"connection": "a", "state": "suspended", "reason": null});
        assert_eq!(standing(&asleep), Err("suspended: convey auth login a".to_owned()));
    }

    #[test]
    fn what_failed_stands_below_with_its_fix() {
        let checks =
            [Check::new("token", Some("a"), Ok(())), Check::new("scope x", Some("a"), Err("add x\nthen y".to_owned()))];
        assert_eq!(text(&checks), "pass  a  token\nFAIL  a  scope x\n\na, scope x:\n  add x\n  then y");
    }
}
