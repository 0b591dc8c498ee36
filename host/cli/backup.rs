//! `convey backup` and `convey restore`: a copy of the store while it is in use, and putting one back.

use std::path::{Path, PathBuf};

use anyhow::Error;
use clap::Args;
use serde_json::json;

use super::Context;
use super::client::Door;
use super::ledger::Ledger;
use super::output::Exit;
use super::queue::text;
use crate::app::open_vault;
use crate::clock::Clock;
use crate::config;
use crate::flow::Operation;
use crate::store::Store;

#[derive(Args)]
pub(super) struct Backup {
    /// Where the copy goes; one of that name is replaced
    file: PathBuf,
    /// Where its keys go [default: FILE.keys]. Keep one key file only, the latest: it opens every earlier copy, but for who
    /// was forgotten
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Restore {
    /// The copy
    file: PathBuf,
    /// Its keys, or those of a later copy [default: FILE.keys]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A store is there, and is to be replaced; it is kept beside
    #[arg(long)]
    replace: bool,
}

fn keys_of(file: &Path, given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".keys");
        file.with_file_name(name)
    })
}

fn whole(path: &Path) -> Result<PathBuf, Exit> {
    // The running convey may have been started elsewhere.
    Ok(std::path::absolute(path).map_err(Error::from)?)
}

impl Backup {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        let keys = whole(&keys_of(&self.file, self.keys))?;
        let asked = Operation::BackUp { file: whole(&self.file)?, keys };
        let said = Ledger::open(&config).await?.take(asked).await?;
        context.print(&said, || {
            format!(
                "{} holds the store without a key ({} bytes), {} its {} keys, sealed with the vault's key.\n\
                 The vault's key is in neither: keep a copy of it elsewhere. Keep only the latest key file, and destroy earlier \
                 ones: then who was forgotten is forgotten in every copy.",
                text(&said, "file"),
                text(&said, "bytes"),
                text(&said, "keys"),
                text(&said, "key_count"),
            )
        })
    }
}

impl Restore {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = config::load(&context.config)?;
        if Door::find(&config.state_dir)?.is_some() {
            return Err(Exit::Asked(format!(
                "a convey runs on {}: stop it first, since a store cannot change under it",
                config.state_dir.display()
            )));
        }
        let keys = whole(&keys_of(&self.file, self.keys))?;
        // Opened before the store, which a new key would lock out for ever.
        let (vault, origin) = open_vault(&config)?;
        if let crate::vault::KeyOrigin::Made(path) = origin {
            let _ = std::fs::remove_file(&path);
            return Err(Exit::Asked(format!(
                "there is no vault key: put the copy of the one that sealed the backup at {}, or name it in [vault]",
                path.display()
            )));
        }
        let (dir, now) = (config.state_dir.clone(), Clock::system().now_ms());
        let restored = Store::restore(dir, vault, whole(&self.file)?, keys, now, self.replace).await;
        let restored = restored.map_err(Error::from)?;
        let value = json!(restored);
        context.print(&value, || {
            let replaced = restored.replaced.as_ref().map(|path| {
                format!("\nThe store that was there is {}: delete it once you need it no more.", path.display())
            });
            format!(
                "Restored. {} event(s) were told since the copy was made; {} wait and may have been: they keep their ids. {} \
                 command(s) to the CRM may have been carried out, and are dead until you decide. {} contact(s) are forgotten again.\nEverything is paused: start convey, look at `convey status`, then `convey \
                 resume --all`.{}",
                restored.told_since,
                restored.may_repeat,
                restored.commands_parked,
                restored.forgotten_again,
                replaced.unwrap_or_default(),
            )
        })
    }
}
