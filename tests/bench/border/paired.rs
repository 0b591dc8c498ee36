//! Two ways to do the same work, measured so that what else the machine does falls on both: CPU time of this thread, small turns, many rounds.

use rustix::time::{ClockId, clock_gettime};

/// CPU time a item in every round, in nanoseconds, sorted.
pub struct Costs(Vec<f64>);

/// What a pair of measurements says.
pub struct Pair {
    /// The reference.
    pub reference: Costs,
    /// What is held against it.
    pub subject: Costs,
    /// Subject by reference, of each round.
    pub ratio: Costs,
}

impl Costs {
    fn of(mut costs: Vec<f64>) -> Self {
        costs.sort_by(f64::total_cmp);
        Self(costs)
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The least and the most.
    pub fn range(&self) -> (f64, f64) {
        (self.0[0], self.0[self.0.len() - 1])
    }
}

/// CPU time of this thread, in nanoseconds.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs both over every turn in each round, one right after the other and the first of them changing; a first round warms up and is not counted.
/// The turns hold so many items, and go round so many times.
pub fn pair<T>(
    turns: &[T],
    (items, rounds): (usize, usize),
    mut reference: impl FnMut(&T),
    mut subject: impl FnMut(&T),
) -> Pair {
    let (mut references, mut subjects, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (mut of_reference, mut of_subject) = (0, 0);
        for (at, turn) in turns.iter().enumerate() {
            if (at + round) % 2 == 0 {
                of_reference += spent(|| reference(turn));
                of_subject += spent(|| subject(turn));
            } else {
                of_subject += spent(|| subject(turn));
                of_reference += spent(|| reference(turn));
            }
        }
        if round > 0 {
            references.push(of_reference as f64 / items as f64);
            subjects.push(of_subject as f64 / items as f64);
            ratios.push(of_subject as f64 / of_reference as f64);
        }
    }
    Pair { reference: Costs::of(references), subject: Costs::of(subjects), ratio: Costs::of(ratios) }
}

fn spent(work: impl FnOnce()) -> u64 {
    let since = cpu_ns();
    work();
    cpu_ns() - since
}
