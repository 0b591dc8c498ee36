//! A connection's settings for this source, in TOML.

/// What an operator may choose. Unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The API version asked for.
    pub api_version: ApiVersion,
    /// The location's country, two letters (ISO 3166-1). It wins over the catalogue's.
    pub country: Option<String>,
    /// The location's currency, three letters (ISO 4217). It wins over the catalogue's.
    pub currency: Option<String>,
    /// Where the contact of a change comes from.
    pub contact_from: ContactFrom,
    /// What is fetched beside a contact.
    pub enrich: Enrich,
}

/// Where the contact of a change comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ContactFrom {
    /// Fetched: webhooks carry no attribution, and a contact may have changed since.
    #[default]
    Api,
    /// As the webhook carries it, without a request. A webhook that carries no contact (a task's, a note's, a stage's) costs one all the same.
    Webhook,
}

/// What a contact is told with; each costs one more request a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Enrich {
    /// Its tasks.
    pub tasks: bool,
    /// Its notes.
    pub notes: bool,
    /// Its appointments.
    pub appointments: bool,
}

/// The value of the `Version` header. HighLevel API v2 documents dated versions and v3; these two are the ones this source was written against.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ApiVersion {
    /// The version contacts are documented in.
    #[default]
    Dated,
    /// The version of 2026, same host and paths.
    V3,
}

impl ApiVersion {
    /// As the header spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dated => "2021-07-28",
            Self::V3 => "v3",
        }
    }
}

/// Reads the settings. Every value there is is one plain string, so this reads that part of TOML and refuses the rest by line: a whole TOML
/// parser would be a fifth of the component. Errors: what is wrong, with line, and what may stand there.
pub fn parse(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let mut seen: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let wrong = |what: String| format!("settings of highlevel, line {number}: {what}");
        let Some((key, value)) = entry(line).map_err(&wrong)? else { continue };
        match key.as_str() {
            "api_version" => {
                let versions = [ApiVersion::Dated, ApiVersion::V3];
                let chosen = versions.into_iter().find(|version| version.as_str() == value);
                settings.api_version = chosen.ok_or_else(|| {
                    wrong(format!("api_version = {value:?} is not known; write \"2021-07-28\" or \"v3\""))
                })?;
            }
            "country" => settings.country = Some(letters(&key, "US", &value).map_err(&wrong)?),
            "currency" => settings.currency = Some(letters(&key, "USD", &value).map_err(&wrong)?),
            "contact_from" => settings.contact_from = contact_from(&value).map_err(&wrong)?,
            "enrich" => settings.enrich = enrich(&value).map_err(&wrong)?,
            _ => {
                let keys = "api_version, country, currency, contact_from and enrich";
                return Err(wrong(format!("unknown key {key}; there are {keys}")));
            }
        }
        if seen.contains(&key) {
            return Err(wrong(format!("{key} stands here a second time")));
        }
        seen.push(key);
    }
    Ok(settings)
}

/// One line as key and value; nothing for a blank line or a comment.
fn entry(line: &str) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, value) = line.split_once('=').ok_or("expected key = \"value\"")?;
    let key = key.trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err("expected a plain key before the =".into());
    }
    let value = value.trim_start();
    let expected = || format!("{key} must be one string in quotes");
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or_else(expected)?;
    let (value, rest) = value[1..].split_once(quote).ok_or_else(expected)?;
    let rest = rest.trim_start();
    // No value that can be set needs an escape.
    if value.contains('\\') || !(rest.is_empty() || rest.starts_with('#')) {
        return Err(expected());
    }
    Ok(Some((key.to_owned(), value.to_owned())))
}

fn contact_from(word: &str) -> Result<ContactFrom, String> {
    match word {
        "api" => Ok(ContactFrom::Api),
        "webhook" => Ok(ContactFrom::Webhook),
        _ => Err(format!("contact_from = {word:?} is not known; write contact_from = \"api\" or \"webhook\"")),
    }
}

fn enrich(words: &str) -> Result<Enrich, String> {
    let mut enrich = Enrich::default();
    for word in words.split_whitespace() {
        match word {
            "tasks" => enrich.tasks = true,
            "notes" => enrich.notes = true,
            "appointments" => enrich.appointments = true,
            _ => {
                return Err(format!(
                    "enrich knows no {word:?}; write enrich = \"tasks notes appointments\" or some of them"
                ));
            }
        }
    }
    Ok(enrich)
}

fn letters(key: &str, example: &str, code: &str) -> Result<String, String> {
    if code.len() != example.len() || !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(format!("{key} = {code:?} is not a code of {} letters; write {key} = {example:?}", example.len()));
    }
    Ok(code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_said_means_the_documented_version() {
        assert_eq!(parse("").map(|settings| settings.api_version.as_str()), Ok("2021-07-28"));
        assert_eq!(parse("\r\n# nothing\n  \n"), Ok(Settings::default()));
    }

    #[test]
    fn every_key_is_read() {
        let settings = parse("api_version = \"v3\" # new\r\n\"country\"=\"us\"\n  currency = 'eur'\n").expect("valid");
        assert_eq!(settings.api_version.as_str(), "v3");
        assert_eq!((settings.country.as_deref(), settings.currency.as_deref()), (Some("US"), Some("EUR")));
        let from = parse("contact_from = \"webhook\"").map(|settings| settings.contact_from);
        assert_eq!(from, Ok(ContactFrom::Webhook));
        let enrich = parse("enrich = \" notes  tasks\"").map(|settings| settings.enrich);
        assert_eq!(enrich, Ok(Enrich { tasks: true, notes: true, appointments: false }));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("\napi_verison = \"v3\"", "line 2: unknown key api_verison"),
            ("api_version = \"v2\"", "2021-07-28"),
            ("country = \"USA\"", "country = \"US\""),
            ("currency = \"$\"", "currency = \"USD\""),
            ("contact_from = \"memory\"", "\"api\" or \"webhook\""),
            ("enrich = \"deals\"", "tasks notes appointments"),
            ("country = ", "line 1"),
            ("country = US", "in quotes"),
            ("country = \"US", "in quotes"),
            ("country = \"US\" \"CA\"", "in quotes"),
            ("country = \"\"\"US\"\"\"", "in quotes"),
            ("country = \"\\u0055S\"", "in quotes"),
            ("country = \"US\"\ncountry = \"CA\"", "line 2: country stands here a second time"),
            ("[country]", "expected key"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,40}(=\\PC{0,20})?") {
            let _ = parse(&text);
        }
    }
}
