//! What a marked change sets off.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::behaviour::{Behaviour, Settings};
use crate::bindings::convey::pipeline::types::{Change, CustomValue, Proposal};
use crate::well;

/// How much text a chatty translation returns, in bytes.
pub const CHATTY_BYTES: usize = 8 << 20;

/// How much a slow translation computes: a few milliseconds.
const SLOW_TURNS: u64 = 3_000_000;

static CHANGES_SEEN: AtomicU64 = AtomicU64::new(0);

/// Treats one change as the settings say.
pub fn translate(settings: Settings, change: &Change) -> Vec<Proposal> {
    let before = CHANGES_SEEN.fetch_add(1, Ordering::Relaxed);
    let text = |key: &str, text: String| (key.to_owned(), CustomValue::Text(text));
    let proposal = match settings.behaviour(change) {
        Behaviour::Well | Behaviour::Short => well::translate(change),
        Behaviour::Slow => {
            black_box((0..SLOW_TURNS).fold(before, |turns, turn| black_box(turns.wrapping_mul(turn | 1))));
            well::translate(change)
        }
        Behaviour::Trap => panic!("the mapper broke on purpose"),
        Behaviour::Hang => hang(),
        Behaviour::Hog => hog(),
        Behaviour::Deep => {
            black_box(deep(before));
            well::translate(change)
        }
        Behaviour::Chatty => well::with(change, vec![text("chatter", "blah ".repeat(CHATTY_BYTES / 5))], None),
        Behaviour::Impure => well::with(change, vec![text("seen_before", before.to_string())], None),
        Behaviour::Smuggler => {
            let contact = &change.contact;
            let said = contact.emails.iter().chain(&contact.phones).enumerate();
            well::with(change, said.map(|(at, raw)| text(&format!("note_{at}"), raw.clone())).collect(), None)
        }
        Behaviour::Wild => well::with(change, Vec::new(), Some(f64::NAN)),
        Behaviour::Asks => return [vec![well::translate(change)], well::asks()].concat(),
    };
    vec![proposal]
}

fn hang() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn hog() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        black_box(&hoard);
    }
}

#[expect(unconditional_recursion, reason = "that is the misdeed")]
fn deep(level: u64) -> u64 {
    let here = black_box([level; 16]);
    let below = deep(black_box(level + 1));
    black_box(here)[0] + below
}
