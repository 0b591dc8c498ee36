//! `convey doctor`: is every secret there, does every grant stand, does every scope work?

use serde::Serialize;
use serde_json::{Value, json};

use super::desk::Desk;
use super::output::{Exit, table};
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
    /// Whether it is as it should be.
    ok: bool,
    /// What to do about it.
    fix: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, connection: Option<&str>, found: Result<(), String>) -> Self {
        let connection = connection.map(str::to_owned);
        Self { what: what.into(), connection, ok: found.is_ok(), fix: found.err() }
    }
}

pub(super) async fn run(context: &Context) -> Result<(), Exit> {
    let config = config::load(&context.config)?;
    let mut checks = secrets(&config);
    // The store and the addresses are left alone: a convey that runs has them.
    let checked = app::check(&config, Clock::system(), true, cache::of_state(&config.state_dir)).await;
    let checked = checked.map(|_| ()).map_err(|error| error.to_string());
    checks.push(Check::new("components, settings, mappers and webhook keys", None, checked));
    match Desk::open(&config).await {
        Ok(desk) => reach(&desk, &mut checks).await?,
        Err(error) => checks.push(Check::new("the state directory", None, Err(error.text()))),
    }
    let well = checks.iter().all(|check| check.ok);
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
    }
    checks
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
        } else if checks.iter().any(|check| check.connection.as_deref() == Some(name) && !check.ok) {
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
        let verdict = if check.ok { "pass" } else { "FAIL" };
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
