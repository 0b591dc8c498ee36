//! How much memory a process holds, watched while it works.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Pid;
use tokio::task::JoinHandle;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What a process holds in memory now, in KiB; none once it is gone.
pub fn resident_kib(process: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The most that a process held from now on.
pub struct Watch {
    most_kib: Arc<AtomicU64>,
    looking: JoinHandle<()>,
}

impl Watch {
    /// Begins to look.
    pub fn of(process: Pid) -> Self {
        let most_kib = Arc::new(AtomicU64::new(resident_kib(process).unwrap()));
        let seen = most_kib.clone();
        let looking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LOOK);
            while let Some(now) = resident_kib(process) {
                seen.fetch_max(now, Ordering::Relaxed);
                ticks.tick().await;
            }
        });
        Self { most_kib, looking }
    }

    /// The most so far, in KiB.
    pub fn most_kib(&self) -> u64 {
        self.most_kib.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}
