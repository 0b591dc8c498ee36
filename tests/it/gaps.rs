//! Webhooks lost, doubled and shuffled, with polls beside them: in the end the same was told, and what no webhook told is counted.

use std::collections::{BTreeMap, BTreeSet};

use convey::sandbox::{Fired, Kind, Options, Play, Sandbox};
use fastrand::Rng;

use crate::polls::scene::{look, missed, requests, telling, told};
use crate::rig::{Convey, ROOM, accepted_ids, options};
use crate::wire::{Letter, letters, letters_of};

const SHARE: f64 = 0.2;
const ROUNDS: usize = 10;

/// The road from the CRM to one convey: a part of the letters is lost, a part comes twice, all are shuffled, and some come only after the
/// next poll.
struct Road {
    rng: Rng,
    late: Vec<Letter>,
    lost: usize,
}

impl Road {
    fn new() -> Self {
        Self { rng: Rng::with_seed(11), late: Vec::new(), lost: 0 }
    }

    /// What arrives of these, in the order it does.
    fn carry(&mut self, letters: &[Letter]) -> Vec<Letter> {
        let mut arriving = std::mem::take(&mut self.late);
        for letter in letters {
            if self.rng.f64() < SHARE {
                self.lost += 1;
                continue;
            }
            let late = self.rng.f64() < SHARE;
            if late {
                self.late.push(letter.clone())
            } else {
                arriving.push(letter.clone())
            }
            if self.rng.f64() < SHARE {
                arriving.push(letter.clone());
            }
        }
        self.rng.shuffle(&mut arriving);
        arriving
    }
}

/// The same changes told to four conveys: by all webhooks in their order; by these and polls; by polls alone; by webhooks of which a fifth
/// is lost, doubled or late, and polls. A contact changes at most once between two polls. All tell the same of the same people, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_doubled_and_shuffled_webhooks_with_polls_tell_what_a_clean_run_tells() {
    let sandbox = crate::rig::sandbox(1, 4).await;
    let summary = sandbox.summary();
    let mut conveys: Vec<Convey> = summary.datasets.iter().map(|dataset| telling(&summary, dataset, ROOM)).collect();
    for convey in &mut conveys {
        convey.start().await;
    }
    let [clean, both, polled, faulty] = &conveys[..] else { panic!("four datasets") };
    tokio::join!(look(both, false), look(polled, false), look(faulty, false));
    let mut road = Road::new();
    let mut twice: BTreeSet<String> = BTreeSet::new();
    let kinds = vec![Kind::ContactCreated, Kind::ContactUpdated, Kind::TagsChanged];
    for round in 0..ROUNDS {
        let changes = if round == 0 { 30 } else { 8 };
        let kinds = if round == 0 { vec![Kind::ContactCreated] } else { kinds.clone() };
        let seed = round as u64;
        let letters = letters(&sandbox, Play { changes, kinds, seed, ..Play::default() }).await;
        let mut seen = BTreeSet::new();
        let of = |letter: &Letter| letter.json()["id"].as_str().unwrap().to_owned();
        twice.extend(letters.iter().map(of).filter(|contact| !seen.insert(contact.clone())));
        let arriving = road.carry(&letters);
        tokio::join!(
            clean.take(&letters),
            async {
                both.take(&letters).await;
                look(both, false).await;
            },
            look(polled, false),
            async {
                faulty.take(&arriving).await;
                look(faulty, false).await;
            }
        );
    }
    faulty.take(&std::mem::take(&mut road.late)).await;
    look(faulty, false).await;
    assert!(road.lost > 10, "{} letters were lost", road.lost);

    let mut runs = Vec::new();
    for (convey, dataset) in conveys.iter_mut().zip(&summary.datasets) {
        assert!(convey.stop().await.success());
        let book = convey.book().await;
        let accepted = accepted_ids(&sandbox, dataset);
        assert_eq!(accepted.iter().collect::<BTreeSet<_>>().len(), accepted.len(), "nothing is told twice");
        book.assert_exact(&book.event_ids(), &accepted);
        runs.push(told(&book).into_iter().filter(|(contact, _)| !twice.contains(contact)).collect::<BTreeSet<_>>());
    }
    for name in ["Created", "Updated", "Tagged"] {
        assert!(runs[0].iter().any(|(_, event)| event == name), "nothing was {name}");
    }
    assert!(twice.len() < 15 && runs[0].len() > 50, "{} of {}", twice.len(), runs[0].len());
    for (run, name) in runs.iter().zip(["clean", "both", "polled", "faulty"]) {
        let missing: Vec<_> = runs[0].difference(run).collect();
        let strange: Vec<_> = run.difference(&runs[0]).collect();
        assert!(missing.is_empty() && strange.is_empty(), "{name}: missing {missing:?}, not expected {strange:?}");
    }
}

/// The contract's name of what a webhook of this type tells.
fn kind(vendor: &str) -> Option<&'static str> {
    Some(match vendor {
        "TaskCreate" => "task-created",
        "TaskComplete" => "task-completed",
        "NoteCreate" => "note-created",
        "AppointmentCreate" => "appointment-changed",
        "OpportunityCreate" => "opportunity-changed",
        _ => return None,
    })
}

/// How many facts were lost with these webhooks, by kind: one of a deal only if both its webhooks were.
fn lost(dropped: &[Fired]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for one in dropped {
        let twin = |other: &&Fired| {
            other.kind == "OpportunityUpdate" && (other.at, &other.contact_id) == (one.at, &one.contact_id)
        };
        if one.kind == "OpportunityCreate" && !dropped.iter().any(|other| twin(&other)) {
            continue;
        }
        if let Some(kind) = kind(one.kind) {
            *counts.entry(kind.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// What hangs on a contact is in no poll: a sweep over everything counts, by kind, exactly what was lost. A second sweep finds nothing more,
/// and none of them writes anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_counts_what_was_lost_by_kind_and_a_second_one_finds_nothing_more() {
    let sandbox = Sandbox::start(Options { contacts: 60, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM);
    convey.start().await;
    look(&convey, true).await;
    let kinds = vec![
        Kind::TaskCreated,
        Kind::TaskCompleted,
        Kind::NoteCreated,
        Kind::AppointmentBooked,
        Kind::OpportunityCreated,
    ];
    let faults = Play { drop: SHARE, duplicate: SHARE, reorder: SHARE, ..Play::default() };
    let played = sandbox.play(Play { changes: 150, kinds, target: convey.hook(), ..faults }).await.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    look(&convey, true).await;
    assert!(convey.stop().await.success());
    let expected = lost(&played.dropped);
    assert_eq!(expected.len(), 5, "something of each kind is lost: {expected:?}");
    assert_eq!(missed(&convey).await, expected);
    let changes = convey.book().await.changes.len();

    convey.start().await;
    look(&convey, true).await;
    assert!(convey.stop().await.success());
    assert_eq!(missed(&convey).await, expected, "no gap is new");
    assert_eq!(convey.book().await.changes.len(), changes, "and no change");
    assert_eq!(requests(&sandbox).await.1, 0, "nothing was written to the CRM");
}

/// A webhook that comes after the sweep that missed it tells its fact all the same, and is missed no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_webhook_closes_its_gap() {
    let sandbox = crate::rig::sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = telling(&summary, &summary.dataset, ROOM);
    convey.start().await;
    look(&convey, true).await;
    let notes = letters_of(&sandbox, Kind::NoteCreated, 2).await;
    let deal = letters_of(&sandbox, Kind::OpportunityCreated, 1).await;
    look(&convey, true).await;
    assert!(convey.stop().await.success());
    let counts = |notes: u64, deals: u64| {
        let all = [("note-created".to_owned(), notes), ("opportunity-changed".to_owned(), deals)];
        all.into_iter().filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(missed(&convey).await, counts(2, 1));
    assert!(convey.book().await.changes.is_empty(), "a gap is counted, not told");

    convey.start().await;
    convey.take(&[notes[0].clone(), deal[1].clone()]).await;
    assert!(convey.stop().await.success());
    assert_eq!(missed(&convey).await, counts(1, 0));
    let book = convey.book().await;
    assert_eq!(book.changes.len(), 2);
    book.assert_all_told([notes[0].id.as_str(), deal[1].id.as_str()]);
}
