//! Whose doing a failure is, decided where the error is made: it tells a person where to look.

use std::fmt;

/// Who can do something about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The person who wrote the configuration or set up an account.
    Operator,
    /// A component broke the contract, trapped, or ran out of time or memory.
    Guest,
    /// The CRM or the ad platform.
    Remote,
    /// convey itself, or the machine it runs on.
    Host,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Blame::Operator => "operator",
            Blame::Guest => "guest",
            Blame::Remote => "remote",
            Blame::Host => "host",
        })
    }
}
