//! `convey translate`: the mapping as a filter. A line in, a line out, through the real components and without the network: this is how
//! other pipelines embed convey.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::cache;
use super::output::{Exit, unread};
use crate::app;
use crate::builtin::{BUILTINS, builtin};
use crate::clock::Clock;
use crate::config::Limits;
use crate::contract::{Change, Effect, Proposal, skip_code};
use crate::engine::{Engine, Loaded, Mapper, Sink, SinkDestination, Source, World};
use crate::flow::{alone, effects_json, translate_each};

/// The most lines that cross the border in one call.
const BATCH: usize = 256;

#[derive(Args)]
pub(super) struct Translate {
    /// The trigger of a bare contact
    #[arg(long, value_name = "TRIGGER")]
    trigger: Option<String>,
    /// Print effects as this ad platform's own event objects: a built-in sink or a .wasm file
    #[arg(long = "as", value_name = "SINK")]
    wire: Option<String>,
    /// The CRM whose contacts and webhooks come in: a built-in source or a .wasm file
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// The mapper: a built-in one or a .wasm file
    #[arg(long, value_name = "FILE")]
    mapper: Option<String>,
    /// The mapper's settings, TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The location's country, two letters: the region of phone numbers without a country code
    #[arg(long, value_name = "COUNTRY")]
    location_country: Option<String>,
}

/// The components a line passes.
struct Filter {
    source: Source,
    mapper: Mapper,
    sink: Option<Sink>,
    /// The last part of the pointer to a webhook's id, to tell webhooks from contacts without parsing each line twice.
    id_pointer: String,
    trigger: Option<String>,
    country: Option<String>,
}

/// A line of the input.
struct Line {
    number: u64,
    bytes: Vec<u8>,
}

impl Translate {
    pub(super) async fn run(self) -> Result<(), Exit> {
        let filter = self.filter().await?;
        let (send, mut receive) = mpsc::channel(4 * BATCH);
        std::thread::spawn(move || read_lines(&send));
        let mut batch = Vec::with_capacity(BATCH);
        // What is there is taken together, and answered before more is waited for.
        while receive.recv_many(&mut batch, BATCH).await > 0 {
            filter.answer(std::mem::take(&mut batch)).await?;
        }
        Ok(())
    }

    async fn filter(self) -> Result<Filter, Exit> {
        let engine = app::engine(&Limits::default(), cache::of_user())?;
        let source = load(&engine, self.source.as_deref(), World::Source)?;
        let source = Source::new(&engine, source).map_err(anyhow::Error::from)?;
        let profile = source.describe().await.map_err(anyhow::Error::from)?;
        let settings = match &self.settings {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            None => String::new(),
        };
        let mapper = load(&engine, self.mapper.as_deref(), World::Mapper)?;
        let mapper = Mapper::new(&engine, mapper, settings).await.map_err(anyhow::Error::from)?;
        let sink = match self.wire.as_deref() {
            Some(name) => {
                Some(Sink::new(&engine, load(&engine, Some(name), World::Sink)?).map_err(anyhow::Error::from)?)
            }
            None => None,
        };
        let country = self.location_country.map(|country| country.to_ascii_uppercase());
        Ok(Filter { source, mapper, sink, id_pointer: profile.envelope.id, trigger: self.trigger, country })
    }
}

/// A component by name or file; without either, the built-in one of that world.
pub(super) fn load(engine: &Engine, wanted: Option<&str>, world: World) -> Result<Loaded, Exit> {
    let Some(wanted) = wanted else {
        for builtin in BUILTINS {
            let loaded = engine.load(builtin.name, builtin.bytes).map_err(anyhow::Error::from)?;
            if loaded.world == world {
                return Ok(loaded);
            }
        }
        return Err(Exit::Asked(format!("no {world} is built in")));
    };
    let loaded = match builtin(wanted) {
        Some(builtin) => engine.load(builtin.name, builtin.bytes),
        None => engine.load(
            wanted,
            &std::fs::read(wanted)
                .with_context(|| format!("{wanted} is no built-in component and no file that can be read"))?,
        ),
    };
    Ok(loaded.map_err(anyhow::Error::from)?)
}

fn read_lines(send: &mpsc::Sender<Line>) {
    let mut number = 0;
    for line in std::io::stdin().lock().split(b'\n') {
        number += 1;
        let bytes = match line {
            Ok(bytes) => bytes,
            Err(error) => {
                complain(number, &format!("the input broke off: {error}"));
                return;
            }
        };
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        if !blank && send.blocking_send(Line { number, bytes }).is_err() {
            return;
        }
    }
}

fn complain(line: u64, text: &str) {
    eprintln!("{}", json!({"line": line, "error": text}));
}

impl Filter {
    /// Answers a batch: one line of output or one complaint for each line of input, in order, flushed.
    async fn answer(&self, mut lines: Vec<Line>) -> Result<(), Exit> {
        lines.retain(|line| match serde_json::from_slice::<IgnoredAny>(&line.bytes) {
            Ok(_) => true,
            Err(error) => {
                complain(line.number, &format!("not JSON: {error}"));
                false
            }
        });
        let read = self.read(&lines).await?;
        let mut changes: Vec<Change> = read.iter().flatten().flatten().cloned().collect();
        let now = Clock::system().now_ms();
        for change in &mut changes {
            if change.country.is_none() {
                change.country.clone_from(&self.country);
            }
            // A contact that says of no time when it was made is told as of now.
            for at in [&mut change.occurred_at, &mut change.seen_at] {
                if *at == 0 {
                    *at = now;
                }
            }
        }
        let mut answers = translate_each(&self.mapper, &changes).await.into_iter();
        let mut out = std::io::stdout().lock();
        for (line, read) in lines.iter().zip(read) {
            let read = match read {
                Ok(changes) => changes,
                Err(text) => {
                    complain(line.number, &text);
                    continue;
                }
            };
            let (mut proposals, mut skip, mut fault) = (Vec::new(), None, None);
            for answer in answers.by_ref().take(read.len()) {
                match answer {
                    Ok(Ok(proposed)) => proposals.extend(proposed),
                    Ok(Err(skipped)) => skip = skip.or(Some(skipped)),
                    Err(broken) => fault = Some(broken.line()),
                }
            }
            if let Some(text) = fault {
                complain(line.number, &text);
                continue;
            }
            let id = self.id_of(line, &read);
            let written = match skip.filter(|_| proposals.is_empty()) {
                Some(skip) => {
                    let skip = json!({"code": skip_code(skip.code), "rule": skip.rule, "reason": skip.reason});
                    writeln!(out, "{}", json!({"id": id, "skip": skip}))
                }
                None => match self.effects(&proposals).await {
                    Ok(effects) => writeln!(out, "{{\"id\":{},\"effects\":{effects}}}", json!(id)),
                    Err(text) => {
                        complain(line.number, &text);
                        continue;
                    }
                },
            };
            written.map_err(unread)?;
        }
        out.flush().map_err(unread)
    }

    /// The lines as changes. A line that breaks the source is told apart by halving.
    async fn read(&self, lines: &[Line]) -> Result<Vec<Result<Vec<Change>, String>>, Exit> {
        let bodies: Vec<Vec<u8>> = lines.iter().map(|line| line.bytes.clone()).collect();
        match self.source.interpret(&alone(), self.trigger.as_deref(), &bodies).await {
            Ok(read) => Ok(read),
            Err(fault) if lines.len() <= 1 => Ok(lines.iter().map(|_| Err(fault.line())).collect()),
            Err(_) => {
                let (left, right) = lines.split_at(lines.len() / 2);
                let mut read = Box::pin(self.read(left)).await?;
                read.extend(Box::pin(self.read(right)).await?);
                Ok(read)
            }
        }
    }

    /// A JSON list: the effects, or the platform's event objects.
    async fn effects(&self, proposals: &[Proposal]) -> Result<String, String> {
        let Some(sink) = &self.sink else { return Ok(effects_json(proposals).to_string()) };
        let events: Vec<_> = proposals
            .iter()
            .filter_map(|proposal| match &proposal.effect {
                Effect::Convert(event) => Some(event.clone()),
                Effect::Audience(_) | Effect::Command(_) => None,
            })
            .collect();
        let destination = SinkDestination { id: "0".to_owned(), settings: String::new(), test_code: None };
        let texts = sink.encode(&destination, &events).await.map_err(|fault| fault.line())?;
        // What a guest calls JSON is looked at before it is printed as such.
        let sound = texts.iter().all(|text| !text.contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok());
        if sound {
            Ok(format!("[{}]", texts.join(",")))
        } else {
            Err("the sink gave an event that is not one line of JSON".to_owned())
        }
    }

    /// The webhook's id, or the contact's.
    fn id_of(&self, line: &Line, changes: &[Change]) -> Option<String> {
        let key = self.id_pointer.rsplit('/').next().unwrap_or_default();
        let may_be_webhook = memchr::memmem::find(&line.bytes, key.as_bytes()).is_some();
        let webhook = may_be_webhook.then(|| serde_json::from_slice::<Value>(&line.bytes).ok()).flatten();
        let webhook =
            webhook.and_then(|body| body.pointer(&self.id_pointer).and_then(Value::as_str).map(str::to_owned));
        webhook.or_else(|| changes.first().map(|change| change.contact.id.clone()))
    }
}
