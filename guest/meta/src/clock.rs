//! Now: the one thing the sink knows that nobody told it.

/// Now, ms since the epoch.
#[expect(clippy::disallowed_methods, reason = "a guest's one clock is the host's, handed in as wasi:clocks")]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
