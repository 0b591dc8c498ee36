//! Who may do what behind the admin door: a viewer looks, an operator also changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody may do. An operator may do everything that a viewer may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Look, change, and open what is sealed.
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        })
    }
}
