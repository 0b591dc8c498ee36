//! Every request this source may make, as HighLevel API v2 has it: paths to the letter, a trailing slash included.

use crate::bindings::convey::pipeline::types::Operation;
use crate::scope::{CONTACTS_READ, CONTACTS_WRITE, FIELDS, LOCATION, OPPORTUNITIES, TASKS};

/// Name, method, path, scope.
const OPERATIONS: [(&str, &str, &str, &str); 28] = [
    ("contact", "GET", "/contacts/{contact}", CONTACTS_READ),
    ("contacts", "POST", "/contacts/search", CONTACTS_READ),
    ("contacts.older", "GET", "/contacts/", CONTACTS_READ),
    ("business-contacts", "GET", "/contacts/business/{business}", CONTACTS_READ),
    ("tasks", "GET", "/contacts/{contact}/tasks", CONTACTS_READ),
    ("task", "GET", "/contacts/{contact}/tasks/{task}", CONTACTS_READ),
    ("notes", "GET", "/contacts/{contact}/notes", CONTACTS_READ),
    ("note", "GET", "/contacts/{contact}/notes/{note}", CONTACTS_READ),
    ("appointments", "GET", "/contacts/{contact}/appointments", CONTACTS_READ),
    ("catalogue.fields", "GET", "/locations/{location}/customFields", FIELDS),
    ("catalogue.pipelines", "GET", "/opportunities/pipelines", OPPORTUNITIES),
    ("catalogue.location", "GET", "/locations/{location}", LOCATION),
    ("task.search", "POST", "/locations/{location}/tasks/search", TASKS),
    ("opportunities", "GET", "/opportunities/search", OPPORTUNITIES),
    ("create-contact", "POST", "/contacts/", CONTACTS_WRITE),
    ("create-contact.duplicate", "GET", "/contacts/search/duplicate", CONTACTS_READ),
    ("upsert-contact", "POST", "/contacts/upsert", CONTACTS_WRITE),
    ("update-contact", "PUT", "/contacts/{contact}", CONTACTS_WRITE),
    ("delete-contact", "DELETE", "/contacts/{contact}", CONTACTS_WRITE),
    ("add-tags", "POST", "/contacts/{contact}/tags", CONTACTS_WRITE),
    ("remove-tags", "DELETE", "/contacts/{contact}/tags", CONTACTS_WRITE),
    ("create-task", "POST", "/contacts/{contact}/tasks", CONTACTS_WRITE),
    ("update-task", "PUT", "/contacts/{contact}/tasks/{task}", CONTACTS_WRITE),
    ("complete-task", "PUT", "/contacts/{contact}/tasks/{task}/completed", CONTACTS_WRITE),
    ("delete-task", "DELETE", "/contacts/{contact}/tasks/{task}", CONTACTS_WRITE),
    ("create-note", "POST", "/contacts/{contact}/notes", CONTACTS_WRITE),
    ("update-note", "PUT", "/contacts/{contact}/notes/{note}", CONTACTS_WRITE),
    ("delete-note", "DELETE", "/contacts/{contact}/notes/{note}", CONTACTS_WRITE),
];

/// The operations as the operator is asked to grant them.
pub fn operations() -> Vec<Operation> {
    let operation = |(name, method, path, scope): (&str, &str, &str, &str)| Operation {
        name: name.into(),
        method: method.into(),
        path: path.into(),
        scope: Some(scope.into()),
    };
    OPERATIONS.into_iter().map(operation).collect()
}

/// Every scope that an operation needs, each once.
pub fn scopes() -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for (_, _, _, scope) in OPERATIONS {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// Whether a request is one that the operator is asked to grant.
#[cfg(test)]
pub(crate) fn granted(call: &crate::call::Call) -> bool {
    let path = call.path.split('?').next().unwrap_or_default();
    let fits = |pattern: &str| {
        let same =
            |(wanted, given): (&str, &str)| if wanted.starts_with('{') { !given.is_empty() } else { wanted == given };
        pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(same)
    };
    OPERATIONS.iter().any(|(_, method, pattern, _)| *method == call.method.as_str() && fits(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_once_and_asked_for_once() {
        for (index, (name, method, path, _)) in OPERATIONS.iter().enumerate() {
            for (other, its_method, its_path, _) in &OPERATIONS[index + 1..] {
                assert_ne!(name, other);
                assert_ne!((method, path), (its_method, its_path));
            }
            assert!(path.starts_with('/') && !path.contains(['?', '%', '#']), "{path}");
        }
    }

    #[test]
    fn every_query_and_command_is_served() {
        for name in [
            "contact",
            "contacts",
            "business-contacts",
            "tasks",
            "task",
            "notes",
            "note",
            "appointments",
            "catalogue",
            "create-contact",
            "upsert-contact",
            "update-contact",
            "delete-contact",
            "add-tags",
            "remove-tags",
            "create-task",
            "update-task",
            "complete-task",
            "delete-task",
            "create-note",
            "update-note",
            "delete-note",
        ] {
            let serves =
                |served: &str| served == name || served.strip_prefix(name).is_some_and(|part| part.starts_with('.'));
            assert!(OPERATIONS.iter().any(|(served, ..)| serves(served)), "{name}");
        }
    }

    #[test]
    fn what_changes_nothing_needs_no_scope_to_write() {
        for (name, method, path, scope) in OPERATIONS {
            let reads = method == "GET" || path.ends_with("/search");
            assert_eq!(reads, scope != CONTACTS_WRITE, "{name}");
        }
    }
}
