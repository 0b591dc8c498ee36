//! What a process costs, as the kernel counts it.

use std::fs;

use rustix::process::Pid;

/// CPU time of the process so far, user and system, in microseconds. The kernel counts in ticks of ten milliseconds: measure seconds, not moments.
pub fn cpu_us(process: Pid) -> u64 {
    let path = format!("/proc/{}/stat", process.as_raw_nonzero());
    let stat = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // The name stands in parentheses and may hold anything; utime and stime are the 14th and 15th field (proc_pid_stat(5)).
    let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number of ticks")).sum();
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

/// The middle one.
pub fn median(mut of: Vec<f64>) -> f64 {
    percentile(&mut of, 0.5)
}

/// The value that so great a share is not above.
pub fn percentile(of: &mut [f64], share: f64) -> f64 {
    of.sort_by(f64::total_cmp);
    of[((of.len() as f64 * share).ceil() as usize).saturating_sub(1)]
}
