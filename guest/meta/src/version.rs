//! Until when Meta serves which version. Source: "Graph API version history" and "Marketing API version history", as of November 2026.

use crate::settings::Settings;

/// What a version is used for, its name, and when it ends (ms since the epoch) if Meta has said so.
pub type Used = (&'static str, String, Option<u64>);

/// Versions of the Graph API, which events follow: at least two years each.
pub const GRAPH: [(&str, Option<u64>); 3] = [
    ("v24.0", Some(1_834_444_800_000)), // 18 February 2028
    ("v25.0", Some(1_848_441_600_000)), // 29 July 2028
    ("v26.0", None),
];

/// Versions of the Marketing API, which audiences follow.
const MARKETING: [(&str, Option<u64>); 4] = [
    ("v24.0", Some(1_794_268_800_000)), // 10 November 2026
    ("v25.0", Some(1_803_340_800_000)), // 23 February 2027
    ("v26.0", None),
    ("v27.0", None),
];

/// The versions these settings make use of.
pub fn used(settings: &Settings) -> Vec<Used> {
    let until = |known: &[(&str, Option<u64>)], version: &str| {
        known.iter().find(|(name, _)| *name == version).and_then(|(_, until)| *until)
    };
    let (events, audiences) = (&settings.api_version, &settings.audience_api_version);
    vec![
        ("events", events.clone(), until(&GRAPH, events)),
        ("audiences", audiences.clone(), until(&MARKETING, audiences)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{MARKETING, used};
    use crate::settings::{DEFAULT_AUDIENCE_VERSION, Settings};

    #[test]
    fn each_use_has_its_version_and_its_end() {
        let settings = Settings::parse("audience_api_version = \"v25.0\"").expect("settings");
        let said = [("events", "v25.0", Some(1_848_441_600_000)), ("audiences", "v25.0", Some(1_803_340_800_000))];
        assert_eq!(used(&settings), said.map(|(what, name, until)| (what, name.to_owned(), until)));
        let settings = Settings::parse("api_version = \"v31.0\"").expect("settings");
        assert_eq!(used(&settings)[0], ("events", "v31.0".to_owned(), None));
        assert!(MARKETING.iter().any(|(name, until)| *name == DEFAULT_AUDIENCE_VERSION && until.is_none()));
    }
}
