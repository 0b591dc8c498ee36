//! Until when Meta serves which version. Source: "Graph API version history" and "Marketing API version history", as of November 2026.

use crate::bindings::exports::convey::pipeline::conversions_sink::ApiVersion;
use crate::settings::Settings;

/// A version, and when it ends (ms since the epoch) if Meta has said so.
type Known = (&'static str, Option<u64>);

/// Versions of the Graph API, which events follow: at least two years each.
const GRAPH: [Known; 3] = [
    ("v24.0", Some(1_834_444_800_000)), // 18 February 2028
    ("v25.0", Some(1_848_441_600_000)), // 29 July 2028
    ("v26.0", None),
];

/// Versions of the Marketing API, which audiences follow.
const MARKETING: [Known; 4] = [
    ("v24.0", Some(1_794_268_800_000)), // 10 November 2026
    ("v25.0", Some(1_803_340_800_000)), // 23 February 2027
    ("v26.0", None),
    ("v27.0", None),
];

/// The versions these settings make use of.
pub fn used(settings: &Settings) -> Vec<ApiVersion> {
    let use_of = |known: &[Known], used_for: &str, key: &str, name: &str| {
        let ends_at = known.iter().find(|(known, _)| *known == name).and_then(|(_, until)| *until);
        // Without an end there is nothing to move away from.
        let newer = ends_at.and_then(|_| known.iter().find(|(_, until)| until.is_none()));
        ApiVersion {
            used_for: used_for.into(),
            name: name.into(),
            ends_at,
            key: key.into(),
            newer: newer.map(|(name, _)| (*name).into()),
        }
    };
    vec![
        use_of(&GRAPH, "events", "api_version", &settings.api_version),
        use_of(&MARKETING, "audiences", "audience_api_version", &settings.audience_api_version),
    ]
}

#[cfg(test)]
mod tests {
    use super::{GRAPH, MARKETING, used};
    use crate::settings::{DEFAULT_AUDIENCE_VERSION, DEFAULT_VERSION, Settings};

    fn said(settings: &str) -> Vec<(String, String, Option<u64>, Option<String>)> {
        let versions = used(&Settings::parse(settings).expect("settings")).into_iter();
        versions.map(|version| (version.key, version.name, version.ends_at, version.newer)).collect()
    }

    #[test]
    fn each_use_has_its_version_its_end_and_what_to_write_instead() {
        let newer = Some("v26.0".to_owned());
        let events = ("api_version".to_owned(), "v25.0".to_owned(), Some(1_848_441_600_000), newer.clone());
        let audiences = ("audience_api_version".to_owned(), "v25.0".to_owned(), Some(1_803_340_800_000), newer);
        assert_eq!(said("audience_api_version = \"v25.0\""), [events, audiences]);
        assert_eq!(said("api_version = \"v31.0\"")[0], ("api_version".into(), "v31.0".into(), None, None));
    }

    #[test]
    fn the_defaults_are_known_and_that_of_audiences_has_no_end_yet() {
        assert!(GRAPH.iter().any(|(name, _)| *name == DEFAULT_VERSION));
        assert!(MARKETING.iter().any(|(name, until)| *name == DEFAULT_AUDIENCE_VERSION && until.is_none()));
    }
}
