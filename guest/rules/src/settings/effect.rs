//! What a rule asks for: an event, an audience, a command to the CRM.

use convey_sdk::normalise::currency::currency;
use convey_sdk::types::{ActionSource, Membership};

use super::Template;
use super::check::{Check, Value, list};
use super::place::hint;
use crate::expression::{Expression, Kind};

/// An amount.
#[derive(Clone, Debug, PartialEq)]
pub enum Worth {
    /// The same for every change.
    Fixed(f64),
    /// Worked out.
    Expression(Expression),
}

/// The event a rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRule {
    /// Its name.
    pub name: Template,
    /// Where the conversion took place, if this rule differs from the settings as a whole.
    pub action_source: Option<ActionSource>,
    /// What it was worth, if not what the change says.
    pub value: Option<Worth>,
    /// The currency, if not the change's.
    pub currency: Option<&'static str>,
    /// Custom data beside what every event has; the same key takes its place.
    pub data: Vec<(String, Datum)>,
    /// Whether it mirrors the event that the browser's pixel sent, and so carries its id.
    pub pixel: bool,
}

/// One entry of custom data.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A text, perhaps worked out; an expression alone keeps its kind.
    Text(Template),
    /// A number.
    Number(f64),
    /// A flag.
    Flag(bool),
}

/// The audience people join or leave.
#[derive(Clone, Debug, PartialEq)]
pub struct AudienceRule {
    /// The audience, as the destination knows it.
    pub audience: Template,
    /// In or out.
    pub membership: Membership,
}

/// What a rule writes to the CRM.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandRule {
    /// Tags the contact gets, those it has already left aside.
    AddTags(Vec<Template>),
    /// Tags the contact loses, those it does not have left aside.
    RemoveTags(Vec<Template>),
    /// A task for somebody.
    CreateTask(TaskRule),
    /// The change's own task is done, or is not.
    CompleteTask(bool),
    /// A note.
    CreateNote(Template),
}

/// The task a rule makes.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRule {
    /// What is to be done.
    pub title: Template,
    /// More about it.
    pub body: Option<Template>,
    /// How long after the change it is due, in milliseconds.
    pub due_in_ms: u64,
    /// The id of the user whose task it is.
    pub assignee: Option<String>,
}

/// What may stand in an event.
pub(super) const EVENT_KEYS: [&str; 6] = ["name", "action_source", "value", "currency", "data", "pixel"];
/// What may stand in an audience.
pub(super) const AUDIENCE_KEYS: [&str; 2] = ["join", "leave"];
/// What may stand in a command.
pub(super) const COMMAND_KEYS: [&str; 5] = ["add_tags", "remove_tags", "create_task", "complete_task", "create_note"];
/// What may stand in a task.
pub(super) const TASK_KEYS: [&str; 4] = ["title", "body", "due_in", "assignee"];

impl EventRule {
    /// Everything in it that is worked out.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let value = self.value.iter().filter_map(|value| match value {
            Worth::Expression(expression) => Some(expression),
            Worth::Fixed(_) => None,
        });
        let data = self.data.iter().filter_map(|(_, datum)| match datum {
            Datum::Text(template) => Some(template.expressions()),
            Datum::Number(_) | Datum::Flag(_) => None,
        });
        self.name.expressions().chain(value).chain(data.flatten())
    }
}

impl Check<'_> {
    /// An event's name, or a table with it.
    pub(super) fn event(&mut self, value: &Value<'_>) -> Option<EventRule> {
        let with =
            |name| EventRule { name, action_source: None, value: None, currency: None, data: Vec::new(), pixel: false };
        let Some(table) = value.get_ref().as_table() else {
            if value.get_ref().as_str().is_none() {
                self.mistyped(value, "an event's name or a table with one");
                return None;
            }
            return self.template(value).map(with);
        };
        let Some(named) = table.get("name") else {
            self.report(value.span(), "the event has no name".to_owned(), Some("add name = \"…\"".to_owned()));
            return None;
        };
        let mut event = self.template(named).map(with);
        // The other keys are looked at though the name is wrong: all problems at once.
        let mut nameless = with(Template { parts: Vec::new() });
        let told = event.as_mut().unwrap_or(&mut nameless);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => {}
                "action_source" => told.action_source = self.action_source(value),
                "value" => told.value = self.worth(value),
                "currency" => told.currency = self.known(value, currency, "an ISO 4217 currency code", "\"USD\""),
                "data" => told.data = self.data(value),
                "pixel" => told.pixel = self.flag(value).unwrap_or(false),
                stranger => self.stranger(key, stranger, "an event has no setting", &EVENT_KEYS),
            }
        }
        if told.name.plain() == Some("Purchase")
            && matches!(told.value, Some(Worth::Fixed(_)))
            && told.currency.is_none()
        {
            let message = "a Purchase of a fixed value names its currency".to_owned();
            self.report(value.span(), message, Some("add currency = \"USD\", say".to_owned()));
        }
        event
    }

    fn worth(&mut self, value: &Value<'_>) -> Option<Worth> {
        if let Some(number) = number(value) {
            if number.is_finite() && number >= 0.0 {
                return Some(Worth::Fixed(number));
            }
            self.report(value.span(), "an amount is not negative".to_owned(), None);
            return None;
        }
        let template = self.template(value)?;
        match template.alone() {
            Some(expression) if expression.kind.is_number() => Some(Worth::Expression(expression.clone())),
            Some(expression) => {
                let message = format!("an amount is a number; this gives {}", expression.kind.words());
                self.report(value.span(), message, None);
                None
            }
            None => {
                let message = "an amount is a number, or one expression in braces".to_owned();
                self.report(
                    value.span(),
                    message,
                    Some("value = 25.0 or value = \"{opportunity.value * 0.1}\"".to_owned()),
                );
                None
            }
        }
    }

    fn data(&mut self, value: &Value<'_>) -> Vec<(String, Datum)> {
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(value, "a table");
            return Vec::new();
        };
        let mut data = Vec::new();
        for (key, value) in table {
            let datum = match (number(value), value.get_ref().as_bool()) {
                (Some(number), _) => Some(Datum::Number(number)),
                (_, Some(flag)) => Some(Datum::Flag(flag)),
                _ => self.datum(value),
            };
            data.extend(datum.map(|datum| (key.get_ref().to_string(), datum)));
        }
        data
    }

    fn datum(&mut self, value: &Value<'_>) -> Option<Datum> {
        let template = self.template(value)?;
        if let Some(Kind::Record(_) | Kind::Nothing) = template.alone().map(|expression| &expression.kind) {
            self.report(value.span(), "custom data is a text, a number, true or false".to_owned(), None);
            return None;
        }
        Some(Datum::Text(template))
    }

    /// `{ join = "…" }` or `{ leave = "…" }`.
    pub(super) fn audience(&mut self, value: &Value<'_>) -> Option<AudienceRule> {
        let Some(table) = value.get_ref().as_table() else {
            self.report(
                value.span(),
                "an audience is joined or left".to_owned(),
                Some("audience = { join = \"…\" }".to_owned()),
            );
            return None;
        };
        let mut asked = None;
        for (key, value) in table {
            let membership = match key.get_ref().as_ref() {
                "join" => Membership::Join,
                "leave" => Membership::Leave,
                stranger => {
                    self.stranger(key, stranger, "an audience has no setting", &AUDIENCE_KEYS);
                    continue;
                }
            };
            asked = self.template(value).map(|audience| AudienceRule { audience, membership });
        }
        if table.len() != 1 {
            self.report(value.span(), "one of `join` and `leave` is wanted here".to_owned(), None);
        }
        asked
    }

    /// One command, by its name.
    pub(super) fn command(&mut self, value: &Value<'_>) -> Option<CommandRule> {
        let table = value.get_ref().as_table();
        let Some((table, (key, asked))) = table.and_then(|table| Some((table, table.iter().next()?))) else {
            let known = hint("", COMMAND_KEYS.into_iter());
            self.report(value.span(), "a command is a table with one of its names".to_owned(), Some(known));
            return None;
        };
        if table.len() != 1 {
            let message = "a rule gives one command".to_owned();
            self.report(value.span(), message, Some("make a second rule for the other".to_owned()));
        }
        match key.get_ref().as_ref() {
            "add_tags" => Some(CommandRule::AddTags(self.templates(asked))),
            "remove_tags" => Some(CommandRule::RemoveTags(self.templates(asked))),
            "create_task" => self.task(asked).map(CommandRule::CreateTask),
            "complete_task" => self.flag(asked).map(CommandRule::CompleteTask),
            "create_note" => self.template(asked).map(CommandRule::CreateNote),
            stranger => {
                self.stranger(key, stranger, "there is no command", &COMMAND_KEYS);
                None
            }
        }
    }

    fn templates(&mut self, value: &Value<'_>) -> Vec<Template> {
        list(value).into_iter().filter_map(|item| self.template(item)).collect()
    }

    fn task(&mut self, value: &Value<'_>) -> Option<TaskRule> {
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(value, "a table with a title");
            return None;
        };
        let (mut title, mut body, mut due_in_ms, mut assignee) = (None, None, 86_400_000, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "title" => title = self.template(value),
                "body" => body = self.template(value),
                "due_in" => {
                    due_in_ms =
                        self.known(value, span_ms, "a span of time", "\"2d\", \"4h\" or \"30m\"").unwrap_or(due_in_ms)
                }
                "assignee" => assignee = self.text(value).map(str::to_owned),
                stranger => self.stranger(key, stranger, "a task has no setting", &TASK_KEYS),
            }
        }
        if table.get("title").is_none() {
            self.report(value.span(), "the task has no title".to_owned(), Some("add title = \"…\"".to_owned()));
        }
        Some(TaskRule { title: title?, body, due_in_ms, assignee })
    }
}

fn number(value: &Value<'_>) -> Option<f64> {
    let integer =
        || value.get_ref().as_integer().and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok());
    let float = value.get_ref().as_float().and_then(|float| float.as_str().parse::<f64>().ok());
    float.or_else(|| integer().map(|integer| integer as f64))
}

/// `2d`, `4h`, `30m` in milliseconds.
fn span_ms(text: &str) -> Option<u64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "d" => 86_400_000,
        "h" => 3_600_000,
        "m" => 60_000,
        _ => return None,
    };
    // Ten years are enough for any task.
    count.parse::<u64>().ok()?.checked_mul(unit).filter(|span| *span <= 3_650 * 86_400_000)
}
