//! A label whose values could grow: the first so many are told apart, the rest is one.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// What stands for everything beyond the bound.
const OTHER: &str = "other";

/// Names that may become label values.
pub struct Bounded {
    most: usize,
    known: Mutex<HashSet<String>>,
}

impl Bounded {
    /// Tells `most` names apart.
    pub fn new(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// The name, or `other` where too many are known already.
    pub fn name(&self, name: &str) -> String {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return name.to_owned();
        }
        if known.len() >= self.most {
            return OTHER.to_owned();
        }
        known.insert(name.to_owned());
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn so_many_are_told_apart_and_the_rest_is_one() {
        let names = Bounded::new(2);
        assert_eq!(["a", "b", "c", "a", "d"].map(|name| names.name(name)), ["a", "b", "other", "a", "other"]);
    }
}
