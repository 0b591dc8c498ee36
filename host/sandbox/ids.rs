//! Names for things in the shapes the vendors use, from a seeded generator: the same seed gives the same names.

use fastrand::Rng;

/// A generator of its own for each `stream` of one `seed`: drawing more from one leaves the others as they were.
pub fn seeded(seed: u64, stream: u64) -> Rng {
    let mixed = (seed ^ stream.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(stream);
    let mut rng = Rng::with_seed(mixed);
    Rng::with_seed(rng.u64(..))
}

/// `length` letters and digits: contacts, locations, tasks, clicks.
pub fn alphanumeric(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.alphanumeric()).collect()
}

/// `length` decimal digits, the first of them not 0.
pub fn digits(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|place| if place == 0 { rng.char('1'..='9') } else { rng.digit(10) }).collect()
}

/// `length` lower-case hex digits.
pub fn hex(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.digit(16)).collect()
}

/// A version 4 UUID by its shape.
pub fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    let (time, mid) = ((bits >> 96) as u32, (bits >> 80) as u16);
    let (version, variant) = ((bits >> 64) as u16 & 0x0fff | 0x4000, (bits >> 48) as u16 & 0x3fff | 0x8000);
    format!("{time:08x}-{mid:04x}-{version:04x}-{variant:04x}-{:012x}", bits & 0xffff_ffff_ffff)
}

/// One of `choices`, which must not be empty.
pub fn one<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// True in `share` of the draws, 0 to 1.
pub fn happens(rng: &mut Rng, share: f64) -> bool {
    rng.f64() < share
}

#[cfg(test)]
mod tests {
    use super::{seeded, uuid};

    #[test]
    fn a_uuid_has_version_4_and_its_variant() {
        let mut rng = seeded(7, 0);
        for _ in 0..200 {
            let id = uuid(&mut rng);
            assert_eq!(id.len(), 36);
            assert_eq!(&id[14..15], "4", "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        assert_eq!(uuid(&mut seeded(1, 5)), uuid(&mut seeded(1, 5)));
        assert_ne!(uuid(&mut seeded(1, 5)), uuid(&mut seeded(1, 6)));
        assert_ne!(uuid(&mut seeded(1, 5)), uuid(&mut seeded(5, 1)));
    }
}
