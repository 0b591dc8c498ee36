//! `convey init`: asks for each credential, says where it is found, and writes a commented configuration.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::output::Exit;
use super::person::line;
use super::setup::asking::{QUESTIONS, Question, WEBHOOK_STEP};
use super::setup::{Answers, SandboxAnswers, template};
use crate::vault::SecretRef;

#[derive(Args)]
pub(super) struct Init {
    /// Overwrite a configuration that is there
    #[arg(long)]
    force: bool,
    /// Answer a question here instead of being asked: `--answer location=ve9E… --answer dataset=123`
    #[arg(long = "answer", value_name = "KEY=VALUE")]
    answers: Vec<String>,
    /// Set up for a sandbox: the line that `convey sandbox --format json` prints, in a file
    #[arg(long, value_name = "FILE", conflicts_with = "answers")]
    sandbox: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<(), Exit> {
        let path = &context.config;
        if path.exists() && !self.force {
            return Err(Exit::Asked(format!(
                "{} is there already: `convey init --force` writes it anew",
                path.display()
            )));
        }
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let answers = match &self.sandbox {
            Some(file) => of_sandbox(file, &folder)?,
            None => asked(&given(&self.answers)?, &folder, context)?,
        };
        write_new(path, template(&answers).as_bytes(), 0o644, true)?;
        context.print(&json!({"written": path.display().to_string()}), || {
            format!("{} is written. Look at it, then: convey check", path.display())
        })?;
        if answers.sandbox.is_none() {
            for (token, file) in
                [(&answers.location_token, "location.token"), (&answers.dataset_token, "dataset.token")]
            {
                if std::fs::read_to_string(folder.join(file)).is_ok_and(|text| text.trim().is_empty()) {
                    context.advise(&format!("Fill {token}: the configuration says where its content is found."));
                }
            }
            context
                .advise(&format!("\nWhat remains: {}", WEBHOOK_STEP.replace("{host}", "<this machine's public name>")));
        }
        Ok(())
    }
}

/// `KEY=VALUE` answers; an unknown key is an error that names the known ones.
fn given(answers: &[String]) -> Result<Vec<(&'static str, String)>, Exit> {
    let one = |answer: &String| {
        let (key, value) =
            answer.split_once('=').ok_or_else(|| Exit::Asked(format!("--answer {answer}: write KEY=VALUE")))?;
        let question = QUESTIONS.iter().find(|question| question.key == key).ok_or_else(|| {
            let keys: Vec<&str> = QUESTIONS.iter().map(|question| question.key).collect();
            Exit::Asked(format!("no question is called `{key}`: there are {}", keys.join(", ")))
        })?;
        if question.secret {
            return Err(Exit::Asked(format!(
                "`{key}` is a secret, which the shell's history would keep: leave it out, and fill the file that is written for it"
            )));
        }
        Ok((question.key, value.trim().to_owned()))
    };
    answers.iter().map(one).collect()
}

fn asked(given: &[(&'static str, String)], folder: &Path, context: &Context) -> Result<Answers, Exit> {
    let person = context.has_person();
    let mut values: Vec<(&str, String)> = Vec::new();
    for question in &QUESTIONS {
        let answered = given.iter().find(|(key, _)| *key == question.key).map(|(_, value)| value.clone());
        let value = match answered {
            Some(value) => value,
            None if person => ask(question)?,
            // Nobody is there to ask: what is optional stays out, secrets go into files to be filled, the rest must be given.
            None if question.optional || question.secret => String::new(),
            None => {
                return Err(Exit::Asked(format!(
                    "`{}` is needed: --answer {}=… ({})",
                    question.key, question.key, question.found_at
                )));
            }
        };
        values.push((question.key, value));
    }
    let value =
        |key: &str| values.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone()).unwrap_or_default();
    let optional = |key: &str| Some(value(key)).filter(|value| !value.is_empty());
    Ok(Answers {
        location: value("location"),
        location_token: kept(folder, "location.token", &value("location_token"))?,
        dataset: value("dataset"),
        dataset_token: kept(folder, "dataset.token", &value("dataset_token"))?,
        country: optional("country"),
        currency: optional("currency"),
        sandbox: None,
    })
}

/// Asks one question until there is an answer.
fn ask(question: &Question) -> anyhow::Result<String> {
    eprintln!(
        "\n{}{}\n  found at: {}\n  looks like: {}",
        question.prompt,
        if question.optional { " (may be left empty)" } else { "" },
        question.found_at,
        question.example
    );
    loop {
        eprint!("> ");
        std::io::stderr().flush()?;
        let value = if question.secret { unechoed()? } else { line()? };
        if !value.is_empty() || question.optional {
            return Ok(value);
        }
        eprintln!("an answer is needed");
    }
}

/// Reads a line without showing it.
fn unechoed() -> anyhow::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &silent)?;
    let read = line();
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    eprintln!();
    read
}

/// A secret in a file of its own (0600), beside the configuration. An empty one is made to be filled.
fn kept(folder: &Path, name: &str, secret: &str) -> anyhow::Result<SecretRef> {
    let path = folder.join(name);
    if !secret.is_empty() || !path.exists() {
        write_new(&path, format!("{secret}\n").as_bytes(), 0o600, true)?;
    }
    Ok(SecretRef::File(PathBuf::from(name)))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32, overwrite: bool) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).mode(mode).create(overwrite).create_new(!overwrite).truncate(overwrite);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))?;
    file.sync_all()?;
    Ok(())
}

/// The answers of a sandbox: its made-up tokens go into files like real ones.
fn of_sandbox(file: &Path, folder: &Path) -> anyhow::Result<Answers> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let line = text
        .lines()
        .find(|line| line.starts_with('{'))
        .ok_or_else(|| anyhow!("{} holds no JSON line", file.display()))?;
    let summary: Value =
        serde_json::from_str(line).with_context(|| format!("{} holds no JSON line", file.display()))?;
    let value = |key: &str| {
        summary[key].as_str().map(str::to_owned).ok_or_else(|| anyhow!("{} holds no `{key}`", file.display()))
    };
    Ok(Answers {
        location: value("location")?,
        location_token: kept(folder, "location.token", &value("crm_token")?)?,
        dataset: value("dataset")?,
        dataset_token: kept(folder, "dataset.token", &value("ads_token")?)?,
        country: Some("US".to_owned()),
        currency: Some("USD".to_owned()),
        sandbox: Some(SandboxAnswers {
            crm_url: value("crm")?,
            ads_url: value("ads")?,
            webhook_public_key: value("webhook_public_key")?,
        }),
    })
}
