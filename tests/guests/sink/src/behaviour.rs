//! What a destination's settings ask for.

/// How a delivery is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// `well` or nothing: posts the events and believes the status.
    Well,
    /// `greedy:URL`: asks for another address and tells, in `rejected`, what came of it.
    Greedy(String),
    /// `peek`: tells, in `rejected`, every header and body it can see, its own request's and the echo's.
    Peek,
    /// `trap`: a panic.
    Trap,
    /// `hang`: a loop without end.
    Hang,
    /// `hog`: allocates until there is no more.
    Hog,
    /// `slow:MS`: waits, in milliseconds, before it posts.
    Slow(u64),
    /// `chatty:WORDS`: writes them in capitals to its stderr, and an address, before it posts.
    Chatty(String),
    /// `short`: one outcome fewer than events.
    Short,
}

impl Behaviour {
    /// Reads the settings. The error names the word that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // A configuration hands settings over as TOML.
        let text = text.strip_prefix("behaviour = \"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match (word, rest) {
            ("" | "well", "") => Self::Well,
            ("greedy", url) if !url.is_empty() => Self::Greedy(url.to_owned()),
            ("peek", "") => Self::Peek,
            ("trap", "") => Self::Trap,
            ("hang", "") => Self::Hang,
            ("hog", "") => Self::Hog,
            ("short", "") => Self::Short,
            ("chatty", words) if !words.is_empty() => Self::Chatty(words.to_owned()),
            ("slow", ms) => Self::Slow(ms.parse().map_err(|_| format!("slow:{ms} is not a number of milliseconds"))?),
            _ => return Err(format!("no such behaviour: {text}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Behaviour;

    #[test]
    fn every_behaviour_has_a_word() {
        let parse = |text| Behaviour::parse(text).expect(text);
        assert_eq!([parse("\n"), parse("behaviour = \"well\"\n")], [Behaviour::Well, Behaviour::Well]);
        assert_eq!(parse("greedy:http://127.0.0.1:1/x?y=z"), Behaviour::Greedy("http://127.0.0.1:1/x?y=z".into()));
        assert_eq!(parse("chatty:well well"), Behaviour::Chatty("well well".into()));
        assert_eq!(parse("slow:250"), Behaviour::Slow(250));
        assert_eq!([parse("peek"), parse("trap"), parse("hang")], [Behaviour::Peek, Behaviour::Trap, Behaviour::Hang]);
        for text in ["greedy", "greedy:", "chatty:", "slow", "trap:now", "pek"] {
            assert!(Behaviour::parse(text).is_err(), "{text}");
        }
    }
}
