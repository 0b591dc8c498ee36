//! The mapping an empty settings text means.

use crate::settings::Settings;

/// The commented file that is in force when the operator writes none, and that a new installation starts from.
pub const TEXT: &str = include_str!("../default.toml");

/// The settings of [`TEXT`].
pub fn settings() -> Settings {
    Settings::parse(TEXT).expect("a test holds the shipped text free of problems")
}

#[cfg(test)]
mod tests {
    use super::*;
    use convey_sdk::trigger::TriggerKey;

    #[test]
    fn the_shipped_text_is_valid_and_names_every_trigger() {
        assert!(settings().remarks.is_empty());
        for key in TriggerKey::ALL {
            assert!(TEXT.contains(key.as_str()), "{} is not explained in default.toml", key.as_str());
        }
    }

    #[test]
    fn an_empty_text_is_the_default() {
        assert_eq!(Settings::parse("  \n").expect("valid").rules, settings().rules);
    }
}
