//! Webhooks lost, doubled and shuffled, with polls beside them, against a little model of the CRM: what is told in the end is what an undisturbed
//! run tells, as long as a contact changes at most once between two polls. And whatever webhooks are read together, without a poll, tell as much as
//! each read alone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bindings::convey::pipeline::types::{Origin, Trigger};
use crate::crm::{Crm, told};
use crate::samples::delivery;

const BEGIN: u64 = 1_767_225_600_000;
const STEP_MS: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
enum Edit {
    /// To a value it never had: of a value that came and went again before it was fetched nothing is to be seen.
    Field,
    Tag(u8),
    Consent(u8),
}

/// What becomes of the webhook of one step, and what else happens in it.
#[derive(Clone, Debug)]
struct Fate {
    edit: Edit,
    dropped: bool,
    doubled: bool,
    /// Steps until it arrives, and until its copy does.
    late: (usize, usize),
    /// How much later than the contact's own date the webhook is dated, ms.
    dated_late: u64,
    polls: usize,
    reads: bool,
}

fn fate() -> impl Strategy<Value = Fate> {
    let edit = prop_oneof![Just(Edit::Field), (0..3_u8).prop_map(Edit::Tag), (0..2_u8).prop_map(Edit::Consent)];
    let luck = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), (0..4_usize, 0..4_usize));
    let dated_late = prop_oneof![Just(0), 1..200_u64];
    (edit, luck, dated_late, 1..3_usize, any::<bool>()).prop_map(
        |(edit, (dropped, doubled, late), dated_late, polls, reads)| Fate {
            edit,
            dropped,
            doubled,
            late,
            dated_late,
            polls,
            reads,
        },
    )
}

/// The contact after an edit, and the kind of its webhook; none if nothing changed.
fn edited(contact: &mut Value, edit: Edit) -> Option<&'static str> {
    let before = contact.clone();
    let kind = match edit {
        Edit::Field => {
            contact["city"] = json!(format!("{} West", contact["city"].as_str().unwrap_or_default()));
            "ContactUpdate"
        }
        Edit::Tag(value) => {
            let tag = ["x", "y", "z"][usize::from(value)];
            if let Some(tags) = contact["tags"].as_array_mut() {
                match tags.iter().position(|known| known == tag) {
                    Some(index) => drop(tags.remove(index)),
                    None => tags.push(json!(tag)),
                }
            }
            "ContactTagUpdate"
        }
        Edit::Consent(value) => {
            let status = ["active", "inactive"][usize::from(value)];
            contact["dndSettings"] = json!({"SMS": {"status": status}});
            "ContactDndUpdate"
        }
    };
    (*contact != before).then_some(kind)
}

struct Run {
    crm: Crm,
    told: BTreeMap<&'static str, usize>,
    ids: BTreeSet<String>,
}

impl Run {
    fn new(contact: &Value, since: u64) -> Self {
        let crm = Crm::holding(contact.clone());
        crm.subject.borrow_mut().since = since;
        Self { crm, told: BTreeMap::new(), ids: BTreeSet::new() }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.told.keys().copied().collect()
    }

    fn read(&mut self, inbox: &mut Vec<Delivery>) {
        if inbox.is_empty() {
            return;
        }
        let reading = self.crm.reading(std::mem::take(inbox), true).expect("the CRM answers");
        for change in told(reading).into_iter().flatten().flatten() {
            assert!(self.ids.insert(change.id), "one id for two changes");
            let kind = match change.trigger {
                Trigger::ContactCreated => "created",
                Trigger::ContactUpdated(_) => "updated",
                Trigger::TagsChanged(_) => "tags",
                Trigger::ConsentChanged => "consent",
                other => panic!("nothing else happened: {other:?}"),
            };
            *self.told.entry(kind).or_default() += 1;
        }
    }
}

fn webhook(contact: &Value, kind: &str, at: u64) -> Delivery {
    let mut body = contact.clone();
    // HighLevel never sends the date of change, the channels only where they are what changed, and leaves out what is empty.
    let fields = body.as_object_mut().expect("a contact");
    fields.remove("dateUpdated");
    if kind != "ContactDndUpdate" {
        fields.remove("dndSettings");
    }
    fields.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    fields.insert("type".into(), json!(kind));
    fields.insert("timestamp".into(), json!(at));
    delivery("w", at, &body)
}

/// Both runs over the same edits: what is told undisturbed and by webhooks alone, and what is told with every webhook's fate and polls beside them.
fn runs(new: bool, fates: &[Fate]) -> (Run, Run) {
    let born = if new { BEGIN } else { BEGIN - 10 * STEP_MS };
    let mut contact = json!({"id": "c", "locationId": "loc", "firstName": "Zoë", "city": "Austin", "tags": [], "dndSettings": {},
        "dateAdded": born, "dateUpdated": born});
    let (mut clean, mut rough) = (Run::new(&contact, BEGIN), Run::new(&contact, BEGIN));
    let mut inbox = Vec::new();
    let mut travelling: Vec<(usize, Delivery)> = Vec::new();
    for (step, fate) in fates.iter().enumerate() {
        let date = BEGIN + step as u64 * STEP_MS;
        let kind = if step == 0 && new { Some("ContactCreate") } else { edited(&mut contact, fate.edit) };
        let Some(kind) = kind else { continue };
        contact["dateUpdated"] = json!(date);
        for run in [&clean, &rough] {
            run.crm.contact.replace(Some(contact.clone()));
        }
        let said = webhook(&contact, kind, date + fate.dated_late);
        clean.read(&mut vec![said.clone()]);
        if !fate.dropped {
            travelling.push((step + fate.late.0, said.clone()));
            if fate.doubled {
                travelling.push((step + fate.late.1, said));
            }
        }
        let (arrived, later) = travelling.into_iter().partition(|(arrives, _)| *arrives <= step);
        travelling = later;
        inbox.extend(arrived.into_iter().map(|(_, delivery): (usize, Delivery)| delivery));
        for _ in 0..fate.polls {
            inbox.push(rough.crm.row(Origin::Poll, date + STEP_MS / 2));
        }
        if fate.reads {
            rough.read(&mut inbox);
        }
    }
    inbox.extend(travelling.into_iter().map(|(_, delivery)| delivery));
    rough.read(&mut inbox);
    (clean, rough)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn what_is_told_in_the_end_is_what_happened(new in any::<bool>(), fates in prop::collection::vec(fate(), 1..10)) {
        let (clean, rough) = runs(new, &fates);
        prop_assert_eq!(clean.kinds(), rough.kinds());
        for (kind, count) in &rough.told {
            prop_assert!(*count <= clean.told[kind], "{} told {} times of {}", kind, count, clean.told[kind]);
        }
    }

    #[test]
    fn webhook_then_poll_tells_nothing_twice(new in any::<bool>(), fates in prop::collection::vec(fate(), 1..10)) {
        let whole = |fate: &Fate| Fate { dropped: false, late: (0, 0), reads: true, ..fate.clone() };
        let fates: Vec<Fate> = fates.iter().map(whole).collect();
        let (clean, rough) = runs(new, &fates);
        prop_assert_eq!(clean.told, rough.told);
    }

    #[test]
    fn webhooks_read_together_tell_as_much_as_each_alone(new in any::<bool>(), fates in prop::collection::vec(fate(), 1..10)) {
        let unpolled = |fate: &Fate| Fate { dropped: false, late: (0, 0), polls: 0, ..fate.clone() };
        let fates: Vec<Fate> = fates.iter().map(unpolled).collect();
        let (clean, rough) = runs(new, &fates);
        // What the channels were before the first word on them no webhook says.
        let kinds = |run: &Run| run.kinds().into_iter().filter(|kind| *kind != "consent").collect::<Vec<_>>();
        prop_assert_eq!(kinds(&clean), kinds(&rough));
    }
}
