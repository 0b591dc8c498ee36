//! What a mapper would say of changes: nothing is sent, nothing is stored. It translates as the live step does, so that what it shows is what would go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effects::effects_json;
use super::prepare::{self, Candidate};
use super::quality::{Quality, Remedy, quality};
use super::variants::{Overlays, Variants, translate_by};
use super::{Flow, PrepareError, SwapError};
use crate::clock::Millis;
use crate::contract::types::TagDelta;
use crate::contract::{Change, Contact, Effect, Proposal, Trigger, kind, skip_code};
use crate::engine::{Engine, Fault, Translation};

/// What a mapper would say of some changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// One a change, in their order.
    pub rows: Vec<Row>,
    /// All of them together.
    pub totals: Totals,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The change's id.
    pub change: String,
    /// The contact's id.
    pub contact: String,
    /// The connection it happened in.
    pub connection: String,
    /// What kind of change.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Millis,
    /// What would be said, as `convey translate` prints it.
    pub effects: Value,
    /// One an effect: how well the person may be found. None where an effect names nobody.
    pub quality: Vec<Option<Quality>>,
    /// Why nothing would be said.
    pub left_out: Option<LeftOut>,
    /// How the mapper breaks on it.
    pub fault: Option<String>,
}

/// Why nothing is said of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The skip's code.
    pub code: String,
    /// The rule that said so.
    pub rule: Option<String>,
    /// In words.
    pub reason: String,
}

/// A preview in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Changes looked at.
    pub changes: usize,
    /// Changes of which something would be said.
    pub told: usize,
    /// Events that would be sent to each destination.
    pub events: usize,
    /// Audience changes asked for.
    pub audience_changes: usize,
    /// CRM commands asked for.
    pub commands: usize,
    /// Changes of which nothing would be said, by the skip's code.
    pub left_out: BTreeMap<String, usize>,
    /// Changes the mapper breaks on.
    pub broken: usize,
    /// Values that were left out, by field.
    pub omitted: BTreeMap<String, usize>,
    /// The mean of the estimates, 0 to 10; none without any.
    pub mean_estimate: Option<f64>,
    /// The one field that would help most.
    pub would_help: Option<Help>,
}

/// What one field would bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Help {
    /// The field.
    pub field: String,
    /// By how much the mean of the estimates would rise.
    pub gain: f64,
    /// Effects for which the CRM has it already.
    pub mend: usize,
    /// Effects for which nobody has asked for it.
    pub collect: usize,
}

/// What a candidate would say of `changes`, each by the overlay of its connection. Its settings' mistakes are found; nothing else of it is tried.
///
/// # Errors
/// Why it does not load, or what is wrong with its settings or an overlay.
pub async fn preview_of(
    engine: &Engine,
    candidate: Candidate,
    overlays: &Overlays,
    changes: &[Change],
) -> Result<Preview, PrepareError> {
    let (mapper, _) = prepare::ready(engine, candidate).await?;
    let mut variants = Variants::new(engine, Arc::new(mapper));
    variants.lay_all(overlays).await?;
    let answers = translate_by(overlays, changes, |overlay| variants.of(overlay)).await;
    let rows: Vec<Row> = changes.iter().zip(answers).map(|(change, answer)| row(change, answer)).collect();
    Ok(Preview { totals: totals(&rows), rows })
}

impl Flow {
    /// What a candidate would say of the last changes that are stored, the newest first: of one connection, or of all that the mapper's name translates for.
    ///
    /// # Errors
    /// As [`preview_of`] has it, and the store's.
    pub async fn preview(
        &self,
        mapper: &str,
        candidate: Candidate,
        connection: Option<&str>,
        last: usize,
    ) -> Result<Preview, SwapError> {
        let plan = self.plan();
        let connections: Vec<String> = match connection {
            Some(name) => vec![name.to_owned()],
            None => plan
                .connections
                .values()
                .filter(|known| known.mapper == mapper)
                .map(|known| known.name.clone())
                .collect(),
        };
        let mut stored = Vec::new();
        for name in connections {
            stored.extend(self.store.recent_changes_of(&name, last).await?);
        }
        stored.sort_by_key(|change| std::cmp::Reverse(change.row));
        stored.truncate(last);
        let read = stored.iter().filter_map(|stored| serde_json::from_slice(&stored.bytes).ok());
        let changes: Vec<Change> = read.collect();
        Ok(preview_of(self.engine(), candidate, &plan.overlays(mapper), &changes).await?)
    }
}

/// A contact as changes that might have been: it came to be, and got the tags it has. Their ids are nobody's.
pub fn supposed(
    contact: &Contact,
    connection: &str,
    (country, currency): (Option<&str>, Option<&str>),
    now: Millis,
) -> Vec<Change> {
    let at = contact.created_at.unwrap_or(now);
    let tags = TagDelta { added: contact.tags.clone(), removed: Vec::new() };
    let mut triggers = vec![Trigger::ContactCreated];
    if !contact.tags.is_empty() {
        triggers.push(Trigger::TagsChanged(tags));
    }
    let change = |trigger: Trigger| Change {
        id: format!("supposed.{}.{}", contact.id, kind(&trigger)),
        connection: connection.to_owned(),
        occurred_at: at,
        seen_at: now,
        country: country.map(str::to_owned),
        currency: currency.map(str::to_owned),
        trigger,
        contact: contact.clone(),
    };
    triggers.into_iter().map(change).collect()
}

impl Preview {
    /// With one row for a contact of which several changes were supposed: those that a rule speaks of, else the first.
    pub fn of_supposed(mut self) -> Self {
        let speaks = |row: &Row| row.left_out.as_ref().is_none_or(|left_out| left_out.code != "no-rule");
        let spoken: Vec<String> = self.rows.iter().filter(|row| speaks(row)).map(|row| row.contact.clone()).collect();
        let mut seen: Vec<String> = Vec::new();
        self.rows.retain(|row| {
            let first = !seen.contains(&row.contact);
            if first {
                seen.push(row.contact.clone());
            }
            if spoken.contains(&row.contact) { speaks(row) } else { first }
        });
        self.totals = totals(&self.rows);
        self
    }
}

impl Preview {
    /// With at most so many rows, of every kind of change as evenly as there are; their order stays.
    pub fn spread(mut self, most: usize) -> Self {
        let mut of_kind: BTreeMap<String, usize> = BTreeMap::new();
        let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(self.rows.len());
        for (at, row) in self.rows.iter().enumerate() {
            let seen = of_kind.entry(row.kind.clone()).or_default();
            ranked.push((*seen, at));
            *seen += 1;
        }
        ranked.sort_unstable();
        let mut kept: Vec<usize> = ranked.into_iter().take(most).map(|(_, at)| at).collect();
        kept.sort_unstable();
        let kept = kept.into_iter().map(|at| self.rows[at].clone());
        self.rows = kept.collect();
        self.totals = totals(&self.rows);
        self
    }
}

fn row(change: &Change, answer: Result<Translation, Fault>) -> Row {
    let (proposals, left_out, fault) = match answer {
        Ok(Ok(proposals)) if proposals.is_empty() => {
            let reason = "the mapper proposes nothing".to_owned();
            (proposals, Some(LeftOut { code: "no-rule".to_owned(), rule: None, reason }), None)
        }
        Ok(Ok(proposals)) => (proposals, None, None),
        Ok(Err(skip)) => {
            let left_out = LeftOut { code: skip_code(skip.code).to_owned(), rule: skip.rule, reason: skip.reason };
            (Vec::new(), Some(left_out), None)
        }
        Err(fault) => (Vec::new(), None, Some(fault.line())),
    };
    let judged = |proposal: &Proposal| {
        let told = match &proposal.effect {
            Effect::Convert(event) => &event.user_data,
            Effect::Audience(change) => &change.user_data,
            Effect::Command(_) => return None,
        };
        Some(quality(told, &change.contact, &proposal.omitted))
    };
    Row {
        change: change.id.clone(),
        contact: change.contact.id.clone(),
        connection: change.connection.clone(),
        kind: kind(&change.trigger).to_owned(),
        occurred_at: change.occurred_at,
        effects: effects_json(&proposals),
        quality: proposals.iter().map(judged).collect(),
        left_out,
        fault,
    }
}

fn totals(rows: &[Row]) -> Totals {
    let effects = || rows.iter().flat_map(|row| row.effects.as_array().into_iter().flatten());
    let of_kind = |kind: &str| effects().filter(|effect| effect.get(kind).is_some()).count();
    let judged: Vec<&Quality> = rows.iter().flat_map(|row| &row.quality).flatten().collect();
    let mut totals = Totals {
        changes: rows.len(),
        told: rows.iter().filter(|row| effects_of(row) > 0).count(),
        events: of_kind("convert"),
        audience_changes: of_kind("audience"),
        commands: of_kind("command"),
        broken: rows.iter().filter(|row| row.fault.is_some()).count(),
        mean_estimate: mean(&judged, |quality| quality.estimate),
        would_help: would_help(&judged),
        ..Totals::default()
    };
    for left_out in rows.iter().filter_map(|row| row.left_out.as_ref()) {
        *totals.left_out.entry(left_out.code.clone()).or_default() += 1;
    }
    let omitted = effects().flat_map(|effect| effect["omitted"].as_array().into_iter().flatten());
    for field in omitted.filter_map(|omission| omission["field"].as_str()) {
        *totals.omitted.entry(field.to_owned()).or_default() += 1;
    }
    totals
}

fn effects_of(row: &Row) -> usize {
    row.effects.as_array().map_or(0, Vec::len)
}

fn mean(judged: &[&Quality], of: impl Fn(&Quality) -> f64) -> Option<f64> {
    let sum: f64 = judged.iter().map(|quality| of(quality)).sum();
    (!judged.is_empty()).then(|| (100.0 * sum / judged.len() as f64).round() / 100.0)
}

/// The field whose gains add up to most.
fn would_help(judged: &[&Quality]) -> Option<Help> {
    let mut gains: BTreeMap<&str, (f64, usize, usize)> = BTreeMap::new();
    for missing in judged.iter().flat_map(|quality| &quality.missing) {
        let (gain, mend, collect) = gains.entry(&missing.field).or_default();
        *gain += missing.gain;
        match missing.remedy {
            Remedy::Mend => *mend += 1,
            Remedy::Collect => *collect += 1,
        }
    }
    let best = gains.into_iter().max_by(|(_, left), (_, right)| left.0.total_cmp(&right.0));
    let (field, (gain, mend, collect)) = best.filter(|(_, (gain, ..))| *gain > 0.0)?;
    let gain = (100.0 * gain / judged.len() as f64).round() / 100.0;
    Some(Help { field: field.to_owned(), gain, mend, collect })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LeftOut, Preview, Row, supposed, totals};
    use crate::contract::kind;
    use crate::flow::blank;
    use crate::flow::quality::{Missing, Quality, Remedy};

    fn told(contact: &str, estimate: f64, missing: &[(&str, f64, Remedy)]) -> Row {
        let missing = missing.iter().map(|(field, gain, remedy)| Missing {
            field: (*field).to_owned(),
            gain: *gain,
            remedy: *remedy,
            reason: None,
        });
        let omitted = json!([{"field": "phones", "reason": "unsure"}]);
        Row {
            change: format!("change-{contact}"),
            contact: contact.to_owned(),
            connection: "acme".to_owned(),
            kind: "contact-created".to_owned(),
            occurred_at: 1,
            effects: json!([{"rule": "r", "convert": {"name": "Lead"}, "omitted": omitted}]),
            quality: vec![Some(Quality { estimate, missing: missing.collect() })],
            left_out: None,
            fault: None,
        }
    }

    fn silent(contact: &str, code: &str) -> Row {
        let left_out = Some(LeftOut { code: code.to_owned(), rule: None, reason: "why".to_owned() });
        Row { effects: json!([]), quality: Vec::new(), left_out, ..told(contact, 0.0, &[]) }
    }

    #[test]
    fn the_field_that_helps_most_is_the_one_whose_gains_add_up_to_most() {
        let rows = [
            told("a", 5.0, &[("phones", 2.0, Remedy::Mend), ("cities", 0.2, Remedy::Collect)]),
            told("b", 6.0, &[("phones", 1.0, Remedy::Collect), ("fbc", 2.5, Remedy::Mend)]),
            silent("c", "no-consent"),
            silent("d", "no-consent"),
        ];
        let totals = totals(&rows);
        assert_eq!((totals.changes, totals.told, totals.events, totals.commands), (4, 2, 2, 0));
        assert_eq!((totals.left_out["no-consent"], totals.omitted["phones"]), (2, 2));
        assert_eq!(totals.mean_estimate, Some(5.5));
        let help = totals.would_help.unwrap();
        assert_eq!((help.field.as_str(), help.gain, help.mend, help.collect), ("phones", 1.5, 1, 1));
        assert_eq!(super::totals(&[]).mean_estimate, None);
    }

    #[test]
    fn of_many_rows_every_kind_is_kept() {
        let of = |contact: &str, kind: &str| Row { kind: kind.to_owned(), ..told(contact, 1.0, &[]) };
        let rows = vec![of("a", "x"), of("b", "x"), of("c", "x"), of("d", "y"), of("e", "z")];
        let spread = |most| {
            let preview = Preview { totals: totals(&rows), rows: rows.clone() }.spread(most);
            assert_eq!(preview.totals.changes, preview.rows.len());
            preview.rows.iter().map(|row| row.contact.clone()).collect::<String>()
        };
        assert_eq!((spread(3), spread(4), spread(9)), ("ade".to_owned(), "abde".to_owned(), "abcde".to_owned()));
    }

    #[test]
    fn of_a_supposed_contact_only_what_a_rule_speaks_of_is_shown() {
        let mut contact = blank::contact();
        assert_eq!(supposed(&contact, "acme", (None, None), 5).len(), 1);
        contact.tags = vec!["vip".to_owned()];
        let changes = supposed(&contact, "acme", (Some("US"), None), 5);
        let kinds: Vec<&str> = changes.iter().map(|change| kind(&change.trigger)).collect();
        assert_eq!(kinds, ["contact-created", "tags-changed"]);
        assert_eq!((changes[0].occurred_at, changes[0].country.as_deref()), (5, Some("US")));

        let rows = vec![
            silent("a", "no-rule"),
            told("a", 1.0, &[]),
            silent("b", "no-rule"),
            silent("b", "no-rule"),
            silent("c", "no-consent"),
            silent("c", "no-rule"),
        ];
        let preview = Preview { totals: totals(&rows), rows }.of_supposed();
        let shown: Vec<(&str, bool)> =
            preview.rows.iter().map(|row| (row.contact.as_str(), row.left_out.is_none())).collect();
        assert_eq!(shown, [("a", true), ("b", false), ("c", false)]);
        assert_eq!((preview.totals.changes, preview.totals.told), (3, 1));
    }
}
