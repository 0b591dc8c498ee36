//! Named places where a test build kills itself, so that a crash between any two steps can be tried on purpose.
//!
//! `CONVEY_CRASH_AT=after-settle_read:3` kills the program with SIGKILL the third time it passes that point. Release builds hold none of this.

/// Dies here if the environment of a debug build says so; does nothing otherwise.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    #[expect(clippy::disallowed_methods, reason = "a test's switch, absent from release builds")]
    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var("CONVEY_CRASH_AT").ok()?;
        let (name, times) = text.split_once(':').unwrap_or((text.as_str(), "1"));
        Some((name.to_owned(), times.parse().ok()?))
    });
    static PASSED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

    let Some((wanted, times)) = WANTED.as_ref() else { return };
    if wanted != name {
        return;
    }
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = passed.entry(name.to_owned()).or_default();
    *count += 1;
    if *count == *times {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &str) {}
