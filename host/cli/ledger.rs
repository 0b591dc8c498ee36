//! Who is asked about the queue and the past: the running convey, or its store where none runs.

use anyhow::{Error, anyhow};
use serde_json::Value;

use super::client::Door;
use super::output::Exit;
use crate::app::open_vault;
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::{Operation, operate};
use crate::store::Store;

/// Who answers.
pub(super) enum Ledger {
    /// The convey that runs on the state directory.
    Running(Door),
    /// The store itself, for the time of one command.
    Here(Store, Clock),
}

impl Ledger {
    /// The running convey's, else the store's own.
    pub(super) async fn open(config: &Config) -> Result<Self, Exit> {
        if let Some(door) = Door::find(&config.state_dir)? {
            return Ok(Self::Running(door));
        }
        if !config.state_dir.is_dir() {
            return Err(anyhow!("nothing has run here yet: start it with `convey run`").into());
        }
        let (vault, _) = open_vault(config)?;
        let store = Store::open(config.state_dir.clone(), vault).await.map_err(Error::from)?;
        Ok(Self::Here(store, Clock::system()))
    }

    /// Asks, or has done; what is about nothing at all is missing.
    pub(super) async fn take(&self, operation: Operation) -> Result<Value, Exit> {
        match self {
            Self::Running(door) => Ok(door.post("/operate", &operation).await?),
            Self::Here(store, clock) => {
                let answer = operate(store, clock.now_ms(), operation).await.map_err(Error::from)?;
                answer.ok_or_else(|| Exit::Missing("nothing in the store matches".to_owned()))
            }
        }
    }
}
