//! What an operator may set for a destination.

/// Settings of one dataset: TOML of the plainest kind, one `key = "text"` a line, and below `[audiences]` an id for each name.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The Graph API version events are posted to, `v25.0` unless set.
    pub api_version: String,
    /// The version audiences are changed at, `v26.0` unless set: they belong to the Marketing API, whose versions end within about a year.
    pub audience_api_version: String,
    /// Names the integration to Meta: at least two letters, fewer than 23 characters (Conversions API, "Main Body Parameters").
    pub partner_agent: Option<String>,
    /// The ids of audiences, by the names that the mapping gives them.
    pub audiences: Vec<(String, String)>,
}

/// The version events are sent to unless the operator names one.
pub const DEFAULT_VERSION: &str = "v25.0";
/// The version audiences are changed at unless the operator names one.
pub const DEFAULT_AUDIENCE_VERSION: &str = "v26.0";

impl Settings {
    /// Reads and checks settings. The error says which line to change; unknown and repeated keys are errors.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut api_version, mut audience_api_version, mut partner_agent) = (None, None, None);
        let (mut audiences, mut in_audiences): (Vec<(String, String)>, bool) = (Vec::new(), false);
        for (at, line) in text.lines().enumerate() {
            let place = |what: String| format!("settings of meta, line {}: {what}", at + 1);
            if line.trim() == "[audiences]" {
                in_audiences = true;
                continue;
            }
            let Some((key, value)) = entry(line).map_err(place)? else { continue };
            if in_audiences {
                let name = named(key).map_err(place)?;
                is_audience(value).map_err(place)?;
                if audiences.iter().any(|(known, _)| known == name) {
                    return Err(place(format!("`{key}` is set twice")));
                }
                audiences.push((name.to_owned(), value.to_owned()));
                continue;
            }
            let slot = match key {
                "api_version" => is_version(key, value).map(|()| &mut api_version),
                "audience_api_version" => is_version(key, value).map(|()| &mut audience_api_version),
                "partner_agent" => is_agent(value).map(|()| &mut partner_agent),
                _ => Err(format!(
                    "unknown key `{key}`; there are `api_version`, `audience_api_version`, `partner_agent` and the table `audiences`"
                )),
            };
            if slot.map_err(place)?.replace(value.to_owned()).is_some() {
                return Err(place(format!("`{key}` is set twice")));
            }
        }
        Ok(Self {
            api_version: api_version.unwrap_or_else(|| DEFAULT_VERSION.to_owned()),
            audience_api_version: audience_api_version.unwrap_or_else(|| DEFAULT_AUDIENCE_VERSION.to_owned()),
            partner_agent,
            audiences,
        })
    }

    /// The id of an audience: what the name stands for, or the name itself if it is an id.
    pub fn audience<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let known = self.audiences.iter().find(|(known, _)| known == name).map(|(_, id)| id.as_str());
        known.or_else(|| is_audience(name).is_ok().then_some(name))
    }
}

/// A name as a key: bare, or in quotes.
fn named(key: &str) -> Result<&str, String> {
    let quoted = ['"', '\''].into_iter().find_map(|quote| key.strip_prefix(quote)?.strip_suffix(quote));
    let bare = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    match quoted {
        Some(name) if !name.is_empty() && !name.contains(['\\', '"']) => Ok(name),
        None if !key.is_empty() && bare(key) => Ok(key),
        _ => Err(format!("{key} must be the name of an audience in quotes: \"VIP customers\" = \"1234567890\"")),
    }
}

fn is_audience(id: &str) -> Result<(), String> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{id}` is not an audience id: it is the number Ads Manager shows beside the audience"))
}

/// A line's key and text; none if the line is empty or a comment. A whole TOML parser would be a fifth of this component.
fn entry(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, rest) = line.split_once('=').ok_or("expected `key = \"text\"`")?;
    let (key, rest) = (key.trim(), rest.trim());
    let wrong = || format!("`{key}` must be a plain text in quotes: {key} = \"…\"");
    let quote = rest.chars().next().filter(|char| ['"', '\''].contains(char)).ok_or_else(wrong)?;
    let (value, after) = rest[1..].split_once(quote).ok_or_else(wrong)?;
    let after = after.trim();
    let plain = !value.contains(|char: char| char == '\\' || char.is_control());
    if !plain || !(after.is_empty() || after.starts_with('#')) {
        return Err(wrong());
    }
    Ok(Some((key, value)))
}

fn is_version(key: &str, text: &str) -> Result<(), String> {
    let digits = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    if parts.is_some_and(|(major, minor)| digits(major) && digits(minor)) {
        return Ok(());
    }
    Err(format!("{key} `{text}` is not a version; write it like \"{DEFAULT_VERSION}\""))
}

fn is_agent(text: &str) -> Result<(), String> {
    if text.chars().count() < 23 && text.chars().filter(char::is_ascii_alphabetic).count() >= 2 {
        return Ok(());
    }
    Err(format!("partner_agent `{text}` must have at least two letters and fewer than 23 characters"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DEFAULT_AUDIENCE_VERSION, DEFAULT_VERSION, Settings};

    #[test]
    fn nothing_set_is_the_default() {
        let settings = Settings::parse("\n# nothing\n").expect("empty settings are fine");
        assert_eq!(
            settings,
            Settings {
                api_version: DEFAULT_VERSION.into(),
                audience_api_version: DEFAULT_AUDIENCE_VERSION.into(),
                partner_agent: None,
                audiences: vec![],
            }
        );
    }

    #[test]
    fn both_keys_are_read() {
        let text = "api_version=\"v26.0\" # newest\r\n  partner_agent = 'convey # 1'\n";
        let settings = Settings::parse(text).expect("valid settings");
        assert_eq!(
            settings,
            Settings {
                api_version: "v26.0".into(),
                audience_api_version: DEFAULT_AUDIENCE_VERSION.into(),
                partner_agent: Some("convey # 1".into()),
                audiences: vec![],
            }
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, word) in [
            ("api_verson = \"v25.0\"", "line 1: unknown key `api_verson`"),
            ("\napi_version = \"25\"", "line 2: api_version `25`"),
            ("api_version = \"v25.0/../../me\"", "is not a version"),
            ("api_version = 25", "in quotes"),
            ("api_version = \"v25.0", "in quotes"),
            ("api_version = \"v25.0\" x", "in quotes"),
            ("api_version = \"v25\\u002e0\"", "in quotes"),
            ("api_version = \"v25.0\"\napi_version = \"v25.0\"", "line 2: `api_version` is set twice"),
            ("partner_agent = \"x1\"", "at least two letters"),
            ("partner_agent = \"twenty-three-characters\"", "fewer than 23"),
            ("[table]", "expected"),
            ("[audiences]\n\"VIP\" = \"12a\"", "line 2: `12a` is not an audience id"),
            ("[audiences]\nVIP people = \"12\"", "line 2: VIP people must be the name"),
            ("[audiences]\nVIP = \"1\"\n\"VIP\" = \"2\"", "set twice"),
        ] {
            let error = Settings::parse(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn audiences_have_names() {
        let text = "api_version = \"v25.0\"\n\n[audiences]\n\"VIP customers\" = \"123\"\nothers = '456' # bare";
        let settings = Settings::parse(text).expect("settings");
        let ids = ["VIP customers", "others", "789", "nobody", ""].map(|name| settings.audience(name));
        assert_eq!(ids, [Some("123"), Some("456"), Some("789"), None, None]);
    }

    proptest! {
        #[test]
        fn whatever_passes_is_safe_in_a_path(text in ".{0,40}", version in "[v0-9./?#a]{0,8}") {
            let _ = Settings::parse(&text);
            if let Ok(settings) = Settings::parse(&format!("api_version = \"{version}\"")) {
                prop_assert!(settings.api_version.bytes().all(|byte| byte == b'v' || byte == b'.' || byte.is_ascii_digit()));
                prop_assert_eq!(settings.api_version.matches('.').count(), 1);
            }
        }
    }
}
