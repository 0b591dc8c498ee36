//! `convey component list|inspect|export|approve`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{Exit, table};
use super::{Context, cache};
use crate::app::{self, Components, Consent, open_vault};
use crate::builtin::{BUILTINS, builtin};
use crate::clock::Clock;
use crate::config::{self, Limits};
use crate::engine::{Engine, Loaded, Sink, Source, World};
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum Component {
    /// The components inside this program
    List,
    /// What a component is, imports and asks for
    Inspect {
        /// The name of a built-in component, or a .wasm file
        component: String,
    },
    /// Write the built-in components to files
    Export {
        /// The folder; `<name>.wasm` each
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only this one
        name: Option<String>,
    },
    /// Grant a component what it asks for now
    Approve {
        /// The place in the configuration: `source.NAME` or `sink.NAME`
        place: String,
    },
}

impl Component {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        match self {
            Component::List => list(context),
            Component::Inspect { component } => inspect(&component, context).await,
            Component::Export { out, name } => export(&out, name.as_deref(), context),
            Component::Approve { place } => approve(&place, context).await,
        }
    }
}

fn engine() -> Result<Engine, Exit> {
    Ok(app::engine(&Limits::default(), cache::of_user())?)
}

fn list(context: &Context) -> Result<(), Exit> {
    let engine = engine()?;
    let loaded: Result<Vec<Loaded>, _> = BUILTINS.iter().map(|builtin| engine.load_builtin(builtin)).collect();
    let loaded = loaded.map_err(anyhow::Error::from)?;
    let values: Vec<Value> = loaded.iter().map(value).collect();
    context.print(&values, || {
        let mut rows = vec![["name", "world", "size", "digest", "imports"].map(str::to_owned).to_vec()];
        rows.extend(loaded.iter().map(|loaded| {
            let imports = loaded.imports.iter().filter(|import| !import.starts_with("convey:")).count();
            let imports = if imports == 0 { "none".to_owned() } else { format!("{imports} of WASI") };
            vec![
                loaded.name.to_string(),
                loaded.world.to_string(),
                format!("{} KiB", loaded.size / 1024),
                loaded.digest.short(),
                imports,
            ]
        }));
        table(&rows)
    })
}

fn value(loaded: &Loaded) -> Value {
    json!({
        "name": &*loaded.name,
        "world": loaded.world.to_string(),
        "size": loaded.size,
        "digest": loaded.digest.to_string(),
        "imports": loaded.imports,
    })
}

async fn inspect(component: &str, context: &Context) -> Result<(), Exit> {
    let bytes = match builtin(component.trim_start_matches("builtin:")) {
        Some(builtin) => builtin.bytes.to_vec(),
        None => std::fs::read(component)
            .with_context(|| format!("{component} is no built-in component and no file that can be read"))?,
    };
    let engine = engine()?;
    let loaded = engine.load(component, &bytes).map_err(anyhow::Error::from)?;
    let mut value = value(&loaded);
    let (profile, asked) = match loaded.world {
        World::Mapper => described(&loaded, &Value::Null)?,
        World::Source => {
            let source = Source::new(&engine, loaded).map_err(anyhow::Error::from)?;
            described(source.loaded(), &source.describe().await.map_err(anyhow::Error::from)?)?
        }
        World::Sink => {
            let sink = Sink::new(&engine, loaded).map_err(anyhow::Error::from)?;
            described(sink.loaded(), &sink.describe().await.map_err(anyhow::Error::from)?)?
        }
    };
    value["profile"] = profile;
    context.print(&value, || {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        format!("name: {}\ndigest: {}\nsize: {}\n{asked}", text("name"), text("digest"), value["size"])
    })
}

/// A component's profile for programs, and what it would be granted, a line for each thing.
fn described(loaded: &Loaded, profile: &impl Serialize) -> Result<(Value, String), Exit> {
    let value = serde_json::to_value(profile).map_err(anyhow::Error::from)?;
    Ok((value, app::asked(loaded, profile).map_err(anyhow::Error::from)?))
}

fn export(out: &Path, name: Option<&str>, context: &Context) -> Result<(), Exit> {
    let chosen: Vec<_> = BUILTINS.iter().filter(|builtin| name.is_none_or(|name| builtin.name == name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
        return Err(Exit::Asked(format!("no component of that name is built in: there are {}", names.join(", "))));
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut written = Vec::new();
    for builtin in chosen {
        let path = out.join(format!("{}.wasm", builtin.name));
        std::fs::write(&path, builtin.bytes).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path.display().to_string());
    }
    context.print(&written, || written.join("\n"))
}

async fn approve(place: &str, context: &Context) -> Result<(), Exit> {
    let mut config = config::load(&context.config)?;
    let (kind, name) =
        place.split_once('.').ok_or_else(|| Exit::Asked(format!("`{place}` is not `source.NAME` or `sink.NAME`")))?;
    match kind {
        "source" => config.sources.retain(|source, _| source == name),
        "sink" => config.sinks.retain(|sink, _| sink == name),
        _ => return Err(Exit::Asked(format!("`{place}` is not `source.NAME` or `sink.NAME`"))),
    }
    match kind {
        "source" => config.sinks.clear(),
        _ => config.sources.clear(),
    }
    if config.sources.is_empty() && config.sinks.is_empty() {
        return Err(anyhow!("{} has no [{place}]", context.config.display()).into());
    }
    let (vault, _) = open_vault(&config)?;
    let store = Store::open(config.state_dir.clone(), vault)
        .await
        .context("approving needs the store to itself: stop convey, approve, and start it again")?;
    let engine = app::engine(&config.limits, cache::of_state(&config.state_dir))?;
    Components::load(&engine, &config, Consent::Given(&store, &Clock::system(), "operator")).await?;
    context.print(&json!({"approved": place}), || format!("{place} is granted what it asks for"))
}
