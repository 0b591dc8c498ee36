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
    /// `slow`: some milliseconds of computing before it does well.
    Slow,
    /// `asks`: an audience change and a CRM command beside the event.
    Asks,
}

/// Whom a behaviour is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whom {
    /// Who has the tag.
    #[default]
    Marked,
    /// `always`: everybody.
    Everybody,
    /// `rarely`: about one contact in a hundred, by their id; always the same ones.
    Hundredth,
}

/// The behaviour and whom it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    behaviour: Behaviour,
    whom: Whom,
}

/// The tag that sets a behaviour off.
pub const MARK: &str = "misbehave";

impl Settings {
    /// Reads `BEHAVIOUR`, `BEHAVIOUR always` or `BEHAVIOUR rarely`; nothing at all is `well`. `refuse` and every unknown word are problems.
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
            "slow" => Behaviour::Slow,
            "asks" => Behaviour::Asks,
            "refuse" => return Err(problem(word, "these settings are refused on purpose")),
            _ => return Err(problem(word, "no such behaviour")),
        };
        match words.next() {
            None => Ok(Self { behaviour, whom: Whom::Marked }),
            Some("always") => Ok(Self { behaviour, whom: Whom::Everybody }),
            Some("rarely") => Ok(Self { behaviour, whom: Whom::Hundredth }),
            Some(other) => Err(problem(other, "only `always` or `rarely` may follow the behaviour")),
        }
    }

    /// What to do with this change.
    pub fn behaviour(self, change: &Change) -> Behaviour {
        let meant = match self.whom {
            Whom::Marked => change.contact.tags.iter().any(|tag| tag == MARK),
            Whom::Everybody => true,
            Whom::Hundredth => is_hundredth(&change.contact.id),
        };
        if meant { self.behaviour } else { Behaviour::Well }
    }

    /// Whether this change makes the list of results too short.
    pub fn is_short(self, change: &Change) -> bool {
        self.behaviour(change) == Behaviour::Short
    }
}

/// Whether a contact is one of a hundred (FNV-1a of the id).
pub fn is_hundredth(id: &str) -> bool {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 16) % 100 == 0
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
    use super::{Behaviour, Settings, Whom};

    #[test]
    fn one_word_and_perhaps_always() {
        let parse = |text| Settings::parse(text).expect(text);
        assert_eq!(parse("trap\n"), Settings { behaviour: Behaviour::Trap, whom: Whom::Marked });
        assert_eq!(parse("impure always"), Settings { behaviour: Behaviour::Impure, whom: Whom::Everybody });
        assert_eq!(parse("hang rarely"), Settings { behaviour: Behaviour::Hang, whom: Whom::Hundredth });
        assert_eq!((0..10_000).filter(|id| super::is_hundredth(&format!("contact-{id}"))).count() / 20, 5);
        assert_eq!(parse(""), Settings::default());
        assert_eq!(super::reads("reads a b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(super::reads("well"), None);
        for text in ["refuse", "tarp", "trap never"] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
    }
}
