//! Who keeps one grant's token: in memory for those who ask, in the store before anyone uses it, refreshed by one at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::credential::Ready;
use super::turn::{Step, Turn, is_alive, refresh_at, stands, step};
use super::{Client, GrantWord, OauthError};
use crate::clock::{Clock, Millis};
use crate::crash;
use crate::egress::{Egress, EgressError};
use crate::store::{GrantState, HeldToken, NewToken, Store};

type Fresh = Result<Arc<Bearer>, EgressError>;

/// A token to attach.
pub struct Bearer {
    held: HeldToken,
    /// Until then nobody asks whether there is a better one.
    until: Millis,
    pub(in crate::egress) ready: Ready,
}

impl Bearer {
    /// When the vendor no longer takes it, in milliseconds since the epoch, if it said so.
    pub fn expires_at(&self) -> Option<Millis> {
        self.held.expires_at
    }

    /// What the grant allows, as the vendor said.
    pub fn scopes(&self) -> &[String] {
        &self.held.scopes
    }
}

/// Keeps one grant's token fresh: a connection's, or a company's. There must be one holder a name: the vendor's refresh tokens are used up by use.
pub struct Holder {
    name: String,
    client: Arc<Client>,
    store: Store,
    egress: Egress,
    clock: Clock,
    location: Option<String>,
    company: Option<Arc<Holder>>,
    present: Mutex<Option<Arc<Bearer>>>,
    turn: tokio::sync::Mutex<Turn>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Holder({})", self.name)
    }
}

impl Holder {
    /// The holder named `connection:<name>` or `company:<source>:<company id>`. With both a `location` and the holder of its `company`'s token, the
    /// company's stands in where the connection has none of its own.
    pub fn new(
        name: String,
        client: Arc<Client>,
        store: Store,
        egress: Egress,
        clock: Clock,
        location: Option<String>,
        company: Option<Arc<Holder>>,
    ) -> Arc<Self> {
        let (present, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { name, client, store, egress, clock, location, company, present, turn })
    }

    /// The name it was made with: the row of its token in the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token to attach now, refreshed if its end is near.
    ///
    /// # Errors
    /// [`EgressError::Grant`] if only a person can help, or the location sleeps; [`EgressError::Tokenless`] if it may do later;
    /// [`EgressError::Credential`] if the client's secret cannot be read; [`EgressError::Store`].
    pub async fn bearer(self: &Arc<Self>) -> Fresh {
        match self.present(None) {
            Some(bearer) => Ok(bearer),
            None => self.fresh(None).await,
        }
    }

    /// The token to attach after the vendor said that `stale` has run out. Who comes second gets what the first one got.
    ///
    /// # Errors
    /// As [`Holder::bearer`].
    pub async fn renew(self: &Arc<Self>, stale: &Bearer) -> Fresh {
        self.fresh(Some(stale.held.version)).await
    }

    /// The next use reads the store: after a login, or when somebody else changed how the grant stands.
    pub fn forget(&self) {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the body of a 401 says that the token has run out.
    pub fn is_expired(&self, body: &[u8]) -> bool {
        self.client.scheme.is_expired(body)
    }

    fn connection(&self) -> String {
        self.name.strip_prefix("connection:").unwrap_or(&self.name).to_owned()
    }

    fn company_id(&self) -> &str {
        self.name.splitn(3, ':').nth(2).unwrap_or_default()
    }

    fn present(&self, stale: Option<u64>) -> Option<Arc<Bearer>> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now_ms();
        present.clone().filter(|bearer| now < bearer.until && Some(bearer.held.version) != stale)
    }

    /// In a task of its own: a caller that gives up must not take a refresh along whose old token is used up and whose new one is not yet kept.
    fn fresh(self: &Arc<Self>, stale: Option<u64>) -> Pin<Box<dyn Future<Output = Fresh> + Send>> {
        let holder = self.clone();
        let task = tokio::spawn(async move { holder.take_turn(stale).await });
        let connection = self.connection();
        Box::pin(async move {
            task.await.unwrap_or_else(|_| {
                let text = "the refresh was broken off".to_owned();
                Err(EgressError::Tokenless { connection, text, after_ms: 0 })
            })
        })
    }

    async fn take_turn(&self, stale: Option<u64>) -> Fresh {
        let mut turn = self.turn.lock().await;
        // Whoever had the turn before may have done it already.
        if let Some(bearer) = self.present(stale) {
            return Ok(bearer);
        }
        if let Some((token, expected)) = turn.undurable.take() {
            return self.keep(&mut turn, token, expected).await;
        }
        let held = self.store.token(&self.name).await?;
        let now = self.clock.now_ms();
        if let Some(error) = turn.resting(held.as_ref(), now) {
            return Err(error);
        }
        if let Some(held) = held.as_ref().filter(|held| stale == Some(held.version)) {
            turn.cure(held, now).map_err(|after_ms| EgressError::Tokenless {
                connection: self.connection(),
                text: "the vendor refuses tokens that it gave just now".to_owned(),
                after_ms,
            })?;
        }
        let can_exchange = self.company.is_some() && self.location.is_some();
        match (step(held.as_ref(), stale, can_exchange, now), held) {
            (Step::Use, Some(held)) => {
                let until =
                    if now < refresh_at(&held) { refresh_at(&held) } else { held.expires_at.unwrap_or(Millis::MAX) };
                self.take_up(held, until)
            }
            (Step::Refresh, Some(held)) => self.refresh(&mut turn, held, stale).await,
            (Step::Gone(state, text), held) => {
                if held.is_some_and(|held| held.state != state) {
                    self.store.set_grant_state(&self.name, state, Some(text.clone()), now).await?;
                }
                Err(self.gone(state, text))
            }
            (_, held) => self.exchange(&mut turn, held, stale).await,
        }
    }

    async fn refresh(&self, turn: &mut Turn, held: HeldToken, stale: Option<u64>) -> Fresh {
        let refreshed = self.client.refresh(&self.egress, &held).await;
        self.egress.metrics().refreshed(word_of(&refreshed));
        match refreshed {
            Ok(token) => self.keep(turn, token, Some(held.version)).await,
            Err(OauthError::Refused { word, text }) => {
                // Another may have used the one-time token up and kept what it got: what stands now is the truth.
                let stands = self.store.token(&self.name).await?;
                if let Some(other) = stands.filter(|now| now.version != held.version && now.state == GrantState::Live) {
                    turn.succeeds();
                    let until = refresh_at(&other);
                    return self.take_up(other, until);
                }
                if word == GrantWord::Revoked && self.company.is_some() && self.location.is_some() {
                    return self.exchange(turn, Some(held), stale).await;
                }
                self.refused(turn, word, text, Some(held)).await
            }
            Err(error) => self.unsettled(turn, self.later(error), Some(held), stale),
        }
    }

    async fn exchange(&self, turn: &mut Turn, held: Option<HeldToken>, stale: Option<u64>) -> Fresh {
        let (Some(company), Some(location)) = (&self.company, &self.location) else {
            return Err(self.gone(GrantState::Reconnect, "it was never connected".to_owned()));
        };
        let ask = async |asks: &Bearer| {
            self.client.for_location(&self.egress, &asks.held, company.company_id(), location).await
        };
        let given = match company.bearer().await {
            Ok(asks) => match ask(&asks).await {
                Err(OauthError::Stale) => match company.renew(&asks).await {
                    Ok(asks) => ask(&asks).await,
                    Err(error) => return self.unsettled(turn, self.through(error), held, stale),
                },
                given => given,
            },
            Err(error) => return self.unsettled(turn, self.through(error), held, stale),
        };
        self.egress.metrics().refreshed(word_of(&given));
        match given {
            Ok(token) => self.keep(turn, token, held.map(|held| held.version)).await,
            Err(OauthError::Refused { word, text }) => self.refused(turn, word, text, held).await,
            Err(error) => self.unsettled(turn, self.later(error), held, stale),
        }
    }

    /// Durable first, used second: the old refresh token is used up, and a crash in between must find the new one.
    async fn keep(&self, turn: &mut Turn, token: NewToken, expected: Option<u64>) -> Fresh {
        crash::point("after-refresh-answer");
        if let Err(error) = self.store.put_token(&self.name, token.clone(), expected).await {
            tracing::error!(connection = %self.connection(), %error, "a fresh token could not be kept; trying again at its next use");
            turn.undurable = Some((token, expected));
            return Err(error.into());
        }
        crash::point("after-token-put");
        turn.succeeds();
        // Not kept means that a login was quicker: then that one's token stands.
        match self.store.token(&self.name).await? {
            Some(held) if held.state == GrantState::Live => {
                let until = refresh_at(&held);
                self.take_up(held, until)
            }
            stands => {
                let (state, reason) = stands.map_or((GrantState::Reconnect, None), |held| (held.state, held.reason));
                Err(self.gone(state, reason.unwrap_or_else(|| "its grant was given up meanwhile".to_owned())))
            }
        }
    }

    fn take_up(&self, held: HeldToken, until: Millis) -> Fresh {
        let Some(ready) = Ready::new(&held.access, held.refresh.as_ref()) else {
            return Err(self.gone(GrantState::Reconnect, "its token holds what no HTTP header can carry".to_owned()));
        };
        let bearer = Arc::new(Bearer { held, until, ready });
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = Some(bearer.clone());
        Ok(bearer)
    }

    /// The vendor's clear no.
    async fn refused(&self, turn: &mut Turn, word: GrantWord, text: String, held: Option<HeldToken>) -> Fresh {
        let state = if word == GrantWord::Suspended { GrantState::Suspended } else { GrantState::Reconnect };
        let now = self.clock.now_ms();
        self.forget();
        self.store.set_grant_state(&self.name, state, Some(text.clone()), now).await?;
        tracing::warn!(connection = %self.connection(), %state, reason = %text, "the vendor refuses the grant");
        let mut error = self.gone(state, text);
        turn.rests(&mut error, held.map(|held| (held.version, state)), now);
        Err(error)
    }

    /// Nothing is settled: the token that stands serves while the vendor takes it, and the next try is later.
    fn unsettled(&self, turn: &mut Turn, mut error: EgressError, held: Option<HeldToken>, stale: Option<u64>) -> Fresh {
        let now = self.clock.now_ms();
        tracing::warn!(connection = %self.connection(), %error, "no fresh token");
        let until = turn.rests(&mut error, held.as_ref().map(stands), now);
        match held.filter(|held| is_alive(held, now) && stale != Some(held.version)) {
            Some(held) => {
                let until = until.min(held.expires_at.unwrap_or(Millis::MAX));
                self.take_up(held, until)
            }
            None => Err(error),
        }
    }

    fn later(&self, error: OauthError) -> EgressError {
        let after_ms = if let OauthError::Throttled { after_ms } = &error { *after_ms } else { 0 };
        match error {
            OauthError::Credential(error) => EgressError::Credential(error),
            error => EgressError::Tokenless { connection: self.connection(), text: error.to_string(), after_ms },
        }
    }

    /// The company's trouble is its locations' trouble.
    fn through(&self, error: EgressError) -> EgressError {
        let connection = self.connection();
        match error {
            EgressError::Grant { state, text, .. } => {
                EgressError::Grant { connection, state, text: format!("its company's grant: {text}") }
            }
            EgressError::Tokenless { text, after_ms, .. } => {
                EgressError::Tokenless { connection, text: format!("its company's grant: {text}"), after_ms }
            }
            error => error,
        }
    }

    fn gone(&self, state: GrantState, text: String) -> EgressError {
        EgressError::Grant { connection: self.connection(), state, text }
    }
}

/// How an attempt to have a fresh token ended, for who counts.
fn word_of(given: &Result<NewToken, OauthError>) -> &'static str {
    match given {
        Ok(_) => "fresh",
        Err(OauthError::Refused { .. }) => "refused",
        Err(_) => "unavailable",
    }
}
