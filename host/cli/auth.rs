//! `convey auth`: how connections get the CRM's consent, keep it and lose it.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::desk::{Desk, names};
use super::output::{Exit, heads, table};
use super::person::{confirmed, line};
use super::written::{from_now, roughly};
use super::{Context, Format, cache, redirect};
use crate::admin::Brought;
use crate::app::{self, Needed};
use crate::clock::{Clock, Millis};
use crate::config::{self, Config};

/// How often a running convey is asked whether the redirect has reached it.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(super) enum Auth {
    /// Ask the CRM for consent: prints the address to open, and takes what the browser brings back
    Login(Login),
    /// Show how every connection's grant stands
    Status,
    /// Refresh a connection's token now
    Refresh {
        /// The connection
        name: String,
    },
    /// Forget a connection's grant and pause it
    Revoke {
        /// The connection
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show the least scopes that what is configured needs, without asking anybody
    Plan,
}

#[derive(Args)]
pub(super) struct Login {
    /// A connection, or a source to log its app in as a whole; it may be left out where there is only one
    target: Option<String>,
    /// The address that the browser was sent to, or the code in it: ends a login that was begun before
    #[arg(long, value_name = "URL")]
    redirected: Option<String>,
    /// An answer without a state is yours
    #[arg(long, requires = "redirected")]
    accept_no_state: bool,
}

impl Auth {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        match self {
            Auth::Plan => plan(&config, context).await,
            Auth::Login(login) => login.run(&config, context).await,
            Auth::Status => status(&Desk::open(&config).await?, context).await,
            Auth::Refresh { name } => {
                let refreshed = Desk::open(&config).await?.refresh(&name).await?;
                let until = refreshed["expires_at"].as_u64().map(|at| from_now(at, Clock::system().now_ms()));
                context.print(&refreshed, || {
                    format!(
                        "{name} has a new token{}",
                        until.map(|until| format!(": it ends {until}")).unwrap_or_default()
                    )
                })
            }
            Auth::Revoke { name, yes } => {
                context.agree(&format!("Forget the grant of {name} and pause it?"), yes)?;
                Desk::open(&config).await?.revoke(&name).await?;
                context.print(&json!({"connection": name, "revoked": true}), || {
                    format!("{name} is paused and its grant forgotten. Connect it anew: convey auth login {name}")
                })
            }
        }
    }
}

impl Login {
    async fn run(self, config: &Config, context: &Context) -> Result<(), Exit> {
        // What cannot be read is told before anything is opened.
        let brought = self.redirected.as_deref().map(redirect::read).transpose().map_err(Exit::Asked)?;
        let desk = Desk::open(config).await?;
        let before = desk.grants().await?;
        let target = match self.target {
            Some(target) => target,
            None => only_target(&before)?,
        };
        let connected = match brought {
            Some(read) => {
                let unproven = read.state.is_none() && !self.accept_no_state && context.has_person();
                let accept_no_state = self.accept_no_state || (unproven && is_mine(&target)?);
                desk.close_login(&target, Brought { code: read.code, state: read.state, accept_no_state }).await?
            }
            None => match ask(&desk, &target, &before, context).await? {
                Some(connected) => connected,
                None => return Ok(()),
            },
        };
        context.print(&json!({"connected": connected}), || format!("{connected} is connected"))
    }
}

/// Prints the address, and waits where somebody is there: for a paste, or for the redirect to reach the running convey. `None` where nobody is.
async fn ask(desk: &Desk, target: &str, before: &[Value], context: &Context) -> Result<Option<String>, Exit> {
    let opened = desk.open_login(target).await?;
    let url = opened["url"].as_str().unwrap_or_default();
    context.print(&opened, || format!("Open this in a browser, and choose the location:\n\n{url}\n"))?;
    if !context.has_person() {
        context.advise(&format!("Then: convey auth login {target} --redirected URL"));
        return Ok(None);
    }
    let ends_alone =
        if desk.is_running() { " (or wait: it ends by itself when the answer reaches convey)" } else { "" };
    eprint!("Paste the address that the browser was sent to{ends_alone}:\n> ");
    let (send, pasted) = oneshot::channel();
    std::thread::spawn(move || send.send(line()));
    let pasted = tokio::select! {
        pasted = pasted => pasted.map_err(anyhow::Error::from)??,
        reached = reached(desk, target, before), if desk.is_running() => {
            eprintln!();
            return reached.map(Some);
        }
    };
    let read = redirect::read(&pasted).map_err(|text| Exit::Failed(anyhow::anyhow!(text)))?;
    let accept_no_state = read.state.is_none() && is_mine(target)?;
    let brought = Brought { code: read.code, state: read.state, accept_no_state };
    desk.close_login(target, brought).await.map(Some)
}

fn is_mine(target: &str) -> Result<bool, Exit> {
    let question =
        format!("The answer has no state, so nothing proves whose it is. Does it answer your login of {target}?");
    Ok(confirmed(&question)?)
}

/// Waits until the running convey has a grant that it did not have before.
async fn reached(desk: &Desk, target: &str, before: &[Value]) -> Result<String, Exit> {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if let Some(name) = came(before, &desk.grants().await?, target) {
            return Ok(name);
        }
    }
}

/// The connection that has a live grant now and had another, or none, before; of a source's name any will do.
fn came(before: &[Value], after: &[Value], target: &str) -> Option<String> {
    let one = names(after).contains(&target);
    let stood = |name: &Value| before.iter().find(|grant| grant["connection"] == *name);
    let fresh = after.iter().filter(|grant| grant["state"] == "live").find(|grant| {
        let meant = !one || grant["connection"] == target;
        let same = stood(&grant["connection"])
            .is_some_and(|old| old["state"] == grant["state"] && old["expires_at"] == grant["expires_at"]);
        meant && !same
    });
    fresh.and_then(|grant| grant["connection"].as_str()).map(str::to_owned)
}

fn only_target(grants: &[Value]) -> Result<String, Exit> {
    let granted: Vec<&str> =
        grants.iter().filter(|grant| grant["by"] == "oauth").filter_map(|grant| grant["connection"].as_str()).collect();
    match granted.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Exit::Asked(
            "no connection is reached by a source's app: name the source, or give a connection `auth = \"oauth\"`"
                .into(),
        )),
        several => Err(Exit::Asked(format!("say which: convey auth login NAME; there are {}", several.join(", ")))),
    }
}

async fn status(desk: &Desk, context: &Context) -> Result<(), Exit> {
    let grants = desk.grants().await?;
    let now = Clock::system().now_ms();
    context.print(&grants, || status_table(&grants, now))?;
    for (name, extra) in grants.iter().filter_map(beyond) {
        warn(&name, &extra, context);
    }
    Ok(())
}

fn status_table(grants: &[Value], now: Millis) -> String {
    let mut rows = vec![heads(["connection", "by", "state", "expires in", "missing", "extra", "reason"])];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.extend(grants.iter().map(|grant| {
        let left = grant["expires_at"].as_u64().map(|at| if at > now { roughly(at - now) } else { "over".to_owned() });
        vec![
            text(&grant["connection"]),
            text(&grant["by"]),
            grant["state"].as_str().unwrap_or("-").to_owned(),
            left.unwrap_or_default(),
            words(&grant["missing"]).join(" "),
            words(&grant["extra"]).join(" "),
            text(&grant["reason"]),
        ]
    }));
    table(&rows)
}

/// Scopes that a grant holds and nothing needs.
fn beyond(grant: &Value) -> Option<(String, Vec<String>)> {
    let extra = words(&grant["extra"]);
    (!extra.is_empty()).then(|| (grant["connection"].as_str().unwrap_or_default().to_owned(), extra))
}

fn warn(connection: &str, extra: &[String], context: &Context) {
    if context.format == Format::Text {
        eprintln!("warning: {connection} was granted more than it needs: {}. Take it out of the app", extra.join(" "));
    }
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn plan(config: &Config, context: &Context) -> Result<(), Exit> {
    let engine = app::engine(&config.limits, cache::of_state(&config.state_dir))?;
    let needed = app::needed(&engine, config).await?;
    // What is granted is looked at where there is a state to look at; a plan needs none.
    let granted = match config.state_dir.is_dir() {
        true => match Desk::open(config).await {
            Ok(desk) => desk.grants().await?,
            Err(error) => {
                context.advise(&format!("What is granted now was not looked at: {}", error.text()));
                Vec::new()
            }
        },
        false => Vec::new(),
    };
    let extra: Vec<(String, Vec<String>)> = granted.iter().filter_map(beyond).collect();
    let union = union(&needed);
    let listed: Vec<Value> =
        extra.iter().map(|(connection, scopes)| json!({"connection": connection, "scopes": scopes})).collect();
    context.print(&json!({"needed": needed, "union": union, "extra": listed}), || plan_text(&needed, &union))?;
    for (connection, scopes) in &extra {
        warn(connection, scopes, context);
    }
    Ok(())
}

/// Every scope once, in alphabetical order.
fn union(needed: &[Needed]) -> Vec<String> {
    let mut union: Vec<String> = needed.iter().flat_map(|place| place.scopes.keys().cloned()).collect();
    union.sort();
    union.dedup();
    union
}

fn plan_text(needed: &[Needed], union: &[String]) -> String {
    let mut text = String::new();
    for place in needed {
        let row = |(scope, operations): (&String, &Vec<String>)| vec![format!("  {scope}"), operations.join(", ")];
        text.push_str(&format!("{}\n{}\n\n", place.place, table(&place.scopes.iter().map(row).collect::<Vec<_>>())));
    }
    text.push_str(&format!("All of them, on one line to paste:\n{}", union.join(" ")));
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{came, only_target, plan_text, status_table, union};
    use crate::app::Needed;

    fn grant(connection: &str, state: Value, expires_at: u64) -> Value {
        json!({"connection": connection, "by": "oauth", "state": state, "expires_at": expires_at, "missing": [], "extra": ["x.write"]})
    }

    #[test]
    fn a_login_ends_when_its_grant_is_new() {
        let before = [grant("a", json!("reconnect"), 0), grant("b", json!("live"), 5)];
        assert_eq!(came(&before, &before, "a"), None);
        let after = [grant("a", json!("live"), 9), grant("b", json!("live"), 5)];
        assert_eq!(came(&before, &after, "a").as_deref(), Some("a"));
        assert_eq!(came(&before, &after, "b"), None, "the other one's grant is no answer");
        assert_eq!(came(&before, &after, "crm").as_deref(), Some("a"), "of an app any connection will do");
        let renewed = [grant("a", json!("reconnect"), 0), grant("b", json!("live"), 6)];
        assert_eq!(came(&before, &renewed, "b").as_deref(), Some("b"));
    }

    #[test]
    fn the_only_connection_need_not_be_named() {
        let token = json!({"connection": "t", "by": "token"});
        assert!(only_target(&[token.clone(), grant("a", Value::Null, 0)]).is_ok_and(|name| name == "a"));
        assert!(only_target(&[token]).is_err());
        assert!(only_target(&[grant("a", Value::Null, 0), grant("b", Value::Null, 0)]).is_err());
    }

    #[test]
    fn a_table_says_how_long_a_token_lasts() {
        let text = status_table(&[grant("a", json!("live"), 600_000)], 0);
        assert!(text.contains("10 min") && text.contains("x.write"), "{text}");
        assert!(status_table(&[grant("a", json!("live"), 1)], 2).contains("over"));
    }

    #[test]
    fn a_plan_is_the_union_of_what_places_need() {
        let place = |place: &str, scopes: &[&str]| Needed {
            place: place.to_owned(),
            scopes: scopes
                .iter()
                .map(|scope| ((*scope).to_owned(), vec!["contact".to_owned()]))
                .collect::<BTreeMap<_, _>>(),
        };
        let needed = [place("connection.b", &["z", "a"]), place("connection.c", &["a", "m"])];
        assert_eq!(union(&needed), ["a", "m", "z"]);
        assert!(plan_text(&needed, &union(&needed)).ends_with("\na m z"));
    }
}
