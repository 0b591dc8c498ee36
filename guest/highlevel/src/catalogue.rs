//! A location's catalogue: what the ids of custom fields and stages mean, and what the location says of itself. Opaque to the host, which caches it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bindings::convey::pipeline::types::{Contact, FieldValue, Opportunity, Stage as TypedStage, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Subject;

mod fetch;

pub use fetch::fetch;

const VERSION: u32 = 1;
/// How long an id that the catalogue does not hold is not asked for again, ms: it may have been deleted for good.
const VAIN_MS: u64 = 10 * 60 * 1000;
/// Ids remembered as asked for in vain.
const VAIN: usize = 256;
/// How the names of a contact's custom fields begin in `contact-updated`.
const FIELD_PREFIX: &str = "custom-fields.";

/// The catalogue of one location.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalogue {
    v: u32,
    /// Custom fields of contacts by id.
    pub fields: BTreeMap<String, Field>,
    /// Pipelines with their stages.
    pub pipelines: Vec<Pipeline>,
    /// The location's country, two letters (ISO 3166-1).
    pub country: Option<String>,
    /// The location's currency, three letters (ISO 4217), where the API gives one.
    pub currency: Option<String>,
    /// The location's time zone by its name (IANA).
    pub time_zone: Option<String>,
    /// What could not be asked for: the scope that the token lacks, or the operation that was refused.
    pub missing: Vec<String>,
    /// Ids, and parts that are missing, asked for in vain, with the time (ms).
    vain: BTreeMap<String, u64>,
}

/// A custom field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    /// Its stable key, without `contact.`.
    pub key: String,
    /// Its name as people read it.
    pub name: Option<String>,
    /// Its type as the vendor spells it: `TEXT`, `NUMERICAL`, …
    pub kind: String,
}

/// A pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pipeline {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its stages in the order of their positions.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its place in the pipeline, from 0.
    pub position: Option<u32>,
}

/// Ids that something about to be told names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// Of custom fields.
    pub fields: Vec<String>,
    /// Of stages.
    pub stages: Vec<String>,
}

/// The catalogue that the host hands in; none where it has none, or another release's.
pub fn of(subject: &Subject) -> Option<Catalogue> {
    let catalogue: Catalogue = serde_json::from_slice(subject.catalogue.as_deref()?).ok()?;
    (catalogue.v == VERSION).then_some(catalogue)
}

/// JSON for people: without what is remembered for the next refresh.
pub fn text(catalogue: &Catalogue) -> String {
    let mut value = serde_json::to_value(catalogue).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("v");
        fields.remove("vain");
    }
    format!("{value:#}")
}

/// A contact with its custom fields by key, name and type; by id where the catalogue does not hold one.
pub fn resolved(mut contact: Contact, catalogue: Option<&Catalogue>) -> Contact {
    if let Some(catalogue) = catalogue {
        for field in &mut contact.custom_fields {
            if let Some(known) = catalogue.fields.get(&field.key) {
                field.key.clone_from(&known.key);
                field.name.clone_from(&known.name);
                field.value = typed(&known.kind, std::mem::replace(&mut field.value, FieldValue::Flag(false)));
            }
        }
    }
    contact
}

/// HighLevel, "Custom Fields": numbers and several choices come as text from forms and imports.
fn typed(kind: &str, value: FieldValue) -> FieldValue {
    match (kind, value) {
        ("NUMERICAL" | "MONETORY" | "MONETARY", FieldValue::Text(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => FieldValue::Number(number),
            _ => FieldValue::Text(text),
        },
        ("CHECKBOX" | "MULTIPLE_OPTIONS" | "TEXTBOX_LIST", FieldValue::Text(text)) => FieldValue::Many(vec![text]),
        (_, value) => value,
    }
}

impl Catalogue {
    /// As the host keeps it.
    pub fn save(&self) -> Vec<u8> {
        // Plain maps and lists always serialise; an empty catalogue reads as none.
        serde_json::to_vec(&Self { v: VERSION, ..self.clone() }).unwrap_or_default()
    }

    /// A trigger with names for the ids in it.
    pub fn resolve(&self, trigger: Trigger) -> Trigger {
        match trigger {
            Trigger::ContactUpdated(names) => {
                let mut names: Vec<String> = names.into_iter().map(|name| self.field_name(name)).collect();
                names.sort();
                Trigger::ContactUpdated(names)
            }
            Trigger::OpportunityChanged(opportunity) => Trigger::OpportunityChanged(Opportunity {
                stage: opportunity.stage.map(|stage| self.stage(stage)),
                earlier: opportunity.earlier.into_iter().map(|stage| self.stage(stage)).collect(),
                ..opportunity
            }),
            other => other,
        }
    }

    fn field_name(&self, name: String) -> String {
        let known = name.strip_prefix(FIELD_PREFIX).and_then(|id| self.fields.get(id));
        known.map_or(name, |field| format!("{FIELD_PREFIX}{}", field.key))
    }

    fn stage(&self, stage: TypedStage) -> TypedStage {
        let within = |pipeline: &&Pipeline| stage.pipeline_id.is_empty() || pipeline.id == stage.pipeline_id;
        let found = self.pipelines.iter().filter(within).find_map(|pipeline| {
            pipeline.stages.iter().find(|known| known.id == stage.id).map(|known| (pipeline, known))
        });
        let Some((pipeline, known)) = found else { return stage };
        TypedStage {
            pipeline_id: pipeline.id.clone(),
            pipeline: pipeline.name.clone(),
            id: stage.id,
            name: known.name.clone(),
            position: known.position,
        }
    }

    fn has_stage(&self, id: &str) -> bool {
        self.pipelines.iter().any(|pipeline| pipeline.stages.iter().any(|stage| stage.id == id))
    }

    /// Whether an id is named that the catalogue does not hold and that was not asked for in vain lately. `at` in ms.
    pub fn lacks(&self, named: &Named, at: u64) -> bool {
        let due = |name: &str| self.vain.get(name).is_none_or(|asked| at >= asked.saturating_add(VAIN_MS));
        let field = |id: &String| !self.fields.contains_key(id) && due(id);
        let stage = |id: &String| !self.has_stage(id) && due(id);
        (due(fetch::FIELDS) && named.fields.iter().any(field))
            || (due(fetch::PIPELINES) && named.stages.iter().any(stage))
    }

    /// The catalogue fetched to replace this one because of ids named: what it does not hold either was asked for in vain. `at` in ms.
    pub fn renewed(&self, mut fetched: Catalogue, named: &Named, at: u64) -> Catalogue {
        fetched.vain = self.vain.iter().filter(|(_, asked)| at < asked.saturating_add(VAIN_MS)).map(own).collect();
        let fields = named.fields.iter().filter(|id| !fetched.fields.contains_key(*id));
        let stages = named.stages.iter().filter(|id| !fetched.has_stage(id));
        let vain: Vec<String> = fields.chain(stages).cloned().chain(fetched.without()).collect();
        fetched.vain.extend(vain.into_iter().map(|name| (name, at)));
        while fetched.vain.len() > VAIN {
            fetched.vain.pop_first();
        }
        fetched
    }

    /// The parts that could not be asked for.
    fn without(&self) -> Vec<String> {
        let parts = fetch::PARTS
            .iter()
            .filter(|(part, scope)| self.missing.iter().any(|missing| missing == part || missing == scope));
        parts.map(|(part, _)| (*part).to_owned()).collect()
    }
}

fn own((name, at): (&String, &u64)) -> (String, u64) {
    (name.clone(), *at)
}

#[cfg(test)]
mod tests;
