//! How connections reach their locations: one allowance a location and one holder a grant, kept across reloads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;
use http::header::HeaderName;

use super::AppError;
use super::components::ReadySource;
use crate::clock::{Clock, Millis};
use crate::config::{self, Auth, OauthApp, Terms};
use crate::egress::oauth::{Client, Described, GrantWord, Holder, Scheme};
use crate::egress::{Credential, Egress, Limiter, Limiters, RateHeaders, RateLimit};
use crate::engine::{GrantState, Oauth, SourceProfile};
use crate::flow::{company_holder, holder_name};
use crate::store::{Store, StoreError, Use};

const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// What allows nobody to be asked too often, and nobody to hold a grant twice.
pub(super) struct Reach {
    store: Store,
    clock: Clock,
    egress: Egress,
    limiters: Limiters,
    holders: Mutex<HashMap<(String, bool), Arc<Holder>>>,
    /// What is known of each location's allowance from before this program began; taken once.
    used: Mutex<HashMap<(String, String), Use>>,
}

impl Reach {
    /// What earlier lives of this program may have sent just before they ended counts as sent.
    pub(super) async fn new(store: Store, clock: Clock, egress: Egress) -> Result<Self, StoreError> {
        let limiters = Limiters::new(clock.clone());
        let uses = store.uses().await?.into_iter();
        let used = uses.map(|known| ((known.source.clone(), known.location.clone()), known)).collect();
        Ok(Self { store, clock, egress, limiters, holders: Mutex::default(), used: Mutex::new(used) })
    }

    /// The allowance of a location: what the operator says, else what the vendor describes.
    pub(super) fn limiter(&self, source: &str, profile: &SourceProfile, location: &str, terms: &Terms) -> Arc<Limiter> {
        let limit = limit(profile, terms);
        let per_ms = limit.per_ms;
        let limiter = self.limiters.of(source, location, &limit);
        let mut known = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Use { at, spent, today, .. }) = known.remove(&(source.to_owned(), location.to_owned())) {
            match spent {
                Some(spent) => limiter.assume(spent, at + u64::from(per_ms) + 1),
                // Marked at the first request of a window: others may have left until its end, and count for one more.
                None => limiter.assume_full(at + 2 * u64::from(per_ms)),
            }
            if at / DAY_MS == self.clock.now_ms() / DAY_MS {
                let unknown = if spent.is_none() { limiter.snapshot().requests } else { 0 };
                limiter.assume_today(today.saturating_add(unknown));
            }
        }
        limiter
    }

    /// The credential of a connection.
    pub(super) fn credential(
        &self,
        name: &str,
        origin: &str,
        auth: &Auth,
        location: &str,
        company: Option<&str>,
        app: Option<&Arc<Client>>,
    ) -> Option<Credential> {
        match auth {
            Auth::Token(place) => Some(Credential::Secret(place.clone())),
            Auth::Oauth => {
                let client = app?;
                let company = company.map(|company| self.holder(company_holder(origin, company), client, None, None));
                let location = Some(location.to_owned());
                Some(Credential::Held(self.holder(holder_name(name), client, location, company)))
            }
        }
    }

    /// The one holder of a name. A connection that learns of its company gets another, which reads the same row.
    fn holder(
        &self,
        name: String,
        client: &Arc<Client>,
        location: Option<String>,
        company: Option<Arc<Holder>>,
    ) -> Arc<Holder> {
        let key = (name, company.is_some());
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, egress, clock) = (self.store.clone(), self.egress.clone(), self.clock.clone());
        holders
            .entry(key.clone())
            .or_insert_with(|| Holder::new(key.0, client.clone(), store, egress, clock, location, company))
            .clone()
    }
}

/// The allowance that applies.
pub(super) fn limit(profile: &SourceProfile, terms: &Terms) -> RateLimit {
    let described = profile.limits.as_ref();
    let header = |pick: fn(&crate::engine::RateHeaders) -> &Option<String>| {
        described.and_then(|limits| pick(&limits.headers).as_deref()?.parse::<HeaderName>().ok())
    };
    let headers = RateHeaders {
        limit: header(|headers| &headers.limit),
        interval_ms: header(|headers| &headers.interval_ms),
        remaining: header(|headers| &headers.remaining),
        daily_remaining: header(|headers| &headers.daily_remaining),
        daily_reset_ms: header(|headers| &headers.daily_reset_ms),
    };
    match (terms.rate_limit, described) {
        (Some(config::RateLimit { requests, per_ms, daily }), _) => {
            RateLimit { requests, per_ms: u32::try_from(per_ms).unwrap_or(u32::MAX), daily, headers }
        }
        (None, Some(limits)) => {
            RateLimit { requests: limits.requests, per_ms: limits.per_ms, daily: limits.daily, headers }
        }
        (None, None) => RateLimit { requests: u32::MAX, per_ms: 1, daily: None, headers },
    }
}

/// The app's side of OAuth: what the source describes, with the operator's ids.
pub(super) fn client(name: &str, ready: &ReadySource, app: &OauthApp, clock: Clock) -> Result<Client, AppError> {
    let place = format!("source.{name}");
    let Some(oauth) = &ready.profile.oauth else {
        let text = "has an app, but its component describes no OAuth: leave the table out".to_owned();
        return Err(AppError::Written { place: format!("{place}.oauth"), text });
    };
    let described = described(oauth, app.authorize_url.as_ref());
    let scheme = Scheme::new(described, &ready.profile.base_url, ready.upstream.as_ref());
    Ok(Client {
        scheme: scheme.map_err(|text| AppError::Profile { place, text })?,
        client_id: app.client_id.clone(),
        client_secret: app.client_secret.clone(),
        redirect_uri: Some(app.redirect_uri.clone()),
        headers: ready.right.headers.clone(),
        clock,
    })
}

fn described(oauth: &Oauth, authorize_url: Option<&Uri>) -> Described {
    let state = |(words, state): &(String, GrantState)| {
        let word = match state {
            GrantState::Revoked => GrantWord::Revoked,
            GrantState::Suspended => GrantWord::Suspended,
            GrantState::Wait => GrantWord::Wait,
        };
        (words.clone(), word)
    };
    Described {
        authorize_url: authorize_url.map_or_else(|| oauth.authorize_url.clone(), ToString::to_string),
        token_url: oauth.token_url.clone(),
        exchange_url: oauth.exchange_url.clone(),
        parameters: oauth.parameters.clone(),
        names: oauth.names.clone(),
        states: oauth.states.iter().map(state).collect(),
        expired: oauth.expired.clone(),
    }
}
