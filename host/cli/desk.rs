//! Where a person's questions and commands are taken: the running convey's admin door, or the steps themselves where none runs. A running convey holds
//! the state directory, so it is always one of the two, and every command is written once.

use std::sync::Arc;

use anyhow::Error;
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::output::Exit;
use crate::admin::{Brought, Command, Look, Probe, Suppose, TryDestination, TryWebhook};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::contract::{Change, CrmCommand};
use crate::engine::{Answer, Query, Sweep};
use crate::flow::{CrmError, Flow, Location, Redirected, TrialWebhook};
use crate::vault::random_hex;

/// Who answers.
pub(super) enum Desk {
    /// The convey that runs on the state directory.
    Running(Door),
    /// This program, for the time of one command.
    Here(Arc<Flow>),
}

impl Desk {
    /// The running convey's, else one of our own.
    pub(super) async fn open(config: &Config) -> Result<Self, Exit> {
        match Door::find(&config.state_dir)? {
            Some(door) => Ok(Self::Running(door)),
            None => Ok(Self::Here(app::Desk::build(config, Clock::system()).await?.flow)),
        }
    }

    /// Whether a convey runs.
    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// How every connection reaches its location, as [`crate::flow::GrantStatus`] is written.
    pub(super) async fn grants(&self) -> Result<Vec<Value>, Exit> {
        match self {
            Self::Running(door) => Ok(door.get("/auth").await?),
            Self::Here(flow) => {
                let grants = flow.grants().await.map_err(Error::from)?;
                Ok(grants.iter().map(as_value).collect::<Result<_, _>>()?)
            }
        }
    }

    /// The connection that is meant: the one named, else the only one.
    pub(super) async fn connection(&self, named: Option<String>) -> Result<String, Exit> {
        match named {
            Some(name) => Ok(segment(&name)?.to_owned()),
            None => only(&names(&self.grants().await?)).map(str::to_owned).map_err(Exit::Asked),
        }
    }

    /// Asks the CRM.
    pub(super) async fn ask(&self, connection: &str, query: &Query) -> Result<Answer, Exit> {
        match self {
            Self::Running(door) => Ok(door.post(&format!("/crm/{}/ask", segment(connection)?), query).await?),
            Self::Here(flow) => Ok(flow.ask(connection, query).await?),
        }
    }

    /// What a connection's location says of itself.
    pub(super) async fn location(&self, connection: &str) -> Result<Location, Exit> {
        match self.ask(connection, &Query::Catalogue).await? {
            Answer::Catalogue(text) => Ok(Location::read(&text)),
            _ => Err(Exit::Failed(anyhow::anyhow!("the source answered another question than it was asked"))),
        }
    }

    /// The changes that a connection's last contacts would be if they came to be now, the newest first.
    pub(super) async fn supposed(&self, connection: &str, last: usize) -> Result<Vec<Change>, Exit> {
        match self {
            Self::Running(door) => {
                Ok(door.post(&format!("/crm/{}/supposed", segment(connection)?), &Suppose { last }).await?)
            }
            Self::Here(flow) => Ok(flow.last_contacts(connection, last).await?),
        }
    }

    /// Writes to the CRM, once for a key; the answer is written as [`crate::flow::Executed`] is.
    pub(super) async fn execute(
        &self,
        connection: &str,
        contact: Option<&str>,
        command: CrmCommand,
        key: &str,
    ) -> Result<Value, Exit> {
        match self {
            Self::Running(door) => {
                let body = Command { contact: contact.map(str::to_owned), command, key: key.to_owned() };
                Ok(door.post(&format!("/crm/{}/execute", segment(connection)?), &body).await?)
            }
            Self::Here(flow) => Ok(as_value(&flow.execute(connection, contact, &command, key).await?)?),
        }
    }

    /// Whether the connection's credential carries a scope, by one harmless request.
    pub(super) async fn probe(&self, connection: &str, scope: &str) -> Result<(), Exit> {
        match self {
            Self::Running(door) => {
                let body = Probe { scope: scope.to_owned() };
                let _: Value = door.post(&format!("/crm/{}/probe", segment(connection)?), &body).await?;
                Ok(())
            }
            Self::Here(flow) => Ok(flow.probe(connection, scope).await?),
        }
    }

    /// Asks a destination whether its credential works, or sends it one event that `test_code` marks.
    pub(super) async fn try_destination(&self, name: &str, test_code: Option<&str>) -> Result<(), Exit> {
        match self {
            Self::Running(door) => {
                let (destination, test_code) = (name.to_owned(), test_code.map(str::to_owned));
                let _: Value = door.post("/trial/destination", &TryDestination { destination, test_code }).await?;
                Ok(())
            }
            Self::Here(flow) => Ok(flow.try_destination(name, test_code).await.map_err(Error::from)?),
        }
    }

    /// A test webhook of a source for the running convey's ingress; `None` where none runs.
    pub(super) async fn try_webhook(&self, source: &str) -> Result<Option<TrialWebhook>, Exit> {
        match self {
            Self::Running(door) => {
                Ok(Some(door.post("/trial/webhook", &TryWebhook { source: source.to_owned() }).await?))
            }
            Self::Here(_) => Ok(None),
        }
    }

    /// Begins a login: `{url, until}`.
    pub(super) async fn open_login(&self, target: &str) -> Result<Value, Exit> {
        match self {
            Self::Running(door) => Ok(door.post(&format!("/auth/{}/login", segment(target)?), &json!({})).await?),
            Self::Here(flow) => Ok(as_value(&flow.open_login(target).await?)?),
        }
    }

    /// Ends a login with what the browser brought back: the name of what is connected now.
    pub(super) async fn close_login(&self, target: &str, brought: Brought) -> Result<String, Exit> {
        match self {
            Self::Running(door) => {
                let path = format!("/auth/{}/redirected", segment(target)?);
                let closed: Value = door.post(&path, &brought).await?;
                Ok(closed["connected"].as_str().unwrap_or(target).to_owned())
            }
            Self::Here(flow) => {
                let Brought { code, state, accept_no_state } = brought;
                let origin = flow.origin_of(target)?;
                let accepted = accept_no_state.then_some(target);
                Ok(flow.close_login(&origin, Redirected { code, state }, accepted).await?)
            }
        }
    }

    /// Refreshes a connection's token now: `{connection, expires_at}`.
    pub(super) async fn refresh(&self, connection: &str) -> Result<Value, Exit> {
        match self {
            Self::Running(door) => {
                Ok(door.post(&format!("/auth/{}/refresh", segment(connection)?), &json!({})).await?)
            }
            Self::Here(flow) => {
                let expires_at = flow.refresh_grant(connection).await?;
                Ok(json!({"connection": connection, "expires_at": expires_at}))
            }
        }
    }

    /// Forgets a connection's grant and pauses it.
    pub(super) async fn revoke(&self, connection: &str) -> Result<(), Exit> {
        match self {
            Self::Running(door) => {
                let _: Value = door.post(&format!("/auth/{}/revoke", segment(connection)?), &json!({})).await?;
                Ok(())
            }
            Self::Here(flow) => Ok(flow.revoke_grant(connection).await?),
        }
    }
}

/// Asks a running convey to look now.
pub(super) async fn look(door: &Door, connection: &str, sweep: Sweep, from_start: bool) -> Result<(), Exit> {
    let _: Value = door.post(&format!("/crm/{}/look", segment(connection)?), &Look { sweep, from_start }).await?;
    Ok(())
}

/// A desk, and the connection that is spoken of.
pub(super) struct At {
    desk: Desk,
    /// Its name.
    pub(super) connection: String,
}

impl At {
    /// Reads the configuration, opens a desk and finds the connection: the one named, else the only one.
    pub(super) async fn open(context: &Context, named: Option<String>) -> Result<Self, Exit> {
        let desk = Desk::open(&config::load(&context.config)?).await?;
        let connection = desk.connection(named).await?;
        Ok(Self { desk, connection })
    }

    /// Asks the CRM.
    pub(super) async fn ask(&self, query: &Query) -> Result<Answer, Exit> {
        self.desk.ask(&self.connection, query).await
    }

    /// Writes to the CRM; without a key of the person's under one that nobody has used. The answer holds the key.
    pub(super) async fn execute(
        &self,
        contact: Option<&str>,
        command: CrmCommand,
        key: Option<String>,
    ) -> Result<Value, Exit> {
        let key = match key {
            Some(key) => key,
            None => random_hex(8).map_err(Error::from)?,
        };
        let mut done = self.desk.execute(&self.connection, contact, command, &key).await?;
        done["key"] = key.into();
        Ok(done)
    }
}

/// The names in a list of grants.
pub(super) fn names(grants: &[Value]) -> Vec<&str> {
    grants.iter().filter_map(|grant| grant["connection"].as_str()).collect()
}

fn only<'a>(names: &[&'a str]) -> Result<&'a str, String> {
    match names {
        [name] => Ok(name),
        [] => Err("there is no connection yet".to_owned()),
        several => Err(format!("say which connection, with --connection NAME: there are {}", several.join(", "))),
    }
}

/// A name as it may stand in a path. One that no configuration could hold is no connection's.
fn segment(name: &str) -> Result<&str, Exit> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let named = !name.is_empty() && name.chars().all(fits) && !name.starts_with('.');
    if named { Ok(name) } else { Err(CrmError::NoConnection(name.to_owned()).into()) }
}

fn as_value(value: &impl Serialize) -> Result<Value, Error> {
    Ok(serde_json::to_value(value)?)
}

#[cfg(test)]
mod tests {
    use super::{only, segment};

    #[test]
    fn a_connection_is_named_unless_there_is_one() {
        assert_eq!(only(&["main"]), Ok("main"));
        assert!(only(&["a", "b"]).is_err_and(|text| text.contains("--connection") && text.ends_with("a, b")));
        assert!(only(&[]).is_err());
    }

    #[test]
    fn a_name_does_not_leave_its_place_in_a_path() {
        for name in ["main", "acme-7", "a_b"] {
            assert!(segment(name).is_ok_and(|same| same == name));
        }
        for name in ["", "a/b", "..", "a?b", "a b", "ä", "%2e"] {
            assert!(segment(name).is_err(), "{name}");
        }
    }
}
