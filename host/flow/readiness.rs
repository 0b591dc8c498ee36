//! Whether more may come in: by what waits, by whether the store can be written and by the room that is left. Readiness is lost before the door is shut, so that
//! whoever spreads the load looks elsewhere in time.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Flow;
use crate::clock::Millis;

/// With less than this left on the disk of the state directory, in bytes, a program is not ready: a checkpoint of the store needs as much.
const LOW_BYTES: u64 = 64 << 20;

/// What is held against the marks.
pub struct Intake {
    waiting: AtomicU64,
    high_water: AtomicU64,
    free_bytes: AtomicU64,
    heard_at: AtomicU64,
}

impl Default for Intake {
    fn default() -> Self {
        Self { waiting: 0.into(), high_water: u64::MAX.into(), free_bytes: u64::MAX.into(), heard_at: 0.into() }
    }
}

/// What readiness is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// Whether the last transaction found room.
    pub writable: bool,
    /// What waits, in all.
    pub waiting: u64,
    /// From more than this on the door is shut.
    pub high_water: u64,
    /// Room on the disk, in bytes.
    pub free_bytes: u64,
}

impl Readiness {
    /// Whether a delivery would be taken.
    pub fn is_open(&self) -> bool {
        self.writable && self.waiting <= self.high_water
    }

    /// Why it is not ready; nothing when it is.
    pub fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.writable {
            reasons.push("the store cannot be written: is the disk full?".to_owned());
        }
        if self.free_bytes < LOW_BYTES {
            let (free, low) = (self.free_bytes >> 20, LOW_BYTES >> 20);
            reasons
                .push(format!("the disk of the state directory is almost full: {free} MiB are left, {low} are needed"));
        }
        // A tenth below the mark at which senders are sent away.
        let near = self.high_water - self.high_water / 10 - u64::from(self.high_water < 10);
        if self.waiting > near {
            reasons.push(format!(
                "too much is waiting: {} of the {} at which senders are asked to come back",
                self.waiting, self.high_water
            ));
        }
        reasons
    }

    /// What a door answers who asks whether it is ready.
    ///
    /// # Errors
    /// Why it is not, as a line of text.
    pub fn answer(&self) -> Result<&'static str, String> {
        let reasons = self.unready();
        if reasons.is_empty() { Ok("ready\n") } else { Err(format!("not ready: {}\n", reasons.join("; "))) }
    }
}

impl Intake {
    /// The door is shut while more than so many wait.
    pub fn set_high_water(&self, high_water: u64) {
        self.high_water.store(high_water, Ordering::Relaxed);
    }

    /// Takes note of how many wait.
    pub fn note_waiting(&self, waiting: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// When a delivery came last, or the program began, in milliseconds since the Unix epoch.
    pub fn heard_at(&self) -> Millis {
        self.heard_at.load(Ordering::Relaxed)
    }

    /// Something was heard of a CRM, or the program begins.
    pub fn note_heard(&self, now: Millis) {
        self.heard_at.store(now, Ordering::Relaxed);
    }

    /// One more waits.
    pub fn note_one(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of the room on the disk, in bytes.
    pub fn note_free(&self, free_bytes: u64) {
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
    }
}

impl Flow {
    /// What readiness is judged by now.
    pub fn readiness(&self) -> Readiness {
        Readiness {
            writable: self.store.writable(),
            waiting: self.intake.waiting.load(Ordering::Relaxed),
            high_water: self.intake.high_water.load(Ordering::Relaxed),
            free_bytes: self.intake.free_bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LOW_BYTES, Readiness};

    const CALM: Readiness = Readiness { writable: true, waiting: 0, high_water: 100, free_bytes: u64::MAX };

    #[test]
    fn readiness_is_lost_before_the_door_is_shut() {
        assert!(CALM.is_open() && CALM.unready().is_empty());
        for high_water in [1, 5, 9, 10, 100, 100_000, u64::MAX] {
            let full = (0..=high_water.min(200_000))
                .find(|waiting| !Readiness { waiting: *waiting, high_water, ..CALM }.unready().is_empty());
            if high_water <= 200_000 {
                let full = full.expect("it is lost somewhere");
                assert!(Readiness { waiting: full, high_water, ..CALM }.is_open(), "{high_water}: lost at {full}");
            }
        }
        let late = Readiness { free_bytes: LOW_BYTES - 1, ..CALM };
        assert!(late.is_open() && late.unready().len() == 1);
        let shut = Readiness { writable: false, ..CALM };
        assert!(!shut.is_open() && shut.unready().len() == 1);
    }
}
