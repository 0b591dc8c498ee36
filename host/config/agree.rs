//! Whether the parts of a configuration agree: names that exist, no location twice, no door open to strangers.

use std::collections::{BTreeMap, HashMap};

use super::checked::{Auth, Config, Terms};
use super::nearest::nearest;
use super::overlay::Unlaid;
use super::problem::line_of;
use super::section::Findings;
use crate::vault::SecretRef;

/// Notes every disagreement. `text` is the file, for the lines of second spots.
pub(super) fn check(config: &Config, found: &mut Findings, text: &str) {
    doors(config, found);
    let installs = config.sources.values().any(|source| source.install.is_some());
    if config.connections.is_empty() && !installs {
        let hint = "add one:\n[connection.acme]\nsource = \"crm\"\nlocation = \"LOCATION\"\n\
                    token = { env = \"ACME_TOKEN\" }\ndestinations = [\"main\"]";
        found.wrong(None, "there is no connection, so nothing would be carried".to_owned(), Some(hint.to_owned()));
    }
    for (name, destination) in &config.destinations {
        refers(found, &format!("destination.{name}.sink"), &destination.sink, "sink", &config.sinks);
    }
    for (name, connection) in &config.connections {
        let path = format!("connection.{name}");
        refers(found, &format!("{path}.source"), &connection.source, "source", &config.sources);
        terms(config, found, &path, &connection.terms);
        let app = config.sources.get(&connection.source).map(|source| source.oauth.is_some());
        if connection.auth == Auth::Oauth && app == Some(false) {
            let source = &connection.source;
            let message = format!("`{path}.auth` needs the app of source \"{source}\", which has none");
            let hint = format!("add the table:\n{}", APP.replace("NAME", source));
            found.wrong(found.place(&format!("{path}.auth")), message, Some(hint));
        }
    }
    for (name, source) in &config.sources {
        if let Some(install) = &source.install {
            let path = format!("source.{name}.install");
            terms(config, found, &path, install);
            if source.oauth.is_none() {
                let message = format!("[{path}] needs the app whose installs it answers");
                let hint = format!("add the table:\n{}", APP.replace("NAME", name));
                found.wrong(found.place(&format!("source.{name}")), message, Some(hint));
            }
        }
    }
    locations(config, found, text);
    reporters(config, found);
}

const APP: &str = "[source.NAME.oauth]\nclient_id = \"APP-ID\"\nclient_secret = { env = \"NAME_CLIENT_SECRET\" }\n\
                   redirect_uri = \"https://hooks.example.com/oauth/NAME\"";

fn terms(config: &Config, found: &mut Findings, path: &str, terms: &Terms) {
    refers(found, &format!("{path}.mapper"), &terms.mapper, "mapper", &config.mappers);
    for (at, destination) in terms.destinations.iter().enumerate() {
        let place = format!("{path}.destinations.{at}");
        refers(found, &place, destination, "destination", &config.destinations);
        if terms.destinations[..at].contains(destination) {
            let message = format!("`{path}.destinations` names \"{destination}\" twice");
            found.wrong(found.place(&place), message, Some("leave one out".to_owned()));
        }
    }
    overlay(config, found, path, terms);
}

/// What is laid over settings needs some, and must fit them.
fn overlay(config: &Config, found: &mut Findings, path: &str, terms: &Terms) {
    let Some((overlay, mapper)) = terms.overlay.as_ref().zip(config.mappers.get(&terms.mapper)) else { return };
    let name = &terms.mapper;
    let place = found.place(&format!("{path}.overlay"));
    if mapper.settings.is_none() {
        let message = format!("`{path}.overlay` is laid over the settings of mapper \"{name}\", which has none");
        let hint = format!("[mapper.{name}]\nsettings = \"mapping.toml\"");
        found.wrong(place, message, Some(hint));
    } else if let Err(Unlaid { message, hint }) = overlay.over(&mapper.settings_text) {
        found.wrong(place, format!("`{path}.overlay` does not fit mapper \"{name}\": {message}"), hint);
    }
}

fn doors(config: &Config, found: &mut Findings) {
    let (ingress, admin) = (config.ingress.listen, &config.admin);
    if !admin.listen.ip().is_loopback() && !admin.allow_remote {
        let port = admin.listen.port();
        let message = format!("`admin.listen` lets other machines in: {} is not loopback", admin.listen.ip());
        let hint = format!("listen = \"127.0.0.1:{port}\"\nor, if that is meant:\nallow_remote = true");
        found.wrong(found.place("admin.listen"), message, Some(hint));
    }
    if ingress == admin.listen && ingress.port() != 0 {
        let message = format!("`admin.listen` and `ingress.listen` are the same: {ingress}");
        let hint = format!("listen = \"127.0.0.1:{}\"", ingress.port().checked_add(1).unwrap_or(8481));
        let place = found.place("admin.listen").or_else(|| found.place("ingress.listen"));
        found.wrong(place, message, Some(hint));
    }
}

/// The name written at `path` must be a key of `known`. What is not in the file was reported as missing already.
fn refers<T>(found: &mut Findings, path: &str, name: &str, kind: &str, known: &BTreeMap<String, T>) {
    let Some(place) = found.place(path) else { return };
    if name.is_empty() || known.contains_key(name) {
        return;
    }
    let names = || known.keys().map(String::as_str);
    let hint = match (nearest(name, names()), known.len()) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, 0) => format!("add the table:\n[{kind}.{name}]"),
        (None, _) => {
            format!("there is: {}; or add the table:\n[{kind}.{name}]", names().collect::<Vec<_>>().join(", "))
        }
    };
    found.wrong(Some(place), format!("there is no {kind} called \"{name}\""), Some(hint));
}

/// One location twice would tell the same facts under two names.
fn locations(config: &Config, found: &mut Findings, text: &str) {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let start =
        |found: &Findings, name: &str| found.place(&format!("connection.{name}.location")).map(|span| span.start);
    let mut connections: Vec<_> = config.connections.iter().filter(|(_, made)| !made.location.is_empty()).collect();
    connections.sort_by_key(|(name, _)| start(found, name));
    for (name, connection) in connections {
        let key = (connection.source.as_str(), connection.location.as_str());
        let Some(earlier) = first.get(&key).copied() else {
            first.insert(key, name);
            continue;
        };
        let line = start(found, earlier).map(|at| line_of(text, at)).unwrap_or_default();
        let message =
            format!("location \"{}\" belongs to connection \"{earlier}\" already (line {line})", connection.location);
        let hint = format!("one connection may have several destinations: list them in [connection.{earlier}]");
        found.wrong(found.place(&format!("connection.{name}.location")), message, Some(hint));
    }
}

/// A report is of the connection whose secret came with it, so no two connections have the same.
fn reporters(config: &Config, found: &mut Findings) {
    let mut first: HashMap<&SecretRef, &str> = HashMap::new();
    for (name, connection) in &config.connections {
        let Some(ways) = &connection.conversions else { continue };
        for (key, place) in [("token", &ways.token), ("hmac", &ways.hmac)] {
            let Some(place) = place else { continue };
            let earlier = *first.entry(place).or_insert(name);
            if earlier != name {
                let path = format!("connection.{name}.conversions.{key}");
                let message = format!("`{path}` is the secret of connection \"{earlier}\" already");
                let hint = "a report names no connection: its secret does, so each connection needs its own".to_owned();
                found.wrong(found.place(&path), message, Some(hint));
            }
        }
    }
}
