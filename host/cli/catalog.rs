//! `convey catalog`: every trigger, query and command, with the requests that serve it and the fields it has.

use serde::Serialize;

use super::output::{Exit, heads, table};
use super::translate::load;
use super::{Context, cache};
use crate::app::{self, Components, Consent};
use crate::config::{self, Limits};
use crate::contract::{COMMANDS, Operation, QUERIES, TRIGGERS};
use crate::engine::{Engine, Source, World};

const CONTACT: &[&str] = &[
    "id",
    "location",
    "business",
    "first_name",
    "last_name",
    "full_name",
    "emails",
    "phones",
    "gender",
    "date_of_birth",
    "street",
    "city",
    "state",
    "postal_code",
    "country",
    "tags",
    "custom_fields",
    "source",
    "consent",
    "first_touch",
    "last_touch",
    "created_at",
    "updated_at",
    "tasks",
    "notes",
    "appointments",
];
const CONTACT_DRAFT: &[&str] = &[
    "first_name",
    "last_name",
    "email",
    "phone",
    "city",
    "state",
    "postal_code",
    "country",
    "source",
    "custom_fields",
];
const TASK: &[&str] = &["id", "title", "body", "due_at", "completed", "assignee"];
const TASK_DRAFT: &[&str] = &["title", "body", "due_at", "completed", "assignee"];
const NOTE: &[&str] = &["id", "body", "created_at"];
const APPOINTMENT: &[&str] = &["id", "title", "status", "starts_at", "ends_at"];
const OPPORTUNITY: &[&str] = &["id", "name", "stage", "earlier", "status", "value"];
const TAG_DELTA: &[&str] = &["added", "removed"];
const CONSENT: &[&str] = &["do_not_disturb", "blocked_channels"];
const CONVERSION: &[&str] = &["event_type", "value", "currency", "external_id"];

/// The fields of what a name carries, as the contract's records have them; every trigger carries the contact as well.
const FIELDS: [(&str, &[&str]); 36] = [
    ("contact-created", CONTACT),
    ("contact-updated", CONTACT),
    ("contact-deleted", CONTACT),
    ("tags-changed", TAG_DELTA),
    ("consent-changed", CONSENT),
    ("task-created", TASK),
    ("task-completed", TASK),
    ("task-deleted", &["id"]),
    ("note-created", NOTE),
    ("note-updated", NOTE),
    ("note-deleted", &["id"]),
    ("appointment-changed", APPOINTMENT),
    ("opportunity-changed", OPPORTUNITY),
    ("conversion-reported", CONVERSION),
    ("contact", CONTACT),
    ("contacts", CONTACT),
    ("business-contacts", CONTACT),
    ("tasks", TASK),
    ("task", TASK),
    ("notes", NOTE),
    ("note", NOTE),
    ("appointments", APPOINTMENT),
    ("catalogue", &[]),
    ("create-contact", CONTACT_DRAFT),
    ("upsert-contact", CONTACT_DRAFT),
    ("update-contact", CONTACT_DRAFT),
    ("delete-contact", &[]),
    ("add-tags", &["tags"]),
    ("remove-tags", &["tags"]),
    ("create-task", TASK_DRAFT),
    ("update-task", TASK_DRAFT),
    ("complete-task", &["completed"]),
    ("delete-task", &[]),
    ("create-note", &["body"]),
    ("update-note", &["body"]),
    ("delete-note", &[]),
];

/// One thing that convey can be told, ask or do.
#[derive(Debug, PartialEq, Serialize)]
struct Entry {
    name: String,
    /// `trigger`, `query`, `command`; `reading` for a request that serves none of them.
    kind: &'static str,
    operations: Vec<Served>,
    fields: &'static [&'static str],
}

/// A request that serves it.
#[derive(Debug, PartialEq, Serialize)]
struct Served {
    source: String,
    name: String,
    method: String,
    path: String,
    scope: Option<String>,
}

pub(super) async fn run(context: &Context) -> Result<(), Exit> {
    let described = if context.config.exists() { configured(context).await? } else { built_in().await? };
    let entries = entries(&described);
    context.print(&entries, || text(&entries))
}

/// What the sources of the configuration ask for.
async fn configured(context: &Context) -> Result<Vec<(String, Vec<Operation>)>, Exit> {
    let config = config::load(&context.config)?;
    let engine = app::engine(&config.limits, cache::of_state(&config.state_dir))?;
    let components = Components::load(&engine, &config, Consent::Unasked).await?;
    Ok(components.sources.into_iter().map(|(name, ready)| (name, ready.profile.operations.clone())).collect())
}

/// What the built-in source asks for.
async fn built_in() -> Result<Vec<(String, Vec<Operation>)>, Exit> {
    let engine: Engine = app::engine(&Limits::default(), cache::of_user())?;
    let source = Source::new(&engine, load(&engine, None, World::Source)?).map_err(anyhow::Error::from)?;
    let profile = source.describe().await.map_err(anyhow::Error::from)?;
    Ok(vec![(profile.name, profile.operations)])
}

fn entries(described: &[(String, Vec<Operation>)]) -> Vec<Entry> {
    let kinds = [("trigger", TRIGGERS.as_slice()), ("query", QUERIES.as_slice()), ("command", COMMANDS.as_slice())];
    let known = kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, (*name).to_owned())));
    let mut named: Vec<(&'static str, String)> = known.collect();
    for (_, operations) in described {
        for operation in operations {
            let name = served(&operation.name);
            if !named.iter().any(|(_, known)| known == name) {
                named.push(("reading", name.to_owned()));
            }
        }
    }
    let entry = |(kind, name): (&'static str, String)| {
        let fields = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, fields)| *fields).unwrap_or_default();
        Entry { operations: serving(described, &name), kind, name, fields }
    };
    named.into_iter().map(entry).collect()
}

/// The name that an operation serves: `catalogue` for `catalogue.pipelines`.
fn served(operation: &str) -> &str {
    operation.split('.').next().unwrap_or(operation)
}

fn serving(described: &[(String, Vec<Operation>)], name: &str) -> Vec<Served> {
    let all = described.iter().flat_map(|(source, operations)| operations.iter().map(move |one| (source, one)));
    let serving = all.filter(|(_, operation)| served(&operation.name) == name);
    let row = |(source, operation): (&String, &Operation)| {
        let Operation { name, method, path, scope } = operation.clone();
        Served { source: source.clone(), name, method, path, scope }
    };
    serving.map(row).collect()
}

fn text(entries: &[Entry]) -> String {
    let mut rows = vec![heads(["kind", "name", "method", "path", "scope", "fields"])];
    for entry in entries {
        let mut head = [entry.kind.to_owned(), entry.name.clone(), entry.fields.join(" ")];
        if entry.operations.is_empty() {
            let [kind, name, fields] = head;
            rows.push(vec![kind, name, "-".to_owned(), "-".to_owned(), "-".to_owned(), fields]);
            continue;
        }
        for operation in &entry.operations {
            let scope = operation.scope.clone().unwrap_or_else(|| "-".to_owned());
            // The name stands once, beside the first of its requests.
            let [kind, name, fields] = std::mem::take(&mut head);
            rows.push(vec![kind, name, operation.method.clone(), operation.path.clone(), scope, fields]);
        }
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FIELDS, Operation, entries, text};
    use crate::contract::{COMMANDS, QUERIES, TRIGGERS};

    const TYPES: &str = include_str!("../../wit/types.wit");
    const SOURCE: &str = include_str!("../../wit/contact-source.wit");

    /// What stands in the braces after `head`, without comments.
    fn block(text: &str, head: &str) -> String {
        let start = text.find(&format!("{head} {{")).map(|at| at + head.len() + 2).expect("it is in the contract");
        let end = text[start..].find('}').expect("it ends") + start;
        text[start..end].lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
    }

    /// The names before a colon, a parenthesis or a comma, at the outermost level.
    fn outer(block: &str) -> Vec<String> {
        let (mut depth, mut names, mut name) = (0, vec![String::new()], true);
        for letter in block.chars() {
            match letter {
                '(' | '<' => (depth, name) = (depth + 1, false),
                ')' | '>' => depth -= 1,
                ':' => name = false,
                ',' if depth == 0 => {
                    names.push(String::new());
                    name = true;
                }
                letter if name && depth == 0 => names.last_mut().expect("never empty").push(letter),
                _ => {}
            }
        }
        names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn the_table_holds_every_case_of_the_contract() {
        let cases = [
            (block(TYPES, "variant trigger"), TRIGGERS.to_vec()),
            (block(SOURCE, "variant query"), QUERIES.to_vec()),
            (block(TYPES, "variant crm-command"), COMMANDS.to_vec()),
        ];
        let mut all = BTreeSet::new();
        for (block, listed) in cases {
            assert_eq!(outer(&block), listed);
            all.extend(listed);
        }
        assert_eq!(FIELDS.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn the_fields_are_those_of_the_contracts_records() {
        let records = [
            ("contact-created", "contact"),
            ("create-contact", "contact-draft"),
            ("task", "task"),
            ("create-task", "task-draft"),
            ("note", "note"),
            ("appointments", "appointment"),
            ("opportunity-changed", "opportunity"),
            ("tags-changed", "tag-delta"),
            ("consent-changed", "consent"),
            ("conversion-reported", "reported-conversion"),
        ];
        for (name, record) in records {
            let fields: Vec<String> =
                outer(&block(TYPES, &format!("record {record}"))).iter().map(|field| field.replace('-', "_")).collect();
            let held = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, fields)| fields.to_vec());
            assert_eq!(held.unwrap_or_default(), fields, "{record}");
        }
    }

    #[test]
    fn operations_stand_by_what_they_serve() {
        let operation = |name: &str, scope: &str| Operation {
            name: name.to_owned(),
            method: "GET".to_owned(),
            path: "/x".to_owned(),
            scope: Some(scope.to_owned()),
        };
        let operations =
            ["contact", "catalogue.fields", "catalogue.stages", "opportunities"].map(|name| operation(name, "read"));
        let entries = entries(&[("crm".to_owned(), operations.to_vec())]);
        assert_eq!(entries.len(), TRIGGERS.len() + QUERIES.len() + COMMANDS.len() + 1);
        let of = |name: &str| entries.iter().find(|entry| entry.name == name).expect("it is there");
        assert_eq!(of("catalogue").operations.len(), 2);
        assert_eq!((of("contact").kind, of("contact").operations.len()), ("query", 1));
        assert_eq!(of("opportunities").kind, "reading");
        assert!(of("contact-created").operations.is_empty());
        assert_eq!(text(&entries).lines().count(), 1 + entries.len() + 1);
    }
}
