//! Prepare refuses whoever breaks, lies or changes its mind, before it is live.

use std::sync::Arc;

use convey::engine::{FaultKind, LoadError};
use convey::flow::{Candidate, Generation, Overlays, PrepareError, Prepared, Variants, prepare};

use super::{LIMITS, changes, engine, mapper};
use crate::guests;

fn candidate(behaviour: &str) -> Candidate {
    let component = guests::component("convey-test-mapper", guests::PURE);
    Candidate { name: "strange".to_owned(), component, settings: behaviour.to_owned() }
}

async fn tried(behaviour: &str) -> Result<Prepared, PrepareError> {
    prepare(&engine(LIMITS), candidate(behaviour), None, &[], Vec::new(), None, &Overlays::new()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapper_that_breaks_on_the_sample_is_refused() {
    let kinds = [
        ("trap", FaultKind::Trap),
        ("hang", FaultKind::Time),
        ("hog", FaultKind::Memory),
        ("deep", FaultKind::Trap),
        ("chatty", FaultKind::Contract),
        ("smuggler", FaultKind::Contract),
        ("wild", FaultKind::Contract),
        ("short", FaultKind::Contract),
    ];
    for (behaviour, kind) in kinds {
        match tried(&format!("{behaviour} always")).await {
            Err(PrepareError::Breaks { from, fault, .. }) => {
                assert_eq!((from.as_str(), fault.kind), ("sample", kind), "{behaviour}: {}", fault.line());
            }
            Err(other) => panic!("{behaviour}: {other}"),
            Ok(_) => panic!("{behaviour} passes"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapper_that_changes_its_mind_is_refused() {
    assert!(matches!(tried("impure always").await, Err(PrepareError::Impure { .. })));
    // Stored changes are tried too: here only one of them shows it.
    let stored = changes(5, Some(3));
    let refused = prepare(&engine(LIMITS), candidate("impure"), None, &[], stored, None, &Overlays::new()).await;
    match refused.map(|_| ()) {
        Err(PrepareError::Impure { kind, from }) => assert_eq!((kind, from.as_str()), ("contact-created", "stored")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_settings_carry_their_place() {
    match tried("refuse").await.map(|_| ()) {
        Err(PrepareError::Load(LoadError::Settings { problems, .. })) => {
            let wanted =
                "line 1, column 1: these settings are refused on purpose\n  refuse\n  ^^^^^^\n  help: write `well`";
            assert_eq!(problems, wanted);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_mapper_passes_warm_and_its_difference_is_counted() {
    let engine = engine(LIMITS);
    let live = Arc::new(mapper(&engine, "smuggler").await);
    let live = Arc::new(Generation::of_variants(&Variants::new(&engine, live), (1, &[])));
    let passed = prepare(&engine, candidate("well"), None, &[], changes(7, Some(2)), Some(&live), &Overlays::new())
        .await
        .unwrap();
    // On the marked change the live one breaks and the candidate does not.
    assert_eq!((passed.diff.compared, passed.diff.differing, passed.cases), (7, 1, 0));
    assert_eq!(passed.variants.base().translate(&changes(3, None)).await.unwrap().len(), 3);
    assert_eq!(passed.component, guests::component("convey-test-mapper", guests::PURE));
}
