//! Hashes of places that were made lately: a location's contacts live in few cities, states and countries, and folding, looking up and
//! hashing a name costs more than finding it here. What is said is the same with and without.

use std::cell::RefCell;

use crate::click::Reason;
use crate::short;
use crate::types::Hashed;

/// What is remembered. People's own names, addresses and numbers are not: they stay no longer than their batch.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    City,
    State,
    Country,
}

/// So many places at most; a new one takes the room of another.
const ROOM: usize = 256;
/// Longer names are made each time.
const LONGEST: usize = 24;

#[derive(Clone, Copy)]
struct Entry {
    place: Option<Place>,
    region: [u8; 2],
    length: u8,
    raw: [u8; LONGEST],
    hash: Hashed,
}

const NOTHING: Entry = Entry {
    place: None,
    region: [0; 2],
    length: 0,
    raw: [0; LONGEST],
    hash: Hashed { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0 },
};

thread_local! {
    static KNOWN: RefCell<[Entry; ROOM]> = const { RefCell::new([NOTHING; ROOM]) };
}

/// The hash of `raw` as `place` in `region` (ISO 3166-1 alpha-2), made by `make` unless it is known.
///
/// # Errors
/// What `make` says; it is asked again the next time.
pub(super) fn hash(
    place: Place,
    raw: &str,
    region: Option<&str>,
    make: impl FnOnce() -> Result<Hashed, Reason>,
) -> Result<Hashed, Reason> {
    let region = match region.map(str::as_bytes) {
        Some([first, second]) => [*first, *second],
        _ => [0; 2],
    };
    let Some(padded) = padded(raw) else { return make() };
    let at = slot(place, region, &padded);
    let is_it = |known: &Entry| {
        known.place == Some(place)
            && known.region == region
            && usize::from(known.length) == raw.len()
            && known.raw == padded
    };
    let known = KNOWN.with_borrow(|all| is_it(&all[at]).then_some(all[at].hash));
    if let Some(hash) = known {
        return Ok(hash);
    }
    let hash = make()?;
    let length = raw.len() as u8;
    KNOWN.with_borrow_mut(|all| all[at] = Entry { place: Some(place), region, length, raw: padded, hash });
    Ok(hash)
}

/// The name with zeros behind it, unless it is too long.
fn padded(raw: &str) -> Option<[u8; LONGEST]> {
    let mut padded = [0; LONGEST];
    short::copy(padded.get_mut(..raw.len())?, raw.as_bytes());
    Some(padded)
}

/// Multiplying spreads what differs in few bits over the upper ones (Knuth, The Art of Computer Programming, 6.4).
fn slot(place: Place, region: [u8; 2], padded: &[u8; LONGEST]) -> usize {
    let (words, _) = padded.as_chunks::<8>();
    let start = u64::from(u16::from_le_bytes(region)) << 8 | place as u64;
    let mixed = words.iter().fold(start, |mixed, word| {
        (mixed ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    (mixed >> 7) as usize % ROOM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn what_is_known_is_not_made_again_and_nothing_is_taken_for_another() {
        let unmade = || -> Result<Hashed, Reason> { panic!("it was known") };
        for (place, region) in [(Place::City, Some("us")), (Place::State, Some("us")), (Place::State, Some("ca"))] {
            let name = format!("{}{region:?}", place as u8);
            assert_eq!(hash(place, "Ontario", region, || Ok(sha256(&name))), Ok(sha256(&name)));
            assert_eq!(hash(place, "Ontario", region, unmade), Ok(sha256(&name)));
        }
        assert_eq!(hash(Place::City, "Ontario\0", Some("us"), || Err("not a city")), Err("not a city"));
        assert_eq!(hash(Place::City, "Ontario\0", Some("us"), || Ok(sha256("0"))), Ok(sha256("0")));
        let long = "x".repeat(LONGEST + 1);
        for made in ["1", "2"] {
            assert_eq!(hash(Place::City, &long, None, || Ok(sha256(made))), Ok(sha256(made)));
        }
    }

    #[test]
    fn more_places_than_there_is_room_for_stay_apart() {
        for _ in 0..2 {
            for number in 0..4 * ROOM {
                let name = format!("place {number}");
                assert_eq!(hash(Place::City, &name, None, || Ok(sha256(&name))), Ok(sha256(&name)));
            }
        }
    }
}
