//! Every misdeed of a mapper: it costs one item of its batch.

use convey::engine::{Fault, FaultKind, Mapper};
use convey::flow::translate_each;

use super::{LIMITS, changes, engine, mapper};

/// A behaviour, what kind of Fault it is, a part of its text, and a part of one of its frames.
type Misdeed = (&'static str, FaultKind, &'static str, Option<&'static str>);

const MISDEEDS: [Misdeed; 9] = [
    ("trap", FaultKind::Trap, "unreachable", Some("convey_test_mapper")),
    ("hang", FaultKind::Time, "its CPU time was used up", Some("convey_test_mapper")),
    ("hog", FaultKind::Memory, "it asked for more memory than it may have", Some("convey_test_mapper")),
    ("deep", FaultKind::Trap, "", Some("deep")),
    ("chatty", FaultKind::Contract, "bytes of text", None),
    ("smuggler", FaultKind::Contract, "custom-data holds the contact's own e-mail or phone", None),
    ("wild", FaultKind::Contract, "a number that is not finite", None),
    ("short", FaultKind::Contract, "1 changes went in, 0 answers came out", None),
    // The answer is one the contract allows; only trying it twice shows that it is not pure.
    ("impure", FaultKind::Contract, "", None),
];

#[test]
fn every_behaviour_of_the_test_guest_is_tried() {
    let source = include_str!("../../guests/mapper/src/behaviour.rs");
    let words =
        source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>").map(|(word, _)| word));
    // `asks` and `slow` are no misdeeds: `mapping` and `shadow_load` try them.
    let others = ["well", "refuse", "asks", "slow"];
    let tried = |word: &&str| MISDEEDS.iter().any(|(misdeed, ..)| misdeed == word) || others.contains(word);
    let words: Vec<&str> = words.collect();
    assert_eq!(words.len(), MISDEEDS.len() + others.len(), "{words:?}");
    assert!(words.iter().all(tried), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misdeed_costs_one_item_and_its_neighbours_and_the_next_call_come_out_right() {
    let engine = engine(LIMITS);
    let wanted = mapper(&engine, "well").await.translate(&changes(9, None)).await.unwrap();
    for (behaviour, kind, text, frame) in MISDEEDS.into_iter().filter(|(behaviour, ..)| *behaviour != "impure") {
        let strange = mapper(&engine, behaviour).await;
        let answers = translate_each(&strange, &changes(9, Some(4))).await;
        assert_eq!(answers.len(), 9);
        for (at, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(answer) if at != 4 => assert!(answer == wanted[at], "{behaviour}: {at} came out otherwise"),
                Err(fault) if at == 4 => named(&strange, behaviour, &fault, kind, text, frame),
                Ok(_) => panic!("{behaviour}: the marked item came out"),
                Err(fault) => panic!("{behaviour}: {at} was taken along: {}", fault.line()),
            }
        }
        assert!(strange.translate(&changes(9, None)).await.unwrap() == wanted, "{behaviour}: the next call");
    }
}

#[track_caller]
fn named(mapper: &Mapper, behaviour: &str, fault: &Fault, kind: FaultKind, text: &str, frame: Option<&str>) {
    assert_eq!((fault.kind, fault.call), (kind, "translate"), "{behaviour}: {}", fault.line());
    assert_eq!(fault.guest, mapper.loaded().label());
    assert!(fault.text.contains(text), "{behaviour}: {}", fault.text);
    assert!(!fault.line().contains("example.com") && !fault.line().contains("555"), "{}", fault.line());
    match frame {
        Some(frame) => {
            assert!(fault.frames.iter().any(|name| name.contains(frame)), "{behaviour}: {:?}", fault.frames);
            assert!(!fault.frames.iter().any(|name| name.starts_with("function ")), "{behaviour}: {:?}", fault.frames);
        }
        None => assert!(fault.frames.is_empty(), "{behaviour}: {:?}", fault.frames),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_bad_items_at_the_edges_of_a_batch_cost_two() {
    let engine = engine(LIMITS);
    for behaviour in ["trap", "hang"] {
        let mut batch = changes(33, Some(0));
        batch[32].contact.tags.push("misbehave".to_owned());
        let answers = translate_each(&mapper(&engine, behaviour).await, &batch).await;
        let bad: Vec<usize> = (0..answers.len()).filter(|at| answers[*at].is_err()).collect();
        assert_eq!(bad, [0, 32], "{behaviour}");
    }
}
