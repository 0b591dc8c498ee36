//! What the settings ask for.

use crate::bindings::convey::pipeline::types::{Change, Problem};

/// How a marked change is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// `well`: like every other change.
    #[default]
    Well,
    /// `trap`: a panic.
    Trap,
    /// `hang`: a loop without end.
    Hang,
    /// `hog`: allocates until there is no more.
    Hog,
    /// `deep`: recursion without end.
    Deep,
    /// `chatty`: eight megabytes of text in one event.
    Chatty,
    /// `impure`: the result depends on how many changes came before.
    Impure,
    /// `smuggler`: the contact's e-mails and phones go out as free text.
    Smuggler,
    /// `wild`: a value that is not a number.
    Wild,
    /// `short`: one result fewer than changes.
    Short,
    /// `asks`: an audience change and a CRM command beside the event.
    Asks,
}

/// The behaviour and whom it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    behaviour: Behaviour,
    always: bool,
}

/// The tag that sets a behaviour off.
pub const MARK: &str = "misbehave";

impl Settings {
    /// Reads `BEHAVIOUR` or `BEHAVIOUR always`; nothing at all is `well`. `refuse` and every unknown word are problems.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut words = text.split_whitespace();
        let word = words.next().unwrap_or("well");
        let behaviour = match word {
            "well" => Behaviour::Well,
            "trap" => Behaviour::Trap,
            "hang" => Behaviour::Hang,
            "hog" => Behaviour::Hog,
            "deep" => Behaviour::Deep,
            "chatty" => Behaviour::Chatty,
            "impure" => Behaviour::Impure,
            "smuggler" => Behaviour::Smuggler,
            "wild" => Behaviour::Wild,
            "short" => Behaviour::Short,
            "asks" => Behaviour::Asks,
            "refuse" => return Err(problem(word, "these settings are refused on purpose")),
            _ => return Err(problem(word, "no such behaviour")),
        };
        match words.next() {
            None => Ok(Self { behaviour, always: false }),
            Some("always") => Ok(Self { behaviour, always: true }),
            Some(other) => Err(problem(other, "only `always` may follow the behaviour")),
        }
    }

    /// What to do with this change.
    pub fn behaviour(self, change: &Change) -> Behaviour {
        let marked = self.always || change.contact.tags.iter().any(|tag| tag == MARK);
        if marked { self.behaviour } else { Behaviour::Well }
    }

    /// Whether this change makes the list of results too short.
    pub fn is_short(self, change: &Change) -> bool {
        self.behaviour(change) == Behaviour::Short
    }
}

/// The keys after the word `reads`: custom fields that it says it reads, each with a remark. Apart from that it behaves well.
pub fn reads(text: &str) -> Option<Vec<String>> {
    let mut words = text.split_whitespace();
    (words.next() == Some("reads")).then(|| words.map(str::to_owned).collect())
}

/// What it remarks on a key.
pub fn remark(key: &str) -> Problem {
    problem(key, &format!("{key} is read, and nothing comes of it"))
}

fn problem(word: &str, message: &str) -> Problem {
    let length = u32::try_from(word.chars().count()).unwrap_or(u32::MAX);
    let hint = Some("write `well`".to_owned());
    Problem { line: 1, column: 1, length, message: message.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Settings};

    #[test]
    fn one_word_and_perhaps_always() {
        let parse = |text| Settings::parse(text).expect(text);
        assert_eq!(parse("trap\n"), Settings { behaviour: Behaviour::Trap, always: false });
        assert_eq!(parse("impure always"), Settings { behaviour: Behaviour::Impure, always: true });
        assert_eq!(parse(""), Settings::default());
        assert_eq!(super::reads("reads a b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(super::reads("well"), None);
        for text in ["refuse", "tarp", "trap never"] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
    }
}
