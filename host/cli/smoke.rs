//! `convey smoke`: writes to a location on purpose, looks whether it is there, and takes it back.

use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::desk::At;
use super::output::{Exit, table};
use crate::clock::Clock;
use crate::contract::{Contact, ContactDraft, CrmCommand, TaskDraft};
use crate::engine::{Answer, Query};
use crate::vault::random_hex;

/// The marked contact's name and the task's title.
const MARK: &str = "convey smoke test";
const TAG: &str = "convey-smoke-test";
const DAY_MS: u64 = 86_400_000;

#[derive(Args)]
pub(super) struct Smoke {
    /// The connection, with `access = "write"`; it may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Use this contact; without it one is made and deleted again
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
}

/// One step, as it went.
#[derive(Serialize)]
struct Step {
    step: &'static str,
    latency_ms: f64,
    ok: bool,
    error: Option<String>,
}

/// What stands in the CRM because of us, until it is taken back.
#[derive(Default)]
struct Made {
    contact: bool,
    tag: bool,
    task: Option<String>,
}

impl Made {
    /// What could not be taken back.
    fn left(&self, contact: &str) -> Vec<String> {
        if self.contact {
            return vec![format!("contact {contact}, called {MARK}")];
        }
        let task = self.task.as_ref().map(|task| format!("task {task} of contact {contact}"));
        let tag = self.tag.then(|| format!("tag {TAG} of contact {contact}"));
        task.into_iter().chain(tag).collect()
    }
}

struct Trial {
    at: At,
    /// Keys begin with it, so that two runs are never one.
    run: String,
    steps: Vec<Step>,
    made: Made,
}

impl Smoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let at = At::open(context, self.connection).await?;
        let run = format!("smoke-{}", random_hex(6).map_err(anyhow::Error::from)?);
        let mut trial = Trial { at, run, steps: Vec::new(), made: Made::default() };
        let mut contact = self.contact;
        // Once a step has failed there is nothing to learn from the next ones; what was made is taken back all the same.
        let well = trial.try_all(&mut contact).await.is_some();
        if let Some(contact) = &contact {
            trial.take_back(contact).await;
        }
        let left = trial.made.left(contact.as_deref().unwrap_or_default());
        let well = well && left.is_empty() && trial.steps.iter().all(|step| step.ok);
        let value = json!({
            "ok": well, "connection": trial.at.connection, "contact": contact, "steps": trial.steps, "left": left,
        });
        context.print(&value, || text(&trial.steps, &left))?;
        if well { Ok(()) } else { Err(Exit::Said) }
    }
}

impl Trial {
    /// Every step but taking back; `None` at the first that fails.
    async fn try_all(&mut self, contact: &mut Option<String>) -> Option<()> {
        let id = match contact {
            Some(id) => id.clone(),
            None => {
                let draft = ContactDraft {
                    first_name: Some("convey".to_owned()),
                    last_name: Some("smoke test".to_owned()),
                    // A domain that is nobody's (RFC 2606).
                    email: Some(format!("{}@example.com", self.run)),
                    source: Some(MARK.to_owned()),
                    ..nothing()
                };
                let done = self.write("make contact", None, CrmCommand::CreateContact(draft)).await?;
                let id = done["id"].as_str().unwrap_or_default().to_owned();
                self.made.contact = true;
                *contact = Some(id.clone());
                id
            }
        };
        let before = self.contact("read contact", &id, |_| Ok(())).await?;
        let had = before.tags.iter().any(|tag| tag.eq_ignore_ascii_case(TAG));
        self.write("add tag", Some(&id), CrmCommand::AddTags(vec![TAG.to_owned()])).await?;
        // A tag that was there before us stays there after us.
        self.made.tag = !had;
        let due = Clock::system().now_ms() + DAY_MS;
        let draft = TaskDraft {
            title: Some(MARK.to_owned()),
            body: None,
            due_at: Some(due),
            completed: Some(false),
            assignee: None,
        };
        let done = self.write("make task", Some(&id), CrmCommand::CreateTask(draft)).await?;
        let task = done["id"].as_str().unwrap_or_default().to_owned();
        self.made.task = Some(task.clone());
        self.contact("read tag", &id, |contact| {
            let there = contact.tags.iter().any(|tag| tag.eq_ignore_ascii_case(TAG));
            if there { Ok(()) } else { Err(format!("the contact does not have the tag {TAG}")) }
        })
        .await?;
        self.task("read task", &id, &task, false).await?;
        self.write("complete task", Some(&id), CrmCommand::CompleteTask((task.clone(), true))).await?;
        self.task("read completed task", &id, &task, true).await
    }

    /// Takes back what was made, the last first; each is tried whatever became of the others.
    async fn take_back(&mut self, contact: &str) {
        if let Some(task) = self.made.task.take()
            && self.write("delete task", Some(contact), CrmCommand::DeleteTask(task.clone())).await.is_none()
        {
            self.made.task = Some(task);
        }
        if self.made.tag {
            let command = CrmCommand::RemoveTags(vec![TAG.to_owned()]);
            self.made.tag = self.write("remove tag", Some(contact), command).await.is_none();
        }
        if self.made.contact {
            let gone = self.write("delete contact", Some(contact), CrmCommand::DeleteContact).await;
            if gone.is_some() {
                // With the contact goes all that hangs on it.
                self.made = Made::default();
            }
        }
    }

    async fn write(&mut self, step: &'static str, contact: Option<&str>, command: CrmCommand) -> Option<Value> {
        let (begun, key) = (Instant::now(), format!("{}-{}", self.run, self.steps.len()));
        let done = self.at.execute(contact, command, Some(key)).await;
        self.note(step, begun, done.map_err(|error| error.text()))
    }

    async fn contact(
        &mut self,
        step: &'static str,
        id: &str,
        judge: impl FnOnce(&Contact) -> Result<(), String>,
    ) -> Option<Contact> {
        let begun = Instant::now();
        let answer = self.at.ask(&Query::Contact(id.to_owned())).await;
        let contact = match answer {
            Ok(Answer::Contact(contact)) => judge(&contact).map(|()| contact),
            Ok(_) => Err("the source answered another question".to_owned()),
            Err(error) => Err(error.text()),
        };
        self.note(step, begun, contact)
    }

    async fn task(&mut self, step: &'static str, contact: &str, task: &str, completed: bool) -> Option<()> {
        let begun = Instant::now();
        let answer = self.at.ask(&Query::Task((contact.to_owned(), task.to_owned()))).await;
        let seen = match answer {
            Ok(Answer::Task(task)) if task.completed == completed => Ok(()),
            Ok(Answer::Task(_)) => Err("the task does not stand as it was written".to_owned()),
            Ok(_) => Err("the source answered another question".to_owned()),
            Err(error) => Err(error.text()),
        };
        self.note(step, begun, seen)
    }

    fn note<T>(&mut self, step: &'static str, begun: Instant, came: Result<T, String>) -> Option<T> {
        let latency_ms = (begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        let (came, error) = match came {
            Ok(came) => (Some(came), None),
            Err(error) => (None, Some(error)),
        };
        self.steps.push(Step { step, latency_ms, ok: came.is_some(), error });
        came
    }
}

fn nothing() -> ContactDraft {
    ContactDraft {
        first_name: None,
        last_name: None,
        email: None,
        phone: None,
        city: None,
        state: None,
        postal_code: None,
        country: None,
        source: None,
        custom_fields: Vec::new(),
    }
}

fn text(steps: &[Step], left: &[String]) -> String {
    let row = |step: &Step| {
        let verdict = if step.ok { "pass" } else { "FAIL" };
        vec![verdict.to_owned(), step.step.to_owned(), format!("{:.1} ms", step.latency_ms)]
    };
    let mut text = table(&steps.iter().map(row).collect::<Vec<_>>());
    for step in steps {
        if let Some(error) = &step.error {
            text.push_str(&format!("\n\n{}: {}", step.step, error.trim()));
        }
    }
    if !left.is_empty() {
        text.push_str(&format!("\n\nLeft behind, to be deleted by hand: {}", left.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Made, Step, text};

    #[test]
    fn what_is_left_is_named_once() {
        let task = Some("t".to_owned());
        assert_eq!(Made { contact: true, tag: true, task: task.clone() }.left("c").len(), 1);
        let left = Made { contact: false, tag: true, task }.left("c");
        assert_eq!(left, ["task t of contact c", "tag convey-smoke-test of contact c"]);
        assert!(Made::default().left("c").is_empty());
    }

    #[test]
    fn a_failed_step_says_why_and_what_is_left() {
        let step = |step, error: Option<&str>| Step {
            step,
            latency_ms: 1.25,
            ok: error.is_none(),
            error: error.map(str::to_owned),
        };
        let text = text(&[step("add tag", None), step("make task", Some("no"))], &["contact c".to_owned()]);
        assert!(text.contains("FAIL  make task") && text.contains("make task: no"), "{text}");
        assert!(text.ends_with("Left behind, to be deleted by hand: contact c"), "{text}");
    }
}
