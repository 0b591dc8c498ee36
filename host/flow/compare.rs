//! How two answers to one change differ: effects that came, went or changed, each by its JSON path. Pure. No value is kept: a hash is the same or
//! different, and so is everything else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effects::effects_json;
use crate::contract::{Effect, Proposal, skip_code};
use crate::engine::{Fault, Translation};

/// How one answer differs from another. Empty: not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Effects that only the second has, by what they are: `convert Lead`.
    pub added: Vec<String>,
    /// Effects that only the first has.
    pub removed: Vec<String>,
    /// Where effects that both have differ.
    pub changed: Vec<Changed>,
    /// How saying something, nothing or breaking turned into another.
    pub turn: Option<Turn>,
}

/// One place in an effect that both have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Changed {
    /// The effect: `convert Lead`.
    pub effect: String,
    /// The place, as `convey translate` prints effects: `convert.user_data.emails`.
    pub path: String,
    /// What happened there.
    pub how: How,
}

/// What happened to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and not the same.
    Different,
}

/// How one kind of answer turned into another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// A skip of this code became effects.
    Spoke(String),
    /// Effects became a skip of this code.
    FellSilent(String),
    /// A skip became another: the codes, or who skips and why.
    OtherReason(String, String),
    /// The second breaks where the first does not.
    Broke,
    /// The first breaks where the second does not.
    Mended,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// In one line, for people.
    pub fn line(&self) -> String {
        let mut parts: Vec<String> = self.turn.iter().map(Turn::line).collect();
        parts.extend(self.added.iter().map(|effect| format!("{effect} is added")));
        parts.extend(self.removed.iter().map(|effect| format!("{effect} is missing")));
        parts.extend(self.changed.iter().map(|changed| format!("{} is {}", changed.path, changed.how.word())));
        parts.join(", ")
    }
}

impl How {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Removed => "missing",
            How::Different => "different",
        }
    }
}

impl Turn {
    /// In words.
    pub fn line(&self) -> String {
        match self {
            Turn::Spoke(code) => format!("the skip {code} became effects"),
            Turn::FellSilent(code) => format!("effects became the skip {code}"),
            Turn::OtherReason(first, second) if first == second => format!("the skip {first} has another reason"),
            Turn::OtherReason(first, second) => format!("the skip {first} became {second}"),
            Turn::Broke => "it breaks".to_owned(),
            Turn::Mended => "it breaks no more".to_owned(),
        }
    }
}

/// How `second` differs from `first`. Two that break are alike, however they do; the order of effects does not count.
pub fn difference(first: &Result<Translation, Fault>, second: &Result<Translation, Fault>) -> Difference {
    let turned = |turn| Difference { turn: Some(turn), ..Difference::default() };
    let (first, second) = match (first, second) {
        (Err(_), Err(_)) => return Difference::default(),
        (Ok(_), Err(_)) => return turned(Turn::Broke),
        (Err(_), Ok(_)) => return turned(Turn::Mended),
        (Ok(first), Ok(second)) if first == second => return Difference::default(),
        (Ok(first), Ok(second)) => (first, second),
    };
    match (first, second) {
        (Ok(first), Ok(second)) if first.is_empty() != second.is_empty() => {
            // Proposing nothing is a skip of the host's own.
            let none = "no-rule".to_owned();
            turned(if first.is_empty() { Turn::Spoke(none) } else { Turn::FellSilent(none) })
        }
        (Ok(first), Ok(second)) => of_effects(first, second),
        (Err(skip), Ok(_)) => turned(Turn::Spoke(skip_code(skip.code).to_owned())),
        (Ok(_), Err(skip)) => turned(Turn::FellSilent(skip_code(skip.code).to_owned())),
        (Err(first), Err(second)) => {
            let code = |skip: &crate::contract::Skip| skip_code(skip.code).to_owned();
            turned(Turn::OtherReason(code(first), code(second)))
        }
    }
}

/// The effects of both, paired: first those of one name, in order; then those of one rule and kind; what is left came or went.
fn of_effects(first: &[Proposal], second: &[Proposal]) -> Difference {
    let mut rest: Vec<&Proposal> = second.iter().collect();
    let mut pairs: Vec<(&Proposal, &Proposal)> = Vec::with_capacity(first.len());
    let mut alone: Vec<&Proposal> = first.iter().collect();
    type Same = fn(&Proposal, &Proposal) -> bool;
    let ways: [Same; 3] = [
        |one, other| one == other,
        |one, other| name(one) == name(other),
        |one, other| one.rule == other.rule && what(one) == what(other),
    ];
    for same in ways {
        alone.retain(|one| match rest.iter().position(|other| same(one, other)) {
            Some(at) => {
                pairs.push((one, rest.remove(at)));
                false
            }
            None => true,
        });
    }
    let mut difference = Difference {
        added: rest.into_iter().map(name).collect(),
        removed: alone.into_iter().map(name).collect(),
        ..Difference::default()
    };
    for (one, other) in pairs.into_iter().filter(|(one, other)| one != other) {
        let effect = name(one);
        let places = places(one, other).into_iter();
        difference.changed.extend(places.map(|(path, how)| Changed { effect: effect.clone(), path, how }));
    }
    difference.changed.sort();
    difference
}

/// What an effect is, and of which name.
fn name(proposal: &Proposal) -> String {
    match &proposal.effect {
        Effect::Convert(event) => format!("convert {}", event.name),
        Effect::Audience(change) => format!("audience {}", change.audience),
        Effect::Command(command) => {
            let name = match serde_json::to_value(command) {
                Ok(Value::String(name)) => name,
                Ok(Value::Object(fields)) => fields.into_iter().next().map(|(name, _)| name).unwrap_or_default(),
                _ => String::new(),
            };
            format!("command {name}")
        }
    }
}

fn what(proposal: &Proposal) -> u8 {
    match &proposal.effect {
        Effect::Convert(_) => 0,
        Effect::Audience(_) => 1,
        Effect::Command(_) => 2,
    }
}

/// The places in which two proposals differ.
fn places(one: &Proposal, other: &Proposal) -> Vec<(String, How)> {
    let (one, mut other) = (leaves(one), leaves(other));
    let mut found = Vec::new();
    for (path, value) in one {
        match other.remove(&path) {
            None => found.push((path, How::Removed)),
            Some(there) if there != value => found.push((path, How::Different)),
            Some(_) => {}
        }
    }
    found.extend(other.into_keys().map(|path| (path, How::Added)));
    found
}

/// Every value of a proposal by its path; a list of hashes is one value, and what was left out is known by its field.
fn leaves(proposal: &Proposal) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let Value::Array(effects) = effects_json(std::slice::from_ref(proposal)) else { return leaves };
    for (key, value) in effects
        .into_iter()
        .filter_map(|effect| match effect {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .flatten()
    {
        match (key.as_str(), value) {
            ("omitted", Value::Array(omitted)) => {
                for omission in omitted {
                    let field = omission["field"].as_str().unwrap_or_default();
                    leaves.insert(format!("omitted.{field}"), omission["reason"].clone());
                }
            }
            (_, value) => below(key, value, &mut leaves),
        }
    }
    leaves
}

fn below(path: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                below(format!("{path}.{key}"), value, leaves);
            }
        }
        value => drop(leaves.insert(path, value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{CustomValue, Hashed, Skip, SkipCode};

    fn event(name: &str) -> Proposal {
        let value = json!({
            "rule": "r", "omitted": [],
            "effect": {"Convert": {
                "id": "id", "name": name, "occurred_at": 1, "action_source": "SystemGenerated", "source_url": null,
                "user_data": {
                    "emails": [], "phones": [], "first_names": [], "last_names": [], "genders": [], "dates_of_birth": [],
                    "cities": [], "states": [], "postal_codes": [], "countries": [], "external_ids": [], "client_ip": null,
                    "user_agent": null, "fbc": null, "fbp": null, "lead_id": null,
                },
                "value": 5.0, "currency": "EUR", "custom_data": [], "limited_data_use": false,
            }},
        });
        serde_json::from_value(value).expect("a proposal")
    }

    fn with(mut proposal: Proposal, change: impl FnOnce(&mut crate::contract::ConversionEvent)) -> Proposal {
        if let Effect::Convert(event) = &mut proposal.effect {
            change(event);
        }
        proposal
    }

    fn skip(code: SkipCode) -> Result<Translation, Fault> {
        Ok(Err(Skip { code, rule: None, reason: "why".to_owned() }))
    }

    fn of(first: &[Proposal], second: &[Proposal]) -> Difference {
        difference(&Ok(Ok(first.to_vec())), &Ok(Ok(second.to_vec())))
    }

    #[test]
    fn five_known_differences_are_exactly_these() {
        let hash = |a| Hashed { a, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0 };
        let lead = with(event("Lead"), |event| event.user_data.emails = vec![hash(1)]);
        let first = [lead.clone(), event("Gone"), event("Same")];
        let second = [
            event("Same"),
            with(lead, |event| {
                event.user_data.emails = vec![hash(2)];
                event.value = None;
                event.custom_data = vec![("source".to_owned(), CustomValue::Text("ad".to_owned()))];
            }),
            Proposal { rule: "new".to_owned(), ..event("Came") },
        ];
        let second: Vec<Proposal> = second.into_iter().collect();
        let difference = of(&first, &second);
        let places: Vec<(&str, How)> =
            difference.changed.iter().map(|changed| (changed.path.as_str(), changed.how)).collect();
        let wanted = [
            ("convert.custom_data.source", How::Added),
            ("convert.user_data.emails", How::Different),
            ("convert.value", How::Removed),
        ];
        assert_eq!(places, wanted);
        assert_eq!(
            (difference.added, difference.removed),
            (vec!["convert Came".to_owned()], vec!["convert Gone".to_owned()])
        );
    }

    #[test]
    fn the_order_of_effects_does_not_count_and_a_new_name_under_one_rule_is_a_change() {
        assert!(of(&[event("A"), event("B")], &[event("B"), event("A")]).is_none());
        let renamed = of(&[event("A")], &[event("B")]);
        assert_eq!((renamed.changed.len(), renamed.changed[0].path.as_str()), (1, "convert.name"));
        assert!(renamed.added.is_empty() && renamed.removed.is_empty());
    }

    #[test]
    fn silence_and_speech_turn_into_each_other() {
        let spoke = Ok(Ok(vec![event("A")]));
        let turn = |first: &_, second: &_| difference(first, second).turn;
        assert_eq!(turn(&skip(SkipCode::NoRule), &spoke), Some(Turn::Spoke("no-rule".to_owned())));
        assert_eq!(turn(&spoke, &skip(SkipCode::NoRule)), Some(Turn::FellSilent("no-rule".to_owned())));
        assert_eq!(turn(&Ok(Ok(Vec::new())), &spoke), Some(Turn::Spoke("no-rule".to_owned())));
        assert_eq!(turn(&skip(SkipCode::NoRule), &skip(SkipCode::NoRule)), None);
        let broken = Err(Fault::contract("mapper", "translate", "it lies"));
        assert_eq!((turn(&spoke, &broken), turn(&broken, &spoke)), (Some(Turn::Broke), Some(Turn::Mended)));
        assert!(difference(&broken, &broken).is_none());
    }
}
