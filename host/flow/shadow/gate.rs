//! Gates: when a shadow is believed, as one line: `differing < 2% && faults == 0 && changes >= 1000`.

use super::tally::Tally;

/// Conditions that all must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate(Vec<Term>);

#[derive(Clone, Debug, PartialEq)]
struct Term {
    what: What,
    compares: Compares,
    number: f64,
    /// Of a hundred changes, not of all.
    share: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Changes,
    Differing,
    Faults,
    Added,
    Removed,
    Turned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compares {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

const WHAT: [(&str, What); 6] = [
    ("changes", What::Changes),
    ("differing", What::Differing),
    ("faults", What::Faults),
    ("added", What::Added),
    ("removed", What::Removed),
    ("turned", What::Turned),
];

/// Longer ones first: `<` begins `<=` too.
const COMPARES: [(&str, Compares); 5] = [
    ("<=", Compares::AtMost),
    (">=", Compares::AtLeast),
    ("==", Compares::Equal),
    ("<", Compares::Less),
    (">", Compares::More),
];

/// A share says something from so many changes on.
const ENOUGH: u64 = 100;

/// What has to hold after a promotion if nothing else was said.
pub const GUARD: &str = "faults < 5";

impl Gate {
    /// Reads a gate.
    ///
    /// # Errors
    /// What is wrong with it, and what may stand there.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split("&&").map(|term| Term::parse(term.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether all of it holds.
    pub fn holds(&self, tally: &Tally) -> bool {
        tally.compared > 0 && self.0.iter().all(|term| term.holds(tally))
    }

    /// The first condition that does not hold of what was promoted, in words. How many changes there are is no matter then, and a share is none
    /// before there are enough.
    pub fn breach(&self, tally: &Tally) -> Option<String> {
        let broken = self.0.iter().find(|term| {
            let matters = term.what != What::Changes && (!term.share || tally.compared >= ENOUGH);
            matters && !term.holds(tally)
        });
        broken.map(|term| {
            let (name, _) = WHAT.iter().find(|(_, what)| *what == term.what).unwrap_or(&WHAT[0]);
            let (sign, _) = COMPARES.iter().find(|(_, compares)| *compares == term.compares).unwrap_or(&COMPARES[0]);
            let share = if term.share { "%" } else { "" };
            let found = (term.value(tally) * 100.0).round() / 100.0;
            format!("{name} {sign} {}{share} does not hold: {name} is {found}{share}", term.number)
        })
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<&str> = WHAT.iter().map(|(name, _)| *name).collect();
            format!(
                "`{text}` is no condition: write {} of a number, as in `differing < 2% && faults == 0`",
                names.join("|")
            )
        };
        let (name, rest) = text.split_at(text.find(['<', '>', '=', ' ']).ok_or_else(wrong)?);
        let (_, what) = *WHAT.iter().find(|(known, _)| *known == name).ok_or_else(wrong)?;
        let rest = rest.trim_start();
        let (sign, compares) = *COMPARES.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(wrong)?;
        let number = rest[sign.len()..].trim();
        let (number, share) = number.strip_suffix('%').map_or((number, false), |number| (number.trim_end(), true));
        let number: f64 = number.parse().map_err(|_| wrong())?;
        if !number.is_finite() || (share && what == What::Changes) {
            return Err(wrong());
        }
        Ok(Self { what, compares, number, share })
    }

    fn value(&self, tally: &Tally) -> f64 {
        let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
        let count = match self.what {
            What::Changes => tally.compared,
            What::Differing => tally.differing,
            What::Faults => tally.faulty,
            What::Added => sum(&tally.added),
            What::Removed => sum(&tally.removed),
            What::Turned => sum(&tally.spoke) + sum(&tally.fell_silent),
        };
        if self.share { 100.0 * count as f64 / (tally.compared.max(1)) as f64 } else { count as f64 }
    }

    fn holds(&self, tally: &Tally) -> bool {
        let value = self.value(tally);
        match self.compares {
            Compares::Less => value < self.number,
            Compares::AtMost => value <= self.number,
            Compares::More => value > self.number,
            Compares::AtLeast => value >= self.number,
            Compares::Equal => (value - self.number).abs() < f64::EPSILON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Tally};

    fn tally(compared: u64, differing: u64, faulty: u64) -> Tally {
        Tally { compared, differing, faulty, ..Tally::default() }
    }

    #[test]
    fn all_conditions_must_hold() {
        let gate = Gate::parse("differing < 2% && faults == 0 && changes >= 1000").expect("a gate");
        assert!(gate.holds(&tally(1_000, 19, 0)));
        for short in [tally(999, 0, 0), tally(1_000, 20, 0), tally(1_000, 0, 1), tally(0, 0, 0)] {
            assert!(!gate.holds(&short), "{short:?}");
        }
    }

    #[test]
    fn a_breach_is_what_holds_no_more_once_there_is_enough_to_say_so() {
        let gate = Gate::parse("differing<2%&&faults==0&&changes>=1000").expect("a gate");
        assert_eq!(gate.breach(&tally(50, 50, 0)), None);
        assert!(
            gate.breach(&tally(50, 0, 1)).is_some_and(|text| text.contains("faults == 0 does not hold: faults is 1"))
        );
        assert!(gate.breach(&tally(100, 2, 0)).is_some_and(|text| text.contains("differing is 2%")));
    }

    #[test]
    fn what_is_no_gate_is_refused_with_what_may_stand_there() {
        for text in ["", "differing", "different < 2%", "faults = 0", "changes >= 10%", "faults < many", "a && b"] {
            assert!(Gate::parse(text).is_err_and(|error| error.contains("faults == 0")), "{text}");
        }
    }
}
