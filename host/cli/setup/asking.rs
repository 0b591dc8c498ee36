//! What `convey init` asks, and where a person finds the answer: the vendors' own menu paths, as data.

/// One question of `convey init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The answer's name on the command line and in JSON.
    pub key: &'static str,
    /// What is asked.
    pub prompt: &'static str,
    /// Where the answer is found.
    pub found_at: &'static str,
    /// What an answer looks like.
    pub example: &'static str,
    /// The answer is a secret: it is not echoed, and the file only names where it is kept.
    pub secret: bool,
    /// An empty answer is fine.
    pub optional: bool,
}

/// The questions, in the order they are asked.
pub const QUESTIONS: [Question; 6] = [
    Question {
        key: "location",
        prompt: "HighLevel location id",
        found_at: "HighLevel, in the sub-account: Settings > Business Profile, or the part after /location/ in the browser's address",
        example: "ve9EPM428h8vShlRW1KT",
        secret: false,
        optional: false,
    },
    Question {
        key: "location_token",
        prompt: "HighLevel private integration token",
        found_at: "HighLevel, in the sub-account: Settings > Private Integrations > Create new integration. Scopes: \
                   contacts.readonly, locations.readonly, locations/customFields.readonly, locations/tasks.readonly, \
                   opportunities.readonly; contacts.write as well if convey may write",
        example: "pit-00000000-0000-0000-0000-000000000000",
        secret: true,
        optional: false,
    },
    Question {
        key: "dataset",
        prompt: "Meta dataset (pixel) id",
        found_at: "Meta Events Manager: Data sources > your dataset > Settings > Dataset ID",
        example: "1234567890123456",
        secret: false,
        optional: false,
    },
    Question {
        key: "dataset_token",
        prompt: "Meta access token of that dataset",
        found_at: "Meta Events Manager: Data sources > your dataset > Settings > Conversions API > Generate access token",
        example: "EAAB…",
        secret: true,
        optional: false,
    },
    Question {
        key: "country",
        prompt: "Country of the location, two letters",
        found_at: "HighLevel, in the sub-account: Settings > Business Profile > Business physical address. Phone numbers without a \
                   country code are read as numbers of this country",
        example: "US",
        secret: false,
        optional: true,
    },
    Question {
        key: "currency",
        prompt: "Currency of the location's amounts, three letters",
        found_at: "HighLevel, in the sub-account: Settings > Business Profile",
        example: "USD",
        secret: false,
        optional: true,
    },
];

/// What remains to be done at HighLevel once the file is written; `{host}` is the public name of this machine.
pub const WEBHOOK_STEP: &str = "HighLevel sends webhooks to an app, not to a private integration: Marketplace > My Apps > your app > \
    Advanced Settings > Webhooks. Turn on the contact, task, note, appointment and opportunity events with the address \
    https://{host}/hooks/highlevel, and install the app in the location.";

/// The question with this key.
pub fn question(key: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{QUESTIONS, question};

    #[test]
    fn every_question_can_be_answered_by_its_key() {
        let keys: BTreeSet<_> = QUESTIONS.iter().map(|question| question.key).collect();
        assert_eq!(keys.len(), QUESTIONS.len());
        for each in &QUESTIONS {
            assert_eq!(question(each.key), Some(each));
            assert!(![each.prompt, each.found_at, each.example].iter().any(|text| text.is_empty()), "{}", each.key);
        }
        assert!(question("location_token").is_some_and(|question| question.secret));
    }
}
