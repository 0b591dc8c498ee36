//! The sandbox's own time: the machine's, moved by as much as somebody asked for. It keeps running after it was moved.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Clock, Millis};

/// Time on the CRM's and the ad platform's walls.
pub struct Time {
    clock: Clock,
    offset_ms: AtomicI64,
}

impl Time {
    /// The machine's time, not moved.
    pub fn new() -> Self {
        Self { clock: Clock::system(), offset_ms: AtomicI64::new(0) }
    }

    /// Milliseconds since the Unix epoch, UTC.
    pub fn now_ms(&self) -> Millis {
        self.clock.now_ms().saturating_add_signed(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves the time forward, or back for a negative number of milliseconds.
    pub fn advance_ms(&self, by: i64) {
        self.offset_ms.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the time to this many milliseconds since the Unix epoch.
    pub fn set_ms(&self, to: Millis) {
        let offset = i128::from(to) - i128::from(self.clock.now_ms());
        self.offset_ms.store(offset.clamp(i64::MIN.into(), i64::MAX.into()) as i64, Ordering::SeqCst);
    }

    /// Back to the machine's time.
    pub fn reset(&self) {
        self.offset_ms.store(0, Ordering::SeqCst);
    }
}

/// `2026-11-22T08:15:30.123Z`; a time out of the calendar's range reads as the epoch.
pub fn iso(at: Millis) -> String {
    format!("{:.3}", instant(at))
}

/// `2026-11-22T09:15:30+01:00`: local time at `offset_minutes` east of UTC, as appointments carry it.
pub fn iso_local(at: Millis, offset_minutes: i32) -> String {
    let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap_or(jiff::tz::Offset::UTC);
    instant(at).to_zoned(offset.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn instant(at: Millis) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.min(i64::MAX as u64) as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::{Time, iso, iso_local};

    #[test]
    fn moved_time_keeps_running() {
        let time = Time::new();
        time.set_ms(1_000_000);
        let at = time.now_ms();
        assert!((1_000_000..1_060_000).contains(&at), "{at}");
        time.advance_ms(-500_000);
        assert!(time.now_ms() < 600_000);
    }

    #[test]
    fn times_are_written_as_the_vendor_writes_them() {
        assert_eq!(iso(1_795_335_330_007), "2026-11-22T08:15:30.007Z");
        assert_eq!(iso_local(1_795_335_330_007, 330), "2026-11-22T13:45:30+05:30");
    }
}
