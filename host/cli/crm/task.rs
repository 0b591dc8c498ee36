//! `convey crm task`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{Desk, Once, Sure, show, strange, task_value};
use crate::cli::output::Exit;
use crate::cli::written::moment;
use crate::clock::Millis;
use crate::contract::{CrmCommand, TaskDraft};
use crate::engine::{Answer, Query};

#[derive(Subcommand)]
pub(super) enum Task {
    /// List a contact's tasks
    List {
        /// The contact's id
        contact: String,
    },
    /// Show one task
    Get {
        #[command(flatten)]
        of: Of,
    },
    /// Make a task
    Create {
        /// The contact's id
        contact: String,
        /// What is to be done
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// When it is due, as in 2026-12-01T10:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        due: Millis,
        #[command(flatten)]
        more: More,
    },
    /// Change a task; what is left out is left alone
    Update {
        #[command(flatten)]
        of: Of,
        /// What is to be done
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// When it is due, as in 2026-12-01T10:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        due: Option<Millis>,
        #[command(flatten)]
        more: More,
    },
    /// Mark a task as completed
    Complete {
        #[command(flatten)]
        of: Of,
        /// Mark it as open again
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        once: Once,
    },
    /// Delete a task
    Delete {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Which task.
#[derive(Args)]
pub(super) struct Of {
    /// The contact's id
    contact: String,
    /// The task's id
    task: String,
}

/// What a task may have besides.
#[derive(Args)]
pub(super) struct More {
    /// More about it
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The user who shall do it, by id
    #[arg(long, value_name = "USER")]
    assignee: Option<String>,
    /// Whether it is done
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    once: Once,
}

/// How a task stands.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Status {
    /// It is to be done
    Open,
    /// It is done
    Completed,
}

impl Task {
    pub(super) async fn run(self, desk: Desk<'_>) -> Result<(), Exit> {
        let context = desk.context;
        let (contact, command, once, verb) = match self {
            Task::List { contact } => {
                return match desk.open().await?.ask(&Query::Tasks(contact)).await? {
                    Answer::Tasks(tasks) => {
                        let values: Vec<Value> = tasks.iter().map(task_value).collect();
                        context.print(&values, || show::tasks(&tasks))
                    }
                    _ => Err(strange()),
                };
            }
            Task::Get { of: Of { contact, task } } => {
                return match desk.open().await?.ask(&Query::Task((contact, task))).await? {
                    Answer::Task(task) => context.print(&task_value(&task), || show::task(&task)),
                    _ => Err(strange()),
                };
            }
            Task::Create { contact, title, due, more } => {
                let (draft, once) = more.draft(Some(title), Some(due));
                (contact, CrmCommand::CreateTask(draft), once, "made")
            }
            Task::Update { of, title, due, more } => {
                let (draft, once) = more.draft(title, due);
                let TaskDraft { title, body, due_at, completed, assignee } = &draft;
                if title.is_none() && body.is_none() && due_at.is_none() && completed.is_none() && assignee.is_none() {
                    return Err(Exit::Asked("say what the task shall have, as in --title TEXT".to_owned()));
                }
                (of.contact, CrmCommand::UpdateTask((of.task, draft)), once, "changed")
            }
            Task::Complete { of, undo, once } => {
                let verb = if undo { "open again" } else { "completed" };
                (of.contact, CrmCommand::CompleteTask((of.task, !undo)), once, verb)
            }
            Task::Delete { of, sure } => {
                context.agree(&format!("Delete task {} of contact {}?", of.task, of.contact), sure.yes)?;
                (of.contact, CrmCommand::DeleteTask(of.task), sure.once, "deleted")
            }
        };
        desk.write(&contact, command, once, ("task", verb)).await
    }
}

impl More {
    fn draft(self, title: Option<String>, due_at: Option<Millis>) -> (TaskDraft, Once) {
        let completed = self.status.map(|status| status == Status::Completed);
        (TaskDraft { title, body: self.body, due_at, completed, assignee: self.assignee }, self.once)
    }
}
