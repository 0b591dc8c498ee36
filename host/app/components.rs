//! The components a configuration names: loaded, described, granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::{AppError, granting};
use crate::builtin::builtin;
use crate::clock::Clock;
use crate::config::{ComponentRef, Config};
use crate::contract::{Digest, Operation};
use crate::egress::{Allow, Grant};
use crate::engine::{Engine, LoadError, Loaded, Sink, SinkProfile, Source, SourceProfile};
use crate::flow::Right;
use crate::store::Store;

/// A source that may run.
pub struct ReadySource {
    /// The component.
    pub source: Arc<Source>,
    /// What it said of itself.
    pub profile: Arc<SourceProfile>,
    /// Where it is answered in the vendor's place.
    pub upstream: Option<Uri>,
    /// What it may ask.
    pub right: Right,
}

/// A sink that may run.
pub struct ReadySink {
    /// The component.
    pub sink: Arc<Sink>,
    /// What it said of itself.
    pub profile: SinkProfile,
    /// What it may ask.
    pub right: Right,
}

/// Everything a configuration names but its mappers.
pub struct Components {
    /// By name.
    pub sources: BTreeMap<String, ReadySource>,
    /// By name.
    pub sinks: BTreeMap<String, ReadySink>,
}

/// Who says yes to what a component asks for.
#[derive(Clone, Copy)]
pub enum Consent<'a> {
    /// What the store holds (no store: nothing yet); what is built in is granted the first time.
    Kept(Option<&'a Store>, &'a Clock),
    /// A person, now, for this place: it is written down.
    Given(&'a Store, &'a Clock, &'a str),
    /// Nobody is asked: nothing will be sent.
    Unasked,
}

impl Components {
    /// Loads and describes every source and sink of `config`, and asks for consent.
    pub async fn load(engine: &Engine, config: &Config, consent: Consent<'_>) -> Result<Self, AppError> {
        let mut components = Self { sources: BTreeMap::new(), sinks: BTreeMap::new() };
        for (name, configured) in &config.sources {
            let place = format!("source.{name}");
            let source = Source::new(engine, load(engine, &place, name, &configured.component).await?);
            let source = source.map_err(|error| AppError::Component { place: place.clone(), error })?;
            let profile = source.describe().await.map_err(|fault| AppError::fault(&place, fault))?;
            let wants = Wants {
                base_url: &profile.base_url,
                operations: &profile.operations,
                headers: &profile.headers,
                upstream: configured.base_url.clone(),
                extra: &configured.allow,
            };
            let asked = granting::asked(source.loaded(), &profile);
            agree(consent, &place, &configured.component, asked).await?;
            let right = right(&place, wants)?;
            let (upstream, profile) = (configured.base_url.clone(), Arc::new(profile));
            components.sources.insert(name.clone(), ReadySource { source: Arc::new(source), profile, upstream, right });
        }
        for (name, configured) in &config.sinks {
            let place = format!("sink.{name}");
            let sink = Sink::new(engine, load(engine, &place, name, &configured.component).await?);
            let sink = sink.map_err(|error| AppError::Component { place: place.clone(), error })?;
            let profile = sink.describe().await.map_err(|fault| AppError::fault(&place, fault))?;
            let wants = Wants {
                base_url: &profile.base_url,
                operations: &profile.operations,
                headers: &profile.headers,
                upstream: configured.base_url.clone(),
                extra: &configured.allow,
            };
            let asked = granting::asked(sink.loaded(), &profile);
            agree(consent, &place, &configured.component, asked).await?;
            let right = right(&place, wants)?;
            components.sinks.insert(name.clone(), ReadySink { sink: Arc::new(sink), profile, right });
        }
        Ok(components)
    }
}

/// The bytes a configuration means.
pub fn bytes_of(place: &str, component: &ComponentRef) -> Result<Vec<u8>, AppError> {
    match component {
        ComponentRef::Builtin(name) => {
            builtin(name).map(|builtin| builtin.bytes.to_vec()).ok_or_else(|| AppError::Written {
                place: place.to_owned(),
                text: format!("no component called `{name}` is built in: see `convey component list`"),
            })
        }
        ComponentRef::File(path) => std::fs::read(path).map_err(|source| AppError::Unreadable {
            place: place.to_owned(),
            path: path.clone(),
            source,
        }),
        ComponentRef::Pinned(component, pinned) => {
            let bytes = bytes_of(place, component)?;
            let digest = Digest::of(&bytes).to_string();
            if digest == *pinned {
                return Ok(bytes);
            }
            let text = format!(
                "its component is pinned to {pinned}, and the bytes are {digest}. If these are meant, write component = \"{component}@sha256:{digest}\""
            );
            Err(AppError::Written { place: place.to_owned(), text })
        }
    }
}

async fn load(engine: &Engine, place: &str, name: &str, component: &ComponentRef) -> Result<Loaded, AppError> {
    let bytes = bytes_of(place, component)?;
    let (engine, name) = (engine.clone(), name.to_owned());
    let loaded = tokio::task::spawn_blocking(move || engine.load(&name, &bytes)).await;
    let loaded = loaded.unwrap_or_else(|error| Err(LoadError::Engine(error.to_string())));
    loaded.map_err(|error| AppError::Component { place: place.to_owned(), error })
}

async fn agree(
    consent: Consent<'_>,
    place: &str,
    component: &ComponentRef,
    asked: Result<String, serde_json::Error>,
) -> Result<(), AppError> {
    let asked = asked.map_err(|error| AppError::Profile { place: place.to_owned(), text: error.to_string() })?;
    match consent {
        Consent::Unasked => Ok(()),
        Consent::Given(store, clock, by) => granting::grant(store, clock, place, &asked, by).await,
        Consent::Kept(store, clock) => granting::check(store, clock, place, &asked, component.is_builtin()).await,
    }
}

/// What a component's requests are: the part of a profile that sources and sinks share, and what the operator adds to it.
struct Wants<'a> {
    base_url: &'a str,
    operations: &'a [Operation],
    headers: &'a [(String, String)],
    upstream: Option<Uri>,
    extra: &'a [String],
}

fn right(place: &str, wants: Wants<'_>) -> Result<Right, AppError> {
    let Wants { base_url, operations, headers, upstream, extra } = wants;
    let wrong = |text: String| AppError::Profile { place: place.to_owned(), text };
    let allow = |line: &String| {
        let fault = format!("`allow` holds `{line}`, which is not `METHOD https://host/path` (http only to loopback)");
        Allow::parse(line).ok_or_else(|| AppError::Written { place: place.to_owned(), text: fault })
    };
    let extra = extra.iter().map(allow).collect::<Result<_, _>>()?;
    let grant = Grant::new(base_url, operations, upstream, extra).map_err(wrong)?;
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let parsed = name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
        let (header, value) = parsed.ok_or_else(|| wrong(format!("header `{name}` is none")))?;
        map.insert(header, value);
    }
    Ok(Right { component: place.to_owned(), grant: Arc::new(grant), headers: map })
}
