//! The names conditions may use: every field of the contract a decision can rest on, how it is read, and what people call it instead.

use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{
    Appointment, Attribution, Change, Note, Opportunity, ReportedConversion, Stage, TagDelta, Task, Trigger,
};

use super::kind::Kind;
use super::record::{Shape, seconds};

/// What a name gives for a change.
#[derive(Clone, Copy, Debug)]
pub enum Field<'c> {
    /// Text.
    Text(&'c str),
    /// Number.
    Number(f64),
    /// Whole number; times are in seconds.
    Whole(i64),
    /// Flag.
    Flag(bool),
    /// Texts.
    Texts(&'c [String]),
    /// Tasks.
    Tasks(&'c [Task]),
    /// Notes.
    Notes(&'c [Note]),
    /// Appointments.
    Appointments(&'c [Appointment]),
}

/// How a name is read: from the change, seen as this fact of it.
pub type Read = for<'c> fn(&'c Change, TriggerKey) -> Option<Field<'c>>;

/// One name.
#[derive(Debug)]
pub struct Name {
    /// As it is written.
    pub path: &'static str,
    /// What it gives.
    pub kind: KindOf,
    /// What it is, in a few words.
    pub meaning: &'static str,
    /// How it is read.
    pub(super) read: Read,
}

/// The kind of a name, as a constant can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindOf {
    /// [`Kind::Text`].
    Text,
    /// [`Kind::Number`].
    Number,
    /// [`Kind::Whole`].
    Whole,
    /// [`Kind::Flag`].
    Flag,
    /// [`Kind::Time`].
    Time,
    /// A list of texts.
    Texts,
    /// A list of records.
    Records(Shape),
}

impl Name {
    /// What it gives.
    pub fn kind(&self) -> Kind {
        match self.kind {
            KindOf::Text => Kind::Text,
            KindOf::Number => Kind::Number,
            KindOf::Whole => Kind::Whole,
            KindOf::Flag => Kind::Flag,
            KindOf::Time => Kind::Time,
            KindOf::Texts => Kind::List(Box::new(Kind::Text)),
            KindOf::Records(shape) => Kind::List(Box::new(Kind::Record(shape))),
        }
    }

    /// The facts of a change that have it; none: every fact.
    pub fn facts(&self) -> Option<&'static [TriggerKey]> {
        use TriggerKey::*;
        Some(match self.path.split_once('.').map_or(self.path, |(object, _)| object) {
            "opportunity" | "stage" | "pipeline" => {
                &[OpportunityOpen, OpportunityWon, OpportunityLost, OpportunityAbandoned]
            }
            "reported" => &[ConversionReported],
            "tags" => &[TagAdded, TagRemoved],
            "task" => &[TaskCreated, TaskCompleted, TaskDeleted],
            "note" => &[NoteCreated, NoteUpdated, NoteDeleted],
            "appointment" => &[AppointmentChanged],
            "changed_fields" => &[ContactUpdated],
            "value" => &[OpportunityOpen, OpportunityWon, OpportunityLost, OpportunityAbandoned, ConversionReported],
            _ => return None,
        })
    }
}

const fn name(path: &'static str, kind: KindOf, meaning: &'static str, read: Read) -> Name {
    Name { path, kind, meaning, read }
}

fn text(text: &Option<String>) -> Option<Field<'_>> {
    text.as_deref().filter(|text| !text.trim().is_empty()).map(Field::Text)
}

fn time(millis: u64) -> Field<'static> {
    Field::Whole(seconds(millis))
}

fn opportunity(change: &Change) -> Option<&Opportunity> {
    match &change.trigger {
        Trigger::OpportunityChanged(opportunity) => Some(opportunity),
        _ => None,
    }
}

fn stage(change: &Change) -> Option<&Stage> {
    opportunity(change)?.stage.as_ref()
}

fn stage_name(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    text(&stage(change)?.name)
}

fn pipeline_name(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    text(&stage(change)?.pipeline)
}

fn reported(change: &Change) -> Option<&ReportedConversion> {
    match &change.trigger {
        Trigger::ConversionReported(reported) => Some(reported),
        _ => None,
    }
}

fn event_type(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    reported(change).map(|reported| Field::Text(&reported.event_type))
}

fn tags(change: &Change) -> Option<&TagDelta> {
    match &change.trigger {
        Trigger::TagsChanged(delta) => Some(delta),
        _ => None,
    }
}

fn task(change: &Change) -> Option<&Task> {
    match &change.trigger {
        Trigger::TaskCreated(task) | Trigger::TaskCompleted(task) => Some(task),
        _ => None,
    }
}

fn task_id(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    match &change.trigger {
        Trigger::TaskDeleted(id) => Some(Field::Text(id)),
        _ => task(change).map(|task| Field::Text(&task.id)),
    }
}

fn task_status(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    task(change).map(|task| Field::Text(if task.completed { "completed" } else { "incomplete" }))
}

fn note(change: &Change) -> Option<&Note> {
    match &change.trigger {
        Trigger::NoteCreated(note) | Trigger::NoteUpdated(note) => Some(note),
        _ => None,
    }
}

fn note_id(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    match &change.trigger {
        Trigger::NoteDeleted(id) => Some(Field::Text(id)),
        _ => note(change).map(|note| Field::Text(&note.id)),
    }
}

fn appointment(change: &Change) -> Option<&Appointment> {
    match &change.trigger {
        Trigger::AppointmentChanged(appointment) => Some(appointment),
        _ => None,
    }
}

fn status(change: &Change, fact: TriggerKey) -> Option<Field<'_>> {
    task_status(change, fact)
        .or_else(|| text(&opportunity(change)?.status))
        .or_else(|| text(&appointment(change)?.status))
}

fn value(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    let value = opportunity(change).and_then(|opportunity| opportunity.value);
    value.or_else(|| reported(change)?.value).map(Field::Number)
}

fn changed_tags(change: &Change, fact: TriggerKey) -> Option<Field<'_>> {
    let delta = tags(change)?;
    Some(Field::Texts(if fact == TriggerKey::TagRemoved { &delta.removed } else { &delta.added }))
}

fn changed_fields(change: &Change, _: TriggerKey) -> Option<Field<'_>> {
    match &change.trigger {
        Trigger::ContactUpdated(fields) => Some(Field::Texts(fields)),
        _ => None,
    }
}

/// The last touch, else the first.
fn touch<'c>(change: &'c Change, read: fn(&'c Attribution) -> Option<Field<'c>>) -> Option<Field<'c>> {
    [&change.contact.last_touch, &change.contact.first_touch].into_iter().flatten().find_map(read)
}

use KindOf::{Flag, Number, Records, Text, Texts, Time, Whole};

/// All names, in the order they are explained.
pub const NAMES: &[Name] = &[
    name("trigger", Text, "what happened, in the words of `on`", |_, fact| Some(Field::Text(fact.as_str()))),
    name("connection", Text, "the connection's name in the configuration", |c, _| Some(Field::Text(&c.connection))),
    name("change.id", Text, "the fact's own id", |c, _| Some(Field::Text(&c.id))),
    name("change.occurred_at", Time, "when it happened", |c, _| Some(time(c.occurred_at))),
    name("change.seen_at", Time, "when convey heard of it", |c, _| Some(time(c.seen_at))),
    name("location.id", Text, "the CRM's location", |c, _| Some(Field::Text(&c.contact.location))),
    name("location.country", Text, "the location's country", |c, _| text(&c.country)),
    name("location.currency", Text, "the location's currency", |c, _| text(&c.currency)),
    name("contact.id", Text, "the CRM's id of the person", |c, _| Some(Field::Text(&c.contact.id))),
    name("contact.location", Text, "the CRM's location", |c, _| Some(Field::Text(&c.contact.location))),
    name("contact.business", Text, "the id of the contact's business", |c, _| text(&c.contact.business)),
    name("contact.first_name", Text, "first name", |c, _| text(&c.contact.first_name)),
    name("contact.last_name", Text, "last name", |c, _| text(&c.contact.last_name)),
    name("contact.full_name", Text, "full name", |c, _| text(&c.contact.full_name)),
    name("contact.email", Text, "the first e-mail address", |c, _| c.contact.emails.first().map(|e| Field::Text(e))),
    name("contact.emails", Texts, "all e-mail addresses", |c, _| Some(Field::Texts(&c.contact.emails))),
    name("contact.phone", Text, "the first phone number", |c, _| c.contact.phones.first().map(|p| Field::Text(p))),
    name("contact.phones", Texts, "all phone numbers", |c, _| Some(Field::Texts(&c.contact.phones))),
    name("contact.gender", Text, "gender", |c, _| text(&c.contact.gender)),
    name("contact.date_of_birth", Text, "date of birth, as the CRM writes it", |c, _| text(&c.contact.date_of_birth)),
    name("contact.street", Text, "street", |c, _| text(&c.contact.street)),
    name("contact.city", Text, "city", |c, _| text(&c.contact.city)),
    name("contact.state", Text, "state", |c, _| text(&c.contact.state)),
    name("contact.postal_code", Text, "postal code", |c, _| text(&c.contact.postal_code)),
    name("contact.country", Text, "country", |c, _| text(&c.contact.country)),
    name("contact.source", Text, "where the CRM says the contact came from", |c, _| text(&c.contact.source)),
    name("contact.tags", Texts, "the contact's tags", |c, _| Some(Field::Texts(&c.contact.tags))),
    name("contact.do_not_disturb", Flag, "asked not to be disturbed on any channel", |c, _| {
        Some(Field::Flag(c.contact.consent.do_not_disturb))
    }),
    name("contact.blocked_channels", Texts, "channels the contact is not to be disturbed on", |c, _| {
        Some(Field::Texts(&c.contact.consent.blocked_channels))
    }),
    name("contact.created_at", Time, "when the contact came to be", |c, _| c.contact.created_at.map(time)),
    name("contact.updated_at", Time, "when the contact last changed", |c, _| c.contact.updated_at.map(time)),
    name("contact.tasks", Records(Shape::Task), "the contact's tasks, where the source fetches them", |c, _| {
        Some(Field::Tasks(&c.contact.tasks))
    }),
    name("contact.notes", Records(Shape::Note), "the contact's notes, where the source fetches them", |c, _| {
        Some(Field::Notes(&c.contact.notes))
    }),
    name(
        "contact.appointments",
        Records(Shape::Appointment),
        "the contact's appointments, where the source fetches them",
        |c, _| Some(Field::Appointments(&c.contact.appointments)),
    ),
    name("click.id", Text, "the ad click's fbclid, last touch before first", |c, _| touch(c, |t| text(&t.fbclid))),
    name("click.at", Time, "when the ad was clicked", |c, _| touch(c, |t| t.clicked_at.map(time))),
    name("click.url", Text, "the page the person came to", |c, _| touch(c, |t| text(&t.url))),
    name("click.referrer", Text, "the page the person came from", |c, _| touch(c, |t| text(&t.referrer))),
    name("click.campaign", Text, "the campaign", |c, _| touch(c, |t| text(&t.campaign))),
    name("click.lead_id", Text, "the Lead Ads lead's id", |c, _| touch(c, |t| text(&t.lead_id))),
    name("changed_fields", Texts, "which fields of the contact changed", changed_fields),
    name("tags.added", Texts, "tags the contact got", |c, _| tags(c).map(|delta| Field::Texts(&delta.added))),
    name("tags.removed", Texts, "tags the contact lost", |c, _| tags(c).map(|delta| Field::Texts(&delta.removed))),
    name("tags.changed", Texts, "tags got in `tag-added`, lost in `tag-removed`", changed_tags),
    name("task.id", Text, "the task's id", task_id),
    name("task.title", Text, "the task's title", |c, _| task(c).map(|task| Field::Text(&task.title))),
    name("task.body", Text, "the task's text", |c, _| text(&task(c)?.body)),
    name("task.due_at", Time, "when the task is due", |c, _| task(c)?.due_at.map(time)),
    name("task.completed", Flag, "the task is done", |c, _| task(c).map(|task| Field::Flag(task.completed))),
    name("task.status", Text, "completed or incomplete", task_status),
    name("task.assignee", Text, "whose task it is", |c, _| text(&task(c)?.assignee)),
    name("note.id", Text, "the note's id", note_id),
    name("note.body", Text, "the note's text", |c, _| note(c).map(|note| Field::Text(&note.body))),
    name("note.created_at", Time, "when the note was made", |c, _| note(c)?.created_at.map(time)),
    name("appointment.id", Text, "the appointment's id", |c, _| appointment(c).map(|a| Field::Text(&a.id))),
    name("appointment.title", Text, "the appointment's title", |c, _| text(&appointment(c)?.title)),
    name("appointment.status", Text, "the appointment's status", |c, _| text(&appointment(c)?.status)),
    name("appointment.starts_at", Time, "when it starts", |c, _| appointment(c)?.starts_at.map(time)),
    name("appointment.ends_at", Time, "when it ends", |c, _| appointment(c)?.ends_at.map(time)),
    name("opportunity.id", Text, "the opportunity's id", |c, _| opportunity(c).map(|o| Field::Text(&o.id))),
    name("opportunity.name", Text, "the opportunity's name", |c, _| text(&opportunity(c)?.name)),
    name("opportunity.status", Text, "open, won, lost or abandoned", |c, _| text(&opportunity(c)?.status)),
    name("opportunity.value", Number, "what it is worth", |c, _| opportunity(c)?.value.map(Field::Number)),
    name("opportunity.stage", Text, "the name of its stage", stage_name),
    name("opportunity.pipeline", Text, "the name of its pipeline", pipeline_name),
    name("stage.id", Text, "the stage's id", |c, _| stage(c).map(|stage| Field::Text(&stage.id))),
    name("stage.name", Text, "the stage's name", stage_name),
    name("stage.position", Whole, "the stage's place in its pipeline, from 0", |c, _| {
        stage(c)?.position.map(|position| Field::Whole(i64::from(position)))
    }),
    name("pipeline.id", Text, "the pipeline's id", |c, _| stage(c).map(|stage| Field::Text(&stage.pipeline_id))),
    name("pipeline.name", Text, "the pipeline's name", pipeline_name),
    name("reported.event_type", Text, "the reported conversion's type", event_type),
    name("reported.value", Number, "its value", |c, _| reported(c)?.value.map(Field::Number)),
    name("reported.currency", Text, "its currency", |c, _| text(&reported(c)?.currency)),
    name("reported.external_id", Text, "its id where it was reported", |c, _| text(&reported(c)?.external_id)),
    name("value", Number, "the opportunity's or the reported conversion's value", value),
    name("status", Text, "the task's, opportunity's or appointment's status", status),
];

/// Aliases that are our own short forms, worth no remark.
pub(super) const SHORT: [&str; 3] = ["stage", "pipeline", "reported"];

/// What people call a name, and the name.
const ALIASES: &[(&str, &str)] = &[
    ("stage", "stage.name"),
    ("pipeline", "pipeline.name"),
    ("reported", "reported.event_type"),
    ("opportunity.stage.name", "stage.name"),
    ("opportunity.pipeline.name", "pipeline.name"),
    ("opportunity.monetary_value", "opportunity.value"),
    ("monetary_value", "opportunity.value"),
    ("opportunity.stage_id", "stage.id"),
    ("opportunity.pipeline_id", "pipeline.id"),
    ("contact_id", "contact.id"),
    ("contact.contact_id", "contact.id"),
    ("business_id", "contact.business"),
    ("contact.business_id", "contact.business"),
    ("location_id", "location.id"),
    ("contact.name", "contact.full_name"),
    ("contact.dnd", "contact.do_not_disturb"),
    ("contact.last_updated", "contact.updated_at"),
    ("contact.date_updated", "contact.updated_at"),
    ("contact.date_added", "contact.created_at"),
    ("last_updated", "contact.updated_at"),
    ("date_updated", "contact.updated_at"),
    ("date_added", "contact.created_at"),
    ("timestamp", "change.occurred_at"),
    ("event_type", "reported.event_type"),
    ("task_id", "task.id"),
    ("due_date", "task.due_at"),
    ("task.due_date", "task.due_at"),
    ("tag_name", "tags.changed"),
    ("tag.name", "tags.changed"),
    ("email", "contact.email"),
    ("phone", "contact.phone"),
    ("tags", "contact.tags"),
];

/// The name that is written so, and whether it goes by another: `lastUpdated` is `contact.updated_at`.
pub(super) fn find(path: &str) -> Option<(&'static Name, bool)> {
    if let Some(name) = NAMES.iter().find(|name| name.path == path) {
        return Some((name, false));
    }
    let snake = snake(path);
    let meant = ALIASES.iter().find(|(alias, _)| *alias == snake).map_or(snake.as_str(), |(_, meant)| meant);
    NAMES.iter().find(|name| name.path == meant).map(|name| (name, !SHORT.contains(&path)))
}

/// Whether names begin with this.
pub(super) fn is_object(word: &str) -> bool {
    let word = snake(word);
    NAMES.iter().any(|name| name.path.split_once('.').is_some_and(|(object, _)| object == word))
}

/// `firstName` as `first_name`.
pub(super) fn snake(word: &str) -> String {
    let mut snake = String::with_capacity(word.len() + 4);
    for c in word.chars() {
        if c.is_ascii_uppercase() {
            if !snake.is_empty() && !snake.ends_with(['_', '.']) {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_means_a_name_and_no_name_stands_twice() {
        for (alias, meant) in ALIASES {
            assert!(NAMES.iter().any(|name| name.path == *meant), "{alias} means {meant}, which is no name");
            assert!(NAMES.iter().all(|name| name.path != *alias), "{alias} is a name itself");
        }
        for (index, name) in NAMES.iter().enumerate() {
            assert!(NAMES[..index].iter().all(|earlier| earlier.path != name.path), "{} stands twice", name.path);
        }
    }

    #[test]
    fn every_name_is_explained_in_the_guide() {
        let guide = include_str!("../../../../docs/mapping.md");
        for name in NAMES {
            assert!(guide.contains(&format!("| `{}` | ", name.path)), "{} is missing", name.path);
            assert!(guide.contains(name.meaning), "{}: {}", name.path, name.meaning);
        }
    }

    #[test]
    fn people_may_write_their_own_words() {
        for (written, meant) in [
            ("lastUpdated", "contact.updated_at"),
            ("contact.firstName", "contact.first_name"),
            ("task.dueDate", "task.due_at"),
            ("tagName", "tags.changed"),
            ("status", "status"),
            ("stage", "stage.name"),
        ] {
            assert_eq!(find(written).map(|(name, _)| name.path), Some(meant), "{written}");
        }
        assert!(find("contact.shoe_size").is_none());
        assert_eq!((find("lastUpdated").map(|f| f.1), find("stage").map(|f| f.1)), (Some(true), Some(false)));
    }
}
