//! What a connection's settings ask of the host.

use crate::bindings::exports::convey::pipeline::contact_source::Needs;
use crate::settings::Settings;

/// What reading, polling and sweeping use, whatever the settings.
const ALWAYS: [&str; 10] = [
    "contact",
    "contacts",
    "catalogue.fields",
    "catalogue.pipelines",
    "catalogue.location",
    "task.search",
    "tasks",
    "notes",
    "appointments",
    "opportunities",
];

/// The operations in use and the requests they cost. A task whose webhook does not say whose it is costs a search of its own instead of a contact's.
pub fn needs(settings: &Settings) -> Needs {
    let enrich = settings.enrich;
    let beside = [enrich.tasks, enrich.notes, enrich.appointments].into_iter().map(u32::from).sum::<u32>();
    Needs {
        operations: ALWAYS.map(str::to_owned).to_vec(),
        per_contact: 1 + beside,
        // The contact, its tasks, notes, appointments and opportunities.
        per_swept: 5,
        per_page: 1,
        per_catalogue: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::operations;
    use crate::settings::parse;

    #[test]
    fn each_enrichment_costs_a_request() {
        let per_contact = |text: &str| parse(text).map(|settings| needs(&settings).per_contact);
        assert_eq!(per_contact(""), Ok(1));
        assert_eq!(per_contact("enrich = \"notes\""), Ok(2));
        assert_eq!(per_contact("enrich = \"tasks notes appointments\""), Ok(4));
    }

    #[test]
    fn what_is_needed_is_described() {
        let described: Vec<String> = operations().into_iter().map(|operation| operation.name).collect();
        for needed in needs(&Settings::default()).operations {
            assert!(described.contains(&needed), "{needed}");
        }
    }
}
