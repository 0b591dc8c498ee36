//! What the platform says to people about an error: title and text by code and subcode, in the language that was asked for.

/// A language the platform writes in. It has many; two are enough to see that nobody decides by the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// `en`, and whatever is not known.
    #[default]
    English,
    /// `fr`.
    French,
}

impl Language {
    /// From `fr_FR`, or the first of an `Accept-Language`.
    pub fn of(asked: Option<&str>) -> Self {
        let french = asked.is_some_and(|tag| tag.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("fr")));
        if french { Self::French } else { Self::English }
    }
}

/// Title and text of a subcode in English.
pub fn of(code: i64, subcode: i64) -> Option<(&'static str, &'static str)> {
    Some(match (code, subcode) {
        (100, 2_804_003) => (
            "Event Timestamp Too Old",
            "The timestamp of an event is too far in the past: events may be up to 7 days old. No event was taken.",
        ),
        (100, 2_804_004) => {
            ("Event Timestamp In The Future", "The timestamp of an event is in the future. Is it in milliseconds?")
        }
        (100, 2_804_008) => ("Invalid Custom Data", "custom_data must be an object."),
        (100, 2_804_009) => ("Missing Value For Purchase Event", "A Purchase needs a value."),
        (100, 2_804_010) => ("Missing Currency For Purchase Event", "A Purchase needs a currency."),
        (100, 2_804_016) => (
            "Invalid Custom Data",
            "A field of custom_data is not valid: value is a number, currency an ISO 4217 code.",
        ),
        (100, 2_804_036) => ("Invalid Lead ID", "The lead_id of an event is invalid, or the lead was deleted."),
        (100, 2_804_043) => (
            "Invalid Extended Device Information",
            "extinfo of app_data needs its version and the version of the system.",
        ),
        (100, 2_804_050) => (
            "Insufficient Customer Information",
            "An event does not hold enough customer information to be matched: send more, or better, parameters.",
        ),
        (100, 2_804_063) => ("Missing Messaging Channel", "A business_messaging event needs its messaging_channel."),
        (100, 1_713_230) => ("Audience Is Flagged", "This audience cannot be changed: it goes against the policies."),
        (200, 1_870_034 | 1_870_090) => {
            ("Custom Audience Terms Not Accepted", "The ad account has not accepted the terms of custom audiences.")
        }
        (2_650, 1_870_144) => ("Audience Too Large", "The replacement holds too many people."),
        (2_650, 1_870_145) => {
            ("Update In Progress", "Another update of this audience is in progress: wait until it ends.")
        }
        (2_650, 1_870_147) => ("Invalid First Batch", "The first batch of a session must have batch_seq 1."),
        (2_650, 1_870_148) => ("Partial Failure", "A part of the replacement failed: start again."),
        (2_650, 1_870_158) => ("Session Timed Out", "A session ends after 90 minutes: start a new one."),
        (2_650, 1_870_159) => ("Session Already Closed", "The last batch of this session has come already."),
        _ => return None,
    })
}

/// The title and the text as a reader of that language gets them: in French all errors share one pair.
pub fn in_language<'a>(language: Language, title: &'a str, text: &'a str) -> (&'a str, &'a str) {
    match language {
        Language::English => (title, text),
        Language::French => ("Paramètre non valide", "Un élément de la requête n’est pas valide."),
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_first_language_counts() {
        let language = |asked| Language::of(Some(asked));
        assert_eq!([language("fr_FR"), language("FR-ca,en;q=0.5")], [Language::French; 2]);
        assert_eq!([language("en-GB,fr"), language(""), language("f"), Language::of(None)], [Language::English; 4]);
    }
}
