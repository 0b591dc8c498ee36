//! What a connection is made of, whether the file names its location or an install of the app brings it.

use toml::de::DeValue;

use super::checked::{Access, Auth, Connection, Conversions, OauthApp, RateLimit, Terms, WriteBack};
use super::overlay::Overlay;
use super::schedule::{Schedule, span};
use super::section::Section;
use super::tables::{address, small};

/// `[connection.NAME]`.
pub(super) fn connection(section: &mut Section<'_, '_>, mappers: &[&str]) -> Connection {
    Connection {
        source: section.required("source", "source = \"crm\""),
        location: section.required("location", "location = \"LOCATION\""),
        auth: auth(section),
        conversions: conversions(section),
        terms: terms(section, mappers),
    }
}

/// `[connection.NAME.conversions]`.
fn conversions(section: &mut Section<'_, '_>) -> Option<Conversions> {
    let there = section.has("conversions");
    let mut section = section.section("conversions");
    let ways = there.then(|| Conversions {
        token: section.secret("token", "CONVERSIONS_TOKEN"),
        hmac: section.secret("hmac", "CONVERSIONS_HMAC"),
    });
    if there && !section.has("token") && !section.has("hmac") {
        section.missing("token", "token = { env = \"CONVERSIONS_TOKEN\" }\nor:\nhmac = { env = \"CONVERSIONS_HMAC\" }");
    }
    section.close();
    ways
}

/// `[source.NAME.oauth]`.
pub(super) fn app(section: &mut Section<'_, '_>) -> Option<OauthApp> {
    let there = section.has("oauth");
    let mut section = section.section("oauth");
    let app = there.then(|| OauthApp {
        client_id: section.required("client_id", "client_id = \"APP-ID\""),
        client_secret: section.required_secret("client_secret", "CRM_CLIENT_SECRET"),
        redirect_uri: section.required("redirect_uri", "redirect_uri = \"https://hooks.example.com/oauth/NAME\""),
        authorize_url: address(&mut section, "authorize_url", "authorize_url = \"https://app.example.com/oauth\""),
    });
    section.close();
    app
}

/// `[source.NAME.install]`.
pub(super) fn install(section: &mut Section<'_, '_>, mappers: &[&str]) -> Option<Terms> {
    let there = section.has("install");
    let mut section = section.section("install");
    let made = there.then(|| terms(&mut section, mappers));
    section.close();
    made
}

/// A token, or the word that says that the source's app was granted one.
fn auth(section: &mut Section<'_, '_>) -> Auth {
    let example = "auth = \"oauth\"";
    match section.text("auth", example).as_deref() {
        Some("oauth") => {
            if section.has("token") {
                let span = section.found.place(&section.dotted("auth")).unwrap_or_default();
                let hint = "leave out `auth` to use the token, or `token` to use the source's app".to_owned();
                section.wrong(span, "auth", "and `token` both say how the location is reached", hint);
                // Asked for, so that it is not called unknown as well.
                section.secret("token", &variable(&section.path));
            }
            Auth::Oauth
        }
        Some(_) => {
            let span = section.found.place(&section.dotted("auth")).unwrap_or_default();
            section.wrong(span, "auth", "must be \"oauth\"", example.to_owned());
            Auth::Oauth
        }
        None => Auth::Token(section.required_secret("token", &variable(&section.path))),
    }
}

fn terms(section: &mut Section<'_, '_>, mappers: &[&str]) -> Terms {
    let access = access(section);
    Terms {
        mapper: chosen_mapper(section, mappers),
        destinations: destinations(section),
        access,
        poll: schedule(section, "poll", "poll = \"5m\""),
        sync: schedule(section, "sync", "sync = \"30 3 * * *\""),
        backfill_ms: backfill(section),
        rate_limit: rate_limit(section),
        write_back: write_back(section, access),
        settings: section.settings("settings"),
        overlay: overlay(section),
    }
}

/// A table, or a file that several connections name.
fn overlay(section: &mut Section<'_, '_>) -> Option<Overlay> {
    let example = "overlay = \"euro.toml\"";
    let value = section.value("overlay")?;
    let text = match value.get_ref() {
        DeValue::String(_) => {
            let written = section.text("overlay", example)?;
            let path = section.file("overlay", &written, example);
            section.contents("overlay", value.span(), &path)
        }
        _ => section.settings("overlay"),
    };
    Overlay::read(text).unwrap_or_else(|wrong| {
        section.wrong(value.span(), "overlay", &format!("cannot be laid over anything: {wrong}"), example.to_owned());
        None
    })
}

fn write_back(section: &mut Section<'_, '_>, access: Access) -> WriteBack {
    let mut text = |key, example: &str| {
        let text = section.text(key, example)?;
        if access == Access::Read {
            let span = section.found.place(&section.dotted(key)).unwrap_or_default();
            section.wrong(span, key, "writes to a location that is only read", "access = \"write\"".to_owned());
        }
        Some(text)
    };
    WriteBack {
        tag: text("write_back_tag", "write_back_tag = \"told the ad platform\""),
        note: text("write_back_note", "write_back_note = \"The ad platform was told.\""),
    }
}

fn access(section: &mut Section<'_, '_>) -> Access {
    let example = "access = \"write\"";
    match section.text("access", example).as_deref() {
        None | Some("read") => Access::Read,
        Some("write") => Access::Write,
        Some(_) => {
            let span = section.found.place(&section.dotted("access")).unwrap_or_default();
            section.wrong(span, "access", "must be \"read\" or \"write\"", example.to_owned());
            Access::Read
        }
    }
}

fn schedule(section: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<Schedule> {
    let written = section.text(key, example)?;
    match Schedule::parse(&written) {
        Ok(schedule) => Some(schedule),
        Err(fault) => {
            let span = section.found.place(&section.dotted(key)).unwrap_or_default();
            section.wrong(span, key, &fault, example.to_owned());
            None
        }
    }
}

fn backfill(section: &mut Section<'_, '_>) -> u64 {
    let example = "backfill = \"7d\"";
    let Some(written) = section.text("backfill", example) else { return 0 };
    span(&written).unwrap_or_else(|| {
        let place = section.found.place(&section.dotted("backfill")).unwrap_or_default();
        section.wrong(place, "backfill", "must be a number and one of s, m, h, d", example.to_owned());
        0
    })
}

fn rate_limit(section: &mut Section<'_, '_>) -> Option<RateLimit> {
    let there = section.has("rate_limit");
    let mut section = section.section("rate_limit");
    let limit = there.then(|| RateLimit {
        requests: small(&mut section, "requests", 100, 1, 1_000_000, "requests"),
        per_ms: section.count("per_ms", 10_000, 1..=86_400_000, "milliseconds"),
        daily: section.has("daily").then(|| small(&mut section, "daily", 200_000, 1, u32::MAX, "requests")),
    });
    section.close();
    limit
}

fn chosen_mapper(section: &mut Section<'_, '_>, mappers: &[&str]) -> String {
    let example = format!("mapper = \"{}\"", mappers.first().unwrap_or(&"default"));
    match (section.has("mapper"), mappers) {
        (true, _) | (false, [_]) => {}
        (false, []) => section
            .missing("mapper", &format!("{example}\nand the table:\n[mapper.default]\ncomponent = \"builtin:rules\"")),
        (false, several) => section
            .missing("mapper", &format!("{example}\n(there are {}, so each connection names one)", several.len())),
    }
    let only = || mappers.first().map(|name| (*name).to_owned());
    section.text("mapper", &example).or_else(only).unwrap_or_default()
}

fn destinations(section: &mut Section<'_, '_>) -> Vec<String> {
    let example = "destinations = [\"main\"]";
    if !section.has("destinations") {
        section.missing("destinations", example);
    }
    section.list("destinations", example)
}

/// The environment variable to propose for a table's token: `connection.acme` gives `ACME_TOKEN`.
pub(super) fn variable(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut letters: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    if letters.starts_with(|first: char| first.is_ascii_digit()) {
        letters.insert(0, '_');
    }
    format!("{letters}_TOKEN")
}
