//! From the tables of the file to the values the host works with. What is missing has its usual value here, and nowhere else.

use std::net::SocketAddr;
use std::path::Path;

use http::Uri;
use toml::de::DeTable;

use super::alerts;
use super::checked::PIN;
use super::checked::{
    Admin, Ambiguous, ComponentRef, Config, Destination, Ingress, Limits, Mapper, Metrics, Retention, Sink, Source,
};
use super::name::is_name;
use super::section::{Findings, Section};
use super::terms;
use super::upstream;

/// Reads the whole file. A value that is wrong is noted in `found` and stands as something harmless: such a configuration is
/// never handed out.
pub(super) fn read<'a>(document: &'a DeTable<'a>, path: &Path, found: &mut Findings) -> Config {
    let mut root = Section::root(document, found);
    let state_dir = root.text("state_dir", "state_dir = \"convey-state\"").unwrap_or_else(|| "convey-state".to_owned());
    let state_dir = root.found.resolve(&state_dir);
    let ingress = once(&mut root, "ingress", ingress);
    let admin = once(&mut root, "admin", admin);
    let vault_key = once(&mut root, "vault", |vault| vault.secret("key", "CONVEY_VAULT_KEY"));
    let limits = once(&mut root, "limits", limits);
    let retention = once(&mut root, "retention", |retention| Retention {
        done_days: small(retention, "done_days", 30, 1, 3650, "days"),
        dead_days: small(retention, "dead_days", 90, 1, 3650, "days"),
        audit_days: small(retention, "audit_days", 90, 1, 3650, "days"),
        command_days: small(retention, "command_days", 365, 1, 3650, "days"),
        uninstalled_days: small(retention, "uninstalled_days", 30, 1, 3650, "days"),
        max_mib: retention.count("max_mib", 4_096, 16..=1_048_576, "MiB"),
    });
    let alerts = once(&mut root, "alerts", alerts::alerts);
    // Looked at first: a connection that names no mapper has the only one there is.
    let mappers = root.named("mapper", mapper);
    let known: Vec<&str> = mappers.keys().map(String::as_str).collect();
    let sources = root.named("source", |section| source(section, &known));
    let sinks = root.named("sink", sink);
    let destinations = root.named("destination", destination);
    let connections = root.named("connection", |section| terms::connection(section, &known));
    root.close();
    let path = path.to_owned();
    Config {
        path,
        state_dir,
        ingress,
        admin,
        vault_key,
        sources,
        sinks,
        mappers,
        destinations,
        connections,
        limits,
        retention,
        alerts,
    }
}

fn once<'a, T>(root: &mut Section<'a, '_>, key: &'static str, read: impl Fn(&mut Section<'a, '_>) -> T) -> T {
    let mut section = root.section(key);
    let read = read(&mut section);
    section.close();
    read
}

fn ingress(section: &mut Section<'_, '_>) -> Ingress {
    Ingress {
        listen: listen(section, 8480),
        max_body_bytes: size(section, "max_body_bytes", 1 << 20, 64 << 20),
        replay_window_hours: small(section, "replay_window_hours", 48, 1, 720, "hours"),
        high_water: section.count("high_water", 100_000, 1..=100_000_000, "deliveries"),
    }
}

fn admin(section: &mut Section<'_, '_>) -> Admin {
    let listen = listen(section, 8481);
    let metrics = match section.text("metrics", "metrics = \"token\"").as_deref() {
        None | Some("token") => Metrics::Token,
        Some("open") => Metrics::Open,
        Some(_) => {
            let span = section.found.place("admin.metrics").unwrap_or_default();
            section.wrong(span, "metrics", "must be \"token\" or \"open\"", "metrics = \"token\"".to_owned());
            Metrics::Token
        }
    };
    let metrics_token = section.secret("metrics_token", "CONVEY_METRICS_TOKEN");
    if metrics == Metrics::Open && metrics_token.is_some() {
        let span = section.found.place("admin.metrics_token").unwrap_or_default();
        let fault = "opens nothing: `metrics = \"open\"` asks for no token";
        let hint = "keep one of the two lines; with metrics_token, metrics is:\nmetrics = \"token\"".to_owned();
        section.wrong(span, "metrics_token", fault, hint);
    }
    let example = "public_url = \"https://convey.example.com\"";
    let public_url = address(section, "public_url", example);
    if public_url.as_ref().is_some_and(|url| url.path() != "/") {
        let span = section.found.place(&section.dotted("public_url")).unwrap_or_default();
        section.wrong(span, "public_url", "has a path: the page needs a host name of its own", example.to_owned());
    }
    Admin { listen, allow_remote: section.flag("allow_remote"), public_url, metrics, metrics_token }
}

fn limits(section: &mut Section<'_, '_>) -> Limits {
    let usual = Limits::default();
    Limits {
        guest_memory_mib: small(section, "guest_memory_mib", usual.guest_memory_mib, 8, 4096, "MiB"),
        guest_cpu_ms: section.count("guest_cpu_ms", usual.guest_cpu_ms, 10..=60_000, "milliseconds"),
        mapper_cpu_ms: section.count("mapper_cpu_ms", usual.mapper_cpu_ms, 10..=60_000, "milliseconds"),
        request_timeout_ms: section.count(
            "request_timeout_ms",
            usual.request_timeout_ms,
            100..=300_000,
            "milliseconds",
        ),
        response_max_bytes: size(section, "response_max_bytes", usual.response_max_bytes, 256 << 20),
        calls_in_flight: small(section, "calls_in_flight", usual.calls_in_flight, 1, 1024, "calls"),
    }
}

fn listen(section: &mut Section<'_, '_>, port: u16) -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    let example = format!("listen = \"{usual}\"");
    let Some(text) = section.text("listen", &example) else { return usual };
    text.parse().unwrap_or_else(|_| {
        let span = section.found.place(&section.dotted("listen")).unwrap_or_default();
        section.wrong(span, "listen", "must be an IP address and a port", example);
        usual
    })
}

/// A count that fits in 32 bits because its upper bound does.
pub(super) fn small(
    section: &mut Section<'_, '_>,
    key: &'static str,
    usual: u32,
    least: u32,
    most: u32,
    unit: &str,
) -> u32 {
    let count = section.count(key, usual.into(), least.into()..=most.into(), unit);
    u32::try_from(count).unwrap_or(most)
}

/// A size of at least 1 KiB; `most` fits in every address space.
fn size(section: &mut Section<'_, '_>, key: &'static str, usual: usize, most: u32) -> usize {
    let count = section.count(key, usual as u64, 1024..=most.into(), "bytes");
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a refused request prints to be pasted.
const ALLOW: &str = "allow = [\"GET https://api.example.com/lookup/{id}\"]";

fn source(section: &mut Section<'_, '_>, mappers: &[&str]) -> Source {
    Source {
        component: component(section),
        base_url: base_url(section),
        webhook_public_key: section.public_key("webhook_public_key"),
        legacy_signatures: section.flag("legacy_signatures"),
        allow: section.list("allow", ALLOW),
        oauth: terms::app(section),
        install: terms::install(section, mappers),
    }
}

fn sink(section: &mut Section<'_, '_>) -> Sink {
    Sink { component: component(section), base_url: base_url(section), allow: section.list("allow", ALLOW) }
}

fn mapper(section: &mut Section<'_, '_>) -> Mapper {
    let component = component(section);
    let written = section.text("settings", "settings = \"mapping.toml\"");
    let settings = written.map(|written| section.file("settings", &written, "settings = \"mapping.toml\""));
    let span = section.found.place(&section.dotted("settings")).unwrap_or_default();
    let settings_text = settings.as_ref().map(|path| section.contents("settings", span, path)).unwrap_or_default();
    Mapper { component, settings, settings_text }
}

fn component(section: &mut Section<'_, '_>) -> ComponentRef {
    let hint = "a file, component = \"my.wasm\", or one that is built in, component = \"builtin:NAME\"; `convey component list` shows those";
    let written = section.required("component", "component = \"builtin:NAME\"");
    if written.is_empty() {
        return ComponentRef::Builtin(written);
    }
    if let Some((component, digest)) = written.split_once(PIN) {
        if digest.len() != 64 || !digest.bytes().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f')) {
            let span = section.found.place(&section.dotted("component")).unwrap_or_default();
            let pin = "64 hex digits in lower case, as `convey component inspect` shows them".to_owned();
            section.wrong(span, "component", "is pinned to what is no digest", pin);
        }
        return ComponentRef::Pinned(Box::new(of_name(section, component, hint)), digest.to_owned());
    }
    of_name(section, &written, hint)
}

fn of_name(section: &mut Section<'_, '_>, written: &str, hint: &str) -> ComponentRef {
    let Some(name) = written.strip_prefix("builtin:") else {
        return ComponentRef::File(section.file("component", written, hint));
    };
    if !is_name(name) {
        let span = section.found.place(&section.dotted("component")).unwrap_or_default();
        section.wrong(span, "component", "names no built-in component", hint.to_owned());
    }
    ComponentRef::Builtin(name.to_owned())
}

fn base_url(section: &mut Section<'_, '_>) -> Option<Uri> {
    address(section, "base_url", "base_url = \"https://proxy.example.com/crm\"")
}

/// An address that stands in for a vendor's.
pub(super) fn address(section: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<Uri> {
    let text = section.text(key, example)?;
    match upstream::checked(&text) {
        Ok(uri) => Some(uri),
        Err((fault, hint)) => {
            let span = section.found.place(&section.dotted(key)).unwrap_or_default();
            if text.contains('@') {
                section.found.cover(span.clone());
            }
            section.wrong(span, key, &fault, hint);
            None
        }
    }
}

fn destination(section: &mut Section<'_, '_>) -> Destination {
    let destination = Destination {
        sink: section.required("sink", "sink = \"ads\""),
        id: section.required("id", "id = \"DATASET\""),
        token: section.required_secret("token", &terms::variable(&section.path)),
        app_secret: section.secret("app_secret", "APP_SECRET"),
        ambiguous: ambiguous(section),
        in_flight: small(section, "in_flight", 4, 1, 64, "batches"),
        brake_times: small(section, "brake_times", 10, 0, 1_000_000, "times the usual hour"),
        brake_floor: small(section, "brake_floor", 1_000, 1, 100_000_000, "events an hour"),
        settings: section.settings("settings"),
    };
    no_test_code(section);
    destination
}

/// Test mode has an end, and a configuration has none.
fn no_test_code(section: &mut Section<'_, '_>) {
    let hint = "convey test-mode on --code CODE --for 1h";
    if section.text("test_code", hint).is_some() {
        let span = section.found.place(&section.dotted("test_code")).unwrap_or_default();
        section.wrong(
            span,
            "test_code",
            "would mark events as tests for ever: test mode is a command, and has an end",
            hint.to_owned(),
        );
    }
}

fn ambiguous(section: &mut Section<'_, '_>) -> Ambiguous {
    let example = "ambiguous = \"resend\"";
    match section.text("ambiguous", example).as_deref() {
        None | Some("resend") => Ambiguous::Resend,
        Some("hold") => Ambiguous::Hold,
        Some(_) => {
            let span = section.found.place(&section.dotted("ambiguous")).unwrap_or_default();
            section.wrong(span, "ambiguous", "must be \"resend\" or \"hold\"", example.to_owned());
            Ambiguous::Resend
        }
    }
}
