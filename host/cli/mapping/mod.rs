//! `convey mapping new|check|preview`: from a template to a mapping one has seen at work, before it is live.

mod check;
mod fields;
mod new;
mod preview;
mod show;

use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Context;
use super::output::Exit;
use crate::builtin::BUILTINS;
use crate::engine::{Engine, World};

#[derive(Args)]
pub(super) struct Mapping {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Write a template's mapping, its cases and its page into a folder
    New(new::New),
    /// Find every mistake in mappings, run their cases, and name the custom fields that connections lack
    Check(check::Check),
    /// Show what a mapping would say of the last changes or contacts, and whom it leaves out; nothing is sent
    Preview(preview::Preview),
}

impl Mapping {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        match self.step {
            Step::New(new) => new.run(context),
            Step::Check(check) => check.run(context).await,
            Step::Preview(preview) => preview.run(context).await,
        }
    }
}

/// The mapper in a file, else the built-in one.
fn component(engine: &Engine, file: Option<&Path>) -> Result<Vec<u8>, Exit> {
    if let Some(path) = file {
        return Ok(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    for builtin in BUILTINS {
        let loaded = engine.load_builtin(builtin).map_err(anyhow::Error::from)?;
        if loaded.world == World::Mapper {
            return Ok(builtin.bytes.to_vec());
        }
    }
    Err(Exit::Asked("no mapper is built in: give one with --mapper FILE".to_owned()))
}

/// The text of a settings' file.
fn settings(path: &Path) -> Result<String, Exit> {
    Ok(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
}
