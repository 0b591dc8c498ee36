//! The shipped templates, as tests see them.

use crate::settings::Settings;

/// Every template's name and text.
pub(crate) const TEMPLATES: [(&str, &str); 6] = [
    ("audience-by-tag", include_str!("../templates/audience-by-tag/mapping.toml")),
    ("contact-changes", include_str!("../templates/contact-changes/mapping.toml")),
    ("purchase-from-opportunity", include_str!("../templates/purchase-from-opportunity/mapping.toml")),
    ("stage-to-lead-events", include_str!("../templates/stage-to-lead-events/mapping.toml")),
    ("tag-rules", include_str!("../templates/tag-rules/mapping.toml")),
    ("task-on-lead", include_str!("../templates/task-on-lead/mapping.toml")),
];

#[test]
fn every_template_is_free_of_problems() {
    for (name, text) in TEMPLATES {
        if let Err(problems) = Settings::parse(text) {
            panic!("{name}: {problems:?}");
        }
    }
}
