//! The components a line passes, and what comes out of it.

use std::io::Write;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::complain;
use super::lines::Line;
use crate::cli::output::{Exit, unread};
use crate::clock::Clock;
use crate::contract::{Change, ConversionEvent, Effect, Proposal, Skip, skip_code};
use crate::engine::{Mapper, Sink, SinkDestination, Source};
use crate::flow::{alone, effects_json, translate_each};

/// The most items that cross the border in one call: what is in flight of so many fits into a processor's own cache.
pub(super) const BATCH: usize = 64;

/// The components a line passes.
pub(super) struct Filter {
    pub source: Source,
    pub mapper: Mapper,
    pub sink: Option<Sink>,
    /// Whether the sink is one of ours, whose JSON needs no second look.
    pub is_ours: bool,
    /// The pointer to a webhook's id, to tell webhooks from contacts without parsing each line twice.
    pub id_pointer: String,
    pub trigger: Option<String>,
    pub country: Option<String>,
}

/// What is to be said of one line.
enum Answer {
    Told(Vec<Proposal>),
    Skipped(Skip),
    Wrong(String),
}

impl Filter {
    /// Answers a batch: one line of output or one complaint for each line of input, in order, flushed.
    pub(super) async fn answer(&self, lines: Vec<Line>) -> Result<(), Exit> {
        let (numbers, bodies): (Vec<u64>, Vec<Vec<u8>>) =
            lines.into_iter().map(|line| (line.number, line.bytes)).unzip();
        let read = self.read(&bodies).await?;
        let mut ids = Vec::with_capacity(read.len());
        let mut counts = Vec::with_capacity(read.len());
        let mut changes = Vec::with_capacity(read.len());
        for (body, read) in bodies.iter().zip(read) {
            ids.push(read.as_ref().ok().and_then(|changes| self.id_of(body, changes)));
            counts.push(read.map(|of_line| {
                let count = of_line.len();
                changes.extend(of_line);
                count
            }));
        }
        self.complete(&mut changes);
        let mut translated = translate_each(&self.mapper, &changes).await.into_iter();
        let answers: Vec<Answer> = counts
            .into_iter()
            .zip(&bodies)
            .map(|(count, body)| match count {
                Ok(count) => together(translated.by_ref().take(count)),
                Err(refusal) => Answer::Wrong(not_json(body).unwrap_or(refusal)),
            })
            .collect();
        self.write(&numbers, &ids, answers).await
    }

    async fn write(&self, numbers: &[u64], ids: &[Option<String>], mut answers: Vec<Answer>) -> Result<(), Exit> {
        let mut wire = match &self.sink {
            Some(sink) => Some(encode_all(sink, self.is_ours, &mut answers).await.into_iter()),
            None => None,
        };
        let mut out = Vec::with_capacity(answers.len() * 1024);
        for ((number, id), answer) in numbers.iter().zip(ids).zip(answers) {
            match answer {
                Answer::Told(proposals) => {
                    let events = wire.as_mut().map(|wire| wire.next().unwrap_or_else(|| Ok(Vec::new())));
                    match events.transpose() {
                        Ok(events) => tell(&mut out, id.as_deref(), events.as_deref(), &proposals)?,
                        Err(text) => complain(*number, &text),
                    }
                }
                Answer::Skipped(skip) => {
                    let skip = json!({"code": skip_code(skip.code), "rule": skip.rule, "reason": skip.reason});
                    writeln!(out, "{}", json!({"id": id, "skip": skip})).map_err(unread)?;
                }
                Answer::Wrong(text) => complain(*number, &text),
            }
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&out).and_then(|()| stdout.flush()).map_err(unread)
    }

    /// The lines as changes. A line that breaks the source is told apart by halving.
    async fn read(&self, bodies: &[Vec<u8>]) -> Result<Vec<Result<Vec<Change>, String>>, Exit> {
        match self.source.interpret(&alone(), self.trigger.as_deref(), bodies).await {
            Ok(read) => Ok(read),
            Err(fault) if bodies.len() <= 1 => Ok(bodies.iter().map(|_| Err(fault.line())).collect()),
            Err(_) => {
                let (left, right) = bodies.split_at(bodies.len() / 2);
                let mut read = Box::pin(self.read(left)).await?;
                read.extend(Box::pin(self.read(right)).await?);
                Ok(read)
            }
        }
    }

    /// What the payload did not say.
    fn complete(&self, changes: &mut [Change]) {
        let now = Clock::system().now_ms();
        for change in changes {
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
    }

    /// The webhook's id, or the contact's.
    fn id_of(&self, body: &[u8], changes: &[Change]) -> Option<String> {
        let key = self.id_pointer.rsplit('/').next().unwrap_or_default();
        let may_be_webhook = memchr::memmem::find(body, key.as_bytes()).is_some();
        let webhook = may_be_webhook.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
        let webhook =
            webhook.and_then(|body| body.pointer(&self.id_pointer).and_then(Value::as_str).map(str::to_owned));
        webhook.or_else(|| changes.first().map(|change| change.contact.id.clone()))
    }
}

/// Writes the line of what is told: the platform's own `events`, or else the effects as `proposals` ask for them.
fn tell(out: &mut Vec<u8>, id: Option<&str>, events: Option<&[String]>, proposals: &[Proposal]) -> Result<(), Exit> {
    out.extend_from_slice(b"{\"id\":");
    serde_json::to_writer(&mut *out, &id).map_err(anyhow::Error::from)?;
    out.extend_from_slice(b",\"effects\":");
    match events {
        Some(events) => {
            out.push(b'[');
            for (at, event) in events.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                out.extend_from_slice(event.as_bytes());
            }
            out.push(b']');
        }
        None => serde_json::to_writer(&mut *out, &effects_json(proposals)).map_err(anyhow::Error::from)?,
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// What is wrong with a line that the source refused, if it is the line itself.
fn not_json(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<IgnoredAny>(body).err().map(|error| format!("not JSON: {error}"))
}

/// The answers to the changes of one line as one.
fn together(answers: impl Iterator<Item = Result<Result<Vec<Proposal>, Skip>, crate::engine::Fault>>) -> Answer {
    let (mut proposals, mut skip, mut fault) = (Vec::new(), None, None);
    for answer in answers {
        match answer {
            Ok(Ok(proposed)) => proposals.extend(proposed),
            Ok(Err(skipped)) => skip = skip.or(Some(skipped)),
            Err(broken) => fault = Some(broken.line()),
        }
    }
    match (fault, skip.filter(|_| proposals.is_empty())) {
        (Some(text), _) => Answer::Wrong(text),
        (None, Some(skip)) => Answer::Skipped(skip),
        (None, None) => Answer::Told(proposals),
    }
}

/// The platform's event objects of every line that is told. Their proposals are used up.
async fn encode_all(sink: &Sink, is_ours: bool, answers: &mut [Answer]) -> Vec<Result<Vec<String>, String>> {
    let (mut events, mut counts, mut lists) = (Vec::with_capacity(answers.len()), Vec::new(), Vec::new());
    for answer in answers {
        let Answer::Told(proposals) = answer else { continue };
        let before = events.len();
        events.extend(std::mem::take(proposals).into_iter().filter_map(|proposal| match proposal.effect {
            Effect::Convert(event) => Some(event),
            Effect::Audience(_) | Effect::Command(_) => None,
        }));
        counts.push(events.len() - before);
        if events.len() >= BATCH {
            lists.extend(encode(sink, is_ours, &events, &counts).await);
            events.clear();
            counts.clear();
        }
    }
    lists.extend(encode(sink, is_ours, &events, &counts).await);
    lists
}

/// Encodes the events of several lines; `counts` says how many are whose. A line that breaks the sink is told apart by halving.
async fn encode(
    sink: &Sink,
    is_ours: bool,
    events: &[ConversionEvent],
    counts: &[usize],
) -> Vec<Result<Vec<String>, String>> {
    if events.is_empty() {
        return counts.iter().map(|_| Ok(Vec::new())).collect();
    }
    let destination = SinkDestination { id: "0".to_owned(), settings: String::new(), test_code: None };
    match sink.encode(&destination, events).await {
        Ok(texts) => {
            let mut rest = texts.into_iter();
            counts.iter().map(|count| sound(rest.by_ref().take(*count).collect(), is_ours)).collect()
        }
        Err(fault) if counts.len() <= 1 => vec![Err(fault.line())],
        Err(_) => {
            let (left, right) = counts.split_at(counts.len() / 2);
            let (first, second) = events.split_at(left.iter().sum());
            let mut lists = Box::pin(encode(sink, is_ours, first, left)).await;
            lists.extend(Box::pin(encode(sink, is_ours, second, right)).await);
            lists
        }
    }
}

/// What a guest calls JSON is looked at before it is printed as such.
fn sound(texts: Vec<String>, is_ours: bool) -> Result<Vec<String>, String> {
    let is_line = |text: &String| !text.contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    if is_ours || texts.iter().all(is_line) {
        Ok(texts)
    } else {
        Err("the sink gave an event that is not one line of JSON".to_owned())
    }
}
