//! Cases: a contact or webhook as the CRM writes it, or a change, and the effects it must give.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::partial;
use crate::contract::Change;
use crate::engine::Subject;

/// In whose name a body is read that comes alone, in a case or through `convey translate`. Ids derive from it, so it is one and the same
/// everywhere: what `translate` prints can stand in a case, and a case means the same beside a running convey as without one.
pub fn alone() -> Subject {
    Subject {
        connection: "translate".to_owned(),
        location: String::new(),
        settings: String::new(),
        catalogue: None,
        since: 0,
    }
}

/// One case, a JSON file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows. The file's name, when it is left out.
    #[serde(default)]
    pub name: String,
    /// The trigger of a bare contact, `contact-created` say.
    pub trigger: Option<String>,
    /// A contact or a webhook body, as the CRM writes it. This or a change.
    pub delivery: Option<Value>,
    /// A change in the contract's own words; what it leaves out is blank.
    pub change: Option<Value>,
    /// What must come out: the effects as `convey translate` prints them. Left out: anything, as long as it is always the same.
    pub effects: Option<Value>,
    /// The code of the skip that must come out instead.
    pub skip: Option<String>,
}

/// Why cases cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// What was tried.
        path: String,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A file is not a case.
    #[error(
        "{path}: {source}. A case is {{\"delivery\": …, \"trigger\"?, \"effects\"? or \"skip\"?}} or {{\"change\": …, \"effects\"? or \"skip\"?}}"
    )]
    NotACase {
        /// The file.
        path: String,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// What a case is about.
pub enum About<'a> {
    /// A body to be read by a source, with the trigger of a bare contact.
    Delivery(&'a Value, Option<&'a str>),
    /// A change as it is.
    Change(Box<Change>),
}

impl Case {
    /// What it is about.
    ///
    /// # Errors
    /// What is wrong with it: both or neither are given, or the change is none.
    pub fn about(&self) -> Result<About<'_>, String> {
        match (&self.delivery, &self.change, &self.trigger) {
            (Some(delivery), None, trigger) => Ok(About::Delivery(delivery, trigger.as_deref())),
            (None, Some(_), Some(_)) => {
                Err("a change names its trigger itself: move `trigger` into `change`".to_owned())
            }
            (None, Some(given), None) => Ok(About::Change(Box::new(partial::change(given)?))),
            (Some(_), Some(_), _) => Err("it holds a `delivery` and a `change`: keep one".to_owned()),
            (None, None, _) => Err("it holds neither a `delivery` nor a `change`".to_owned()),
        }
    }

    /// Whether a source must read it.
    pub fn needs_source(&self) -> bool {
        self.delivery.is_some()
    }

    /// Every `.json` file of a folder, by name.
    pub fn folder(folder: &Path) -> Result<Vec<Self>, CaseError> {
        let unreadable = |source| CaseError::Unreadable { path: folder.display().to_string(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            paths.push(entry.map_err(unreadable)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::file(path)).collect()
    }

    fn file(path: &Path) -> Result<Self, CaseError> {
        let shown = || path.display().to_string();
        let text = std::fs::read(path).map_err(|source| CaseError::Unreadable { path: shown(), source })?;
        let mut case: Self =
            serde_json::from_slice(&text).map_err(|source| CaseError::NotACase { path: shown(), source })?;
        if case.name.is_empty() {
            case.name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        }
        Ok(case)
    }
}
