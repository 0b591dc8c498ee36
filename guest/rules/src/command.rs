//! What is written back to the CRM. Nothing that is so already is asked for: a rule then neither repeats itself nor sets itself off.

use convey_sdk::types::{Contact, CrmCommand, Effect, Proposal, TaskDraft, Trigger};

use crate::expression::Facts;
use crate::settings::{CommandRule, Rule, Settings, TaskRule, Template};
use crate::translate::Refusal;

/// The command a rule asks for.
///
/// # Errors
/// When it is so already, or a text in it cannot be worked out.
pub fn proposal(facts: Facts<'_>, rule: &Rule, asked: &CommandRule, settings: &Settings) -> Result<Proposal, Refusal> {
    let contact = &facts.change.contact;
    if matches!(facts.change.trigger, Trigger::ContactDeleted) {
        return Err(Refusal::filtered("the contact is gone"));
    }
    let text = |template: &Template| {
        let text =
            template.text(&settings.language, facts).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::invalid("a text of the command is not known: a field in it has no value"))
    };
    let texts = |templates: &[Template]| templates.iter().map(text).collect::<Result<Vec<_>, _>>();
    let command = match asked {
        CommandRule::AddTags(tags) => {
            let tags: Vec<String> = texts(tags)?.into_iter().filter(|tag| !has_tag(contact, tag)).collect();
            if tags.is_empty() {
                return Err(Refusal::filtered("the contact has these tags already"));
            }
            CrmCommand::AddTags(tags)
        }
        CommandRule::RemoveTags(tags) => {
            let tags: Vec<String> = texts(tags)?.into_iter().filter(|tag| has_tag(contact, tag)).collect();
            if tags.is_empty() {
                return Err(Refusal::filtered("the contact has none of these tags"));
            }
            CrmCommand::RemoveTags(tags)
        }
        CommandRule::CreateTask(task) => CrmCommand::CreateTask(draft(facts, task, &text)?),
        CommandRule::CompleteTask(completed) => match &facts.change.trigger {
            Trigger::TaskCreated(task) | Trigger::TaskCompleted(task) if task.completed != *completed => {
                CrmCommand::CompleteTask((task.id.clone(), *completed))
            }
            _ => return Err(Refusal::filtered("the change has no task, or one that is so already")),
        },
        CommandRule::CreateNote(body) => CrmCommand::CreateNote(text(body)?),
    };
    Ok(Proposal { rule: rule.name.clone(), effect: Effect::Command(command), omitted: Vec::new() })
}

/// The CRM keeps tags in lower case, whatever is written.
fn has_tag(contact: &Contact, tag: &str) -> bool {
    contact.tags.iter().any(|known| known.trim().to_lowercase() == tag.to_lowercase())
}

fn draft(
    facts: Facts<'_>,
    task: &TaskRule,
    text: &impl Fn(&Template) -> Result<String, Refusal>,
) -> Result<TaskDraft, Refusal> {
    Ok(TaskDraft {
        title: Some(text(&task.title)?),
        body: task.body.as_ref().map(text).transpose()?,
        due_at: Some(facts.change.occurred_at.saturating_add(task.due_in_ms)),
        completed: Some(false),
        assignee: task.assignee.clone(),
    })
}
