//! From a checked configuration and ready components to the plan in force and the hooks that are open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::components::{Components, ReadySource};
use super::reach::{self, Reach};
use super::{AppError, components};
use crate::clock::Clock;
use crate::config::{self, Ambiguous, Auth, Config, Terms};
use crate::egress::oauth::Client;
use crate::egress::{Credential, Proof};
use crate::engine::{ApiVersion, Needs, SinkProfile};
use crate::flow::{Candidate, Connection, Crm, Destination, Plan};
use crate::ingress::{Hook, Reporter, Verifier};
use crate::store::{Brake, Installed, Store};

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// A connection before it is wired: from the file, or made by an install.
pub(super) struct Wanted {
    pub(super) source: String,
    pub(super) location: String,
    auth: Auth,
    company: Option<String>,
    terms: Terms,
    /// Where the configuration speaks of it.
    place: String,
}

/// Every connection there is, by name. The file's word counts where an install made the same location's.
pub(super) fn wanted(config: &Config, installed: &[Installed]) -> BTreeMap<String, Wanted> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    for (name, configured) in &config.connections {
        let (source, location, auth) =
            (configured.source.clone(), configured.location.clone(), configured.auth.clone());
        let place = format!("connection.{name}");
        wanted.insert(
            name.clone(),
            Wanted { source, location, auth, company: None, terms: configured.terms.clone(), place },
        );
    }
    for made in installed.iter().filter(|made| made.removed_at.is_none()) {
        let Some(terms) = config.sources.get(&made.source).and_then(|source| source.install.clone()) else { continue };
        let same = |known: &Wanted| known.source == made.source && known.location == made.location;
        if let Some(known) = wanted.values_mut().find(|known| same(known)) {
            known.company = known.company.take().or_else(|| made.company.clone());
            continue;
        }
        let place = format!("source.{}.install", made.source);
        let (source, location, company) = (made.source.clone(), made.location.clone(), made.company.clone());
        wanted.insert(made.name.clone(), Wanted { source, location, auth: Auth::Oauth, company, terms, place });
    }
    wanted
}

/// What components said to the settings they would be given, by name.
pub(super) struct Agreed {
    /// What the connections' settings ask of the host.
    pub(super) needs: HashMap<String, Needs>,
    /// The versions of the platform's API that the destinations' settings make use of.
    pub(super) versions: HashMap<String, Vec<ApiVersion>>,
}

/// The credential of a destination, with the proof that its platform takes.
pub(super) fn credential(
    name: &str,
    configured: &config::Destination,
    profile: &SinkProfile,
) -> Result<Credential, AppError> {
    let place = || format!("destination.{name}");
    match (&configured.app_secret, &profile.proof) {
        (None, _) => Ok(Credential::Secret(configured.token.clone())),
        (Some(_), None) => {
            let text = format!(
                "the platform of sink.{} takes no proof of an app's secret: leave `app_secret` out",
                configured.sink
            );
            Err(AppError::Written { place: place(), text })
        }
        (Some(secret), Some(parameter)) => {
            let proof = Proof::new(parameter, secret.clone()).ok_or_else(|| AppError::Profile {
                place: format!("sink.{}", configured.sink),
                text: format!("`{parameter}` cannot be the name of a query parameter"),
            });
            Ok(Credential::Proven(configured.token.clone(), proof?))
        }
    }
}

/// Whether every destination's and connection's component takes the settings it would be given, and what it says of them.
pub(super) async fn agreed(
    config: &Config,
    components: &Components,
    wanted: &BTreeMap<String, Wanted>,
) -> Result<Agreed, AppError> {
    let mut versions = HashMap::new();
    for (name, configured) in &config.destinations {
        let ready =
            components.sinks.get(&configured.sink).ok_or_else(|| missing(&format!("sink.{}", configured.sink)))?;
        let place = format!("destination.{name}");
        let answer =
            ready.sink.configure(&configured.settings).await.map_err(|fault| AppError::fault(&place, fault))?;
        versions.insert(name.clone(), answer.map_err(|text| AppError::Settings { place: place.clone(), text })?);
        credential(name, configured, &ready.profile)?;
    }
    // Installs make connections with the same settings: each text is asked about once.
    let mut known: HashMap<(&str, &str), Needs> = HashMap::new();
    let mut needs = HashMap::new();
    let installs = config.sources.iter().filter_map(|(name, source)| Some((name, source.install.as_ref()?)));
    let installs = installs.map(|(name, terms)| (format!("source.{name}.install"), name, terms));
    let wanted = wanted.iter().map(|(name, wanted)| (name.clone(), &wanted.source, &wanted.terms));
    for (name, source, terms) in installs.chain(wanted) {
        if let Some(found) = known.get(&(source.as_str(), terms.settings.as_str())) {
            needs.insert(name, found.clone());
            continue;
        }
        let ready = source_of(components, source)?;
        let place = if name.contains('.') { name.clone() } else { format!("connection.{name}") };
        let answer = ready.source.configure(&terms.settings).await.map_err(|fault| AppError::fault(&place, fault))?;
        let found = answer.map_err(|text| AppError::Settings { place, text })?;
        known.insert((source, &terms.settings), found.clone());
        needs.insert(name, found);
    }
    Ok(Agreed { needs, versions })
}

/// The apps of the sources that have one.
pub(super) fn apps(
    config: &Config,
    components: &Components,
    clock: &Clock,
) -> Result<HashMap<String, Arc<Client>>, AppError> {
    let mut apps = HashMap::new();
    for (name, configured) in &config.sources {
        if let Some(app) = &configured.oauth {
            let ready = source_of(components, name)?;
            apps.insert(name.clone(), Arc::new(reach::client(name, ready, app, clock.clone())?));
        }
    }
    Ok(apps)
}

/// Who reads what and where it goes.
pub(super) async fn plan(
    config: &Config,
    components: &Components,
    wanted: &BTreeMap<String, Wanted>,
    reach: &Reach,
    store: &Store,
    clock: &Clock,
) -> Result<Plan, AppError> {
    let Agreed { needs, mut versions } = agreed(config, components, wanted).await?;
    let apps = apps(config, components, clock)?;
    let mut plan = Plan::default();
    for (name, configured) in &config.destinations {
        let ready =
            components.sinks.get(&configured.sink).ok_or_else(|| missing(&format!("sink.{}", configured.sink)))?;
        let words = crate::engine::SinkDestination {
            id: configured.id.clone(),
            settings: configured.settings.clone(),
            test_code: None,
        };
        let destination = Destination {
            name: name.clone(),
            sink: ready.sink.clone(),
            profile: ready.profile.clone(),
            right: ready.right.clone(),
            credential: credential(name, configured, &ready.profile)?,
            words,
            versions: versions.remove(name).unwrap_or_default(),
            in_flight: configured.in_flight as usize,
            resend: configured.ambiguous == Ambiguous::Resend,
            brake: Brake { times: configured.brake_times, floor: configured.brake_floor },
        };
        plan.destinations.insert(name.clone(), Arc::new(destination));
    }
    for (name, ready) in &components.sources {
        let installs = config.sources.get(name).is_some_and(|source| source.install.is_some());
        let scopes = ready.profile.oauth.as_ref().map(|oauth| oauth.scopes.clone()).unwrap_or_default();
        let crm = Crm { source: ready.source.clone(), app: apps.get(name).cloned(), scopes, installs };
        plan.crms.insert(name.clone(), Arc::new(crm));
    }
    for (name, Wanted { source, location, auth, company, terms, place }) in wanted {
        let ready = source_of(components, source)?;
        let destinations = terms.destinations.iter().map(|wanted| {
            plan.destinations.get(wanted).cloned().ok_or_else(|| missing(&format!("destination.{wanted}")))
        });
        let credential = reach.credential(name, source, auth, location, company.as_deref(), apps.get(source));
        let began = store.first_seen(name, clock.now_ms()).await?;
        let connection = Connection {
            destinations: destinations.collect::<Result<_, _>>()?,
            origin: source.clone(),
            source: ready.source.clone(),
            profile: ready.profile.clone(),
            right: ready.right.clone(),
            credential: credential.ok_or_else(|| missing(&format!("source.{source}.oauth")))?,
            access: terms.access,
            limiter: reach.limiter(source, &ready.profile, location, terms),
            write_back: terms.write_back.clone(),
            needs: needs.get(name).cloned().ok_or_else(|| missing(place))?,
            since: began.saturating_sub(terms.backfill_ms),
            poll: terms.poll.clone(),
            sync: terms.sync.clone(),
            settings: terms.settings.clone(),
            mapper: terms.mapper.clone(),
            overlay: terms.overlay.clone(),
            location: location.clone(),
            name: name.clone(),
        };
        plan.connections.insert(name.clone(), Arc::new(connection));
    }
    Ok(plan)
}

fn source_of<'a>(components: &'a Components, name: &str) -> Result<&'a ReadySource, AppError> {
    components.sources.get(name).ok_or_else(|| missing(&format!("source.{name}")))
}

/// The hooks of every source, with its locations.
pub(super) fn hooks(
    config: &Config,
    components: &Components,
    wanted: &BTreeMap<String, Wanted>,
) -> Result<HashMap<String, Hook>, AppError> {
    let hook = |(name, ready): (&String, &ReadySource)| {
        let configured = config.sources.get(name).ok_or_else(|| missing(&format!("source.{name}")))?;
        let key = configured.webhook_public_key.as_deref();
        let verifiers = Verifier::of(&ready.profile.signatures, key, configured.legacy_signatures);
        let verifiers = verifiers.map_err(|text| AppError::Profile { place: format!("source.{name}"), text })?;
        let of_source = wanted.iter().filter(|(_, wanted)| wanted.source == *name);
        let locations = of_source.map(|(connection, wanted)| (wanted.location.clone(), connection.clone())).collect();
        let window_ms = u64::from(config.ingress.replay_window_hours) * HOUR_MS;
        let replay_window_ms = window_ms.max(ready.profile.retry_horizon_ms);
        Ok((name.clone(), Hook { verifiers, envelope: ready.profile.envelope.clone(), replay_window_ms, locations }))
    };
    components.sources.iter().map(hook).collect()
}

/// Who may report conversions.
pub(super) fn reporters(config: &Config) -> Vec<Reporter> {
    let reporter = |(name, connection): (&String, &config::Connection)| {
        let ways = connection.conversions.as_ref()?;
        Some(Reporter {
            connection: name.clone(),
            source: connection.source.clone(),
            location: connection.location.clone(),
            token: ways.token.clone(),
            hmac: ways.hmac.clone(),
        })
    };
    config.connections.iter().filter_map(reporter).collect()
}

/// The mappers that are in use, with what the configuration says of each.
pub(super) fn candidates(config: &Config) -> Result<Vec<(String, Candidate)>, AppError> {
    let installs = config.sources.values().filter_map(|source| source.install.as_ref());
    let terms = config.connections.values().map(|connection| &connection.terms).chain(installs);
    let used: BTreeSet<&String> = terms.map(|terms| &terms.mapper).collect();
    let candidate = |name: &String| {
        let place = format!("mapper.{name}");
        let configured = config.mappers.get(name).ok_or_else(|| missing(&place))?;
        let component = components::bytes_of(&place, &configured.component)?;
        Ok((name.clone(), Candidate { name: name.clone(), component, settings: configured.settings_text.clone() }))
    };
    used.into_iter().map(candidate).collect()
}

/// The configuration was checked for this: only a reload that drops what is in use ends here.
fn missing(place: &str) -> AppError {
    AppError::Written { place: place.to_owned(), text: "it is not in the configuration".to_owned() }
}
