//! `convey mapping check`: every mistake of a mapping, before anybody asks a running convey to take it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::{Lacking, look};
use super::{component, settings};
use crate::app;
use crate::cli::output::Exit;
use crate::cli::translate::load;
use crate::cli::{Context, cache};
use crate::config::{self, Config, Limits};
use crate::engine::{Engine, LoadError, Placed, Source, World};
use crate::flow::{Candidate, Case, Overlays, PrepareError, Prepared, prepare};

#[derive(Args)]
pub(super) struct Check {
    /// Settings of a mapper; without any, those that the configuration names, else mapping.toml
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Cases that each of them must pass; without it, the folder `cases` beside it where there is one
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// The mapper's component; the built-in one when left out
    #[arg(long, value_name = "FILE")]
    mapper: Option<PathBuf>,
}

/// What was found of one file.
#[derive(Debug, Default, Serialize)]
struct Checked {
    file: String,
    ok: bool,
    problems: Vec<Value>,
    remarks: Vec<Placed>,
    warnings: Vec<String>,
    cases: u32,
    custom_fields: Vec<String>,
    lacking: Vec<Lacking>,
    /// How many connections lack which field.
    drift: Vec<Drift>,
    /// The custom fields that an overlay's connections read, by connection.
    #[serde(skip)]
    overlaid: BTreeMap<String, Vec<String>>,
}

/// One field that some of a mapping's connections lack.
#[derive(Debug, Serialize)]
struct Drift {
    field: String,
    lacking: usize,
    of: usize,
    connections: Vec<String>,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let (config, broken) = match context.config.exists().then(|| config::load(&context.config)) {
            None => (None, false),
            Some(Ok(config)) => (Some(config), false),
            // A mapping that is named can be checked beside a configuration with a mistake.
            Some(Err(problems)) if self.files.is_empty() => return Err(problems.into()),
            Some(Err(_)) => (None, true),
        };
        let files = self.files(config.as_ref())?;
        let limits = config.as_ref().map_or_else(Limits::default, |config| config.limits);
        let engine = app::engine(&limits, cache::of_user())?;
        let mut report = Vec::with_capacity(files.len());
        for file in &files {
            let mappers = config.as_ref().map(|config| mappers(config, file)).unwrap_or_default();
            let mut checked = self.check(&engine, file, overlays(config.as_ref(), &mappers)).await?;
            if let Some(config) = &config
                && checked.reads()
            {
                ask(config, &mappers, &mut checked).await;
            }
            if broken {
                let name = context.config.display();
                checked
                    .warnings
                    .push(format!("{name} has mistakes, so no connection was asked: `convey check` names them"));
            }
            report.push(checked);
        }
        let ok = report.iter().all(|checked| checked.ok);
        context.print(&json!({"ok": ok, "files": report}), || report.iter().map(text).collect())?;
        if ok { Ok(()) } else { Err(Exit::Wrong) }
    }

    fn files(&self, config: Option<&Config>) -> Result<Vec<PathBuf>, Exit> {
        if !self.files.is_empty() {
            return Ok(self.files.clone());
        }
        let configured = config.into_iter().flat_map(|config| config.mappers.values());
        let mut files: Vec<PathBuf> = configured.filter_map(|mapper| mapper.settings.clone()).collect();
        files.sort();
        files.dedup();
        let usual = PathBuf::from("mapping.toml");
        if files.is_empty() && usual.exists() {
            files.push(usual);
        }
        if files.is_empty() {
            let text = "name a mapping: the configuration names none, and there is no mapping.toml here. `convey mapping new --list` shows what to begin with";
            return Err(Exit::Asked(text.to_owned()));
        }
        Ok(files)
    }

    async fn check(&self, engine: &Engine, file: &Path, overlays: Overlays) -> Result<Checked, Exit> {
        let mut checked = Checked { file: file.display().to_string(), ..Checked::default() };
        let candidate = Candidate {
            name: "default".to_owned(),
            component: component(engine, self.mapper.as_deref())?,
            settings: settings(file)?,
        };
        let beside = file.parent().unwrap_or(Path::new("")).join("cases");
        let folder = self.cases.clone().or_else(|| beside.is_dir().then_some(beside));
        let cases = match folder.as_deref().map(Case::folder).transpose() {
            Ok(cases) => cases.unwrap_or_default(),
            Err(error) => {
                checked.problems.push(plain(&error.to_string()));
                Vec::new()
            }
        };
        // Only a delivery needs somebody who reads it.
        let source = match cases.iter().any(Case::needs_source) {
            true => Some(Source::new(engine, load(engine, None, World::Source)?).map_err(anyhow::Error::from)?),
            false => None,
        };
        match prepare(engine, candidate, source.as_ref(), &cases, Vec::new(), None, &overlays).await {
            Ok(prepared) => checked.take(&prepared, &overlays),
            Err(PrepareError::Load(LoadError::Settings { placed, .. })) => {
                checked.problems.extend(placed.iter().map(|problem| json!(problem)));
            }
            Err(PrepareError::Cases(cases)) => {
                checked.problems.extend(cases.iter().map(|case| plain(&case.to_string())));
            }
            Err(error) => checked.problems.push(plain(&error.to_string())),
        }
        checked.ok = checked.problems.is_empty();
        Ok(checked)
    }
}

impl Checked {
    fn take(&mut self, prepared: &Prepared, overlays: &Overlays) {
        let base = prepared.variants.base();
        self.remarks = base.remarks();
        self.custom_fields = base.custom_fields().to_vec();
        self.cases = prepared.cases;
        let fields = overlays.iter().filter_map(|(connection, overlay)| {
            Some((connection.clone(), prepared.variants.of(Some(overlay))?.custom_fields().to_vec()))
        });
        self.overlaid = fields.collect();
    }

    /// Whether any connection reads a custom field.
    fn reads(&self) -> bool {
        !self.custom_fields.is_empty() || self.overlaid.values().any(|fields| !fields.is_empty())
    }

    /// The custom fields that a connection reads.
    fn fields_of(&self, connection: &str) -> &[String] {
        self.overlaid.get(connection).unwrap_or(&self.custom_fields)
    }
}

/// A problem without a place in the file.
fn plain(text: &str) -> Value {
    json!({"message": text, "text": text})
}

/// The mappers whose settings are in this file; all of them where it is nobody's yet.
fn mappers<'a>(config: &'a Config, file: &Path) -> Vec<&'a String> {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    let here = whole(file);
    let of = config.mappers.iter();
    let of = of.filter(|(_, mapper)| here.is_some() && mapper.settings.as_deref().and_then(whole) == here);
    let of: Vec<&String> = of.map(|(name, _)| name).collect();
    if of.is_empty() { config.mappers.keys().collect() } else { of }
}

/// What connections lay over these mappers' settings.
fn overlays(config: Option<&Config>, mappers: &[&String]) -> Overlays {
    let of = config.into_iter().flat_map(|config| mappers.iter().map(|name| config.overlays(name)));
    of.flatten().collect()
}

/// Asks the connections that these mappers translate for.
async fn ask(config: &Config, mappers: &[&String], checked: &mut Checked) {
    let found = look(config, mappers, |connection| checked.fields_of(connection).to_vec()).await;
    let mut drift: BTreeMap<String, Drift> = BTreeMap::new();
    for connection in &found.asked {
        for field in checked.fields_of(connection) {
            let drift = drift.entry(field.clone()).or_insert_with(|| Drift {
                field: field.clone(),
                lacking: 0,
                of: 0,
                connections: Vec::new(),
            });
            drift.of += 1;
            if found.lacking.iter().any(|lacking| lacking.connection == *connection && lacking.field == *field) {
                drift.lacking += 1;
                drift.connections.push(connection.clone());
            }
        }
    }
    checked.drift = drift.into_values().filter(|drift| drift.lacking > 0).collect();
    checked.lacking = found.lacking;
    checked.warnings.extend(found.unasked);
}

fn text(checked: &Checked) -> String {
    let file = &checked.file;
    let mut said = String::new();
    let mut line = |text: &str| {
        said.push_str(text);
        said.push('\n');
    };
    for problem in &checked.problems {
        line(&format!("{file}: {}", problem["text"].as_str().unwrap_or_default()));
    }
    for remark in &checked.remarks {
        line(&format!("{file}: remark: {remark}"));
    }
    for warning in &checked.warnings {
        line(&format!("{file}: warning: {warning}"));
    }
    for Lacking { connection, field, near } in &checked.lacking {
        let near = near.as_ref().map(|near| format!(" Is `{near}` meant?")).unwrap_or_default();
        line(&format!(
            "{file}: warning: connection `{connection}` has no custom field `{field}`: there it is always empty.{near}"
        ));
    }
    for Drift { field, lacking, of, connections } in &checked.drift {
        line(&format!("{file}: {lacking} of {of} locations lack field {field}: {}", connections.join(", ")));
    }
    line(&match (checked.ok, checked.problems.len()) {
        (true, _) => format!("{file} is good: {} case(s)", checked.cases),
        (false, count) => format!("{file} has {count} problem(s)"),
    });
    said
}
