//! How a connection gets its grant, keeps it and loses it: the person's side of OAuth 2.0 (RFC 6749 §4.1), vendor-neutral.

use serde::Serialize;

use super::Flow;
use super::meet::{company_holder, holder_name};
use crate::clock::Millis;
use crate::egress::EgressError;
use crate::egress::oauth::{Client, OauthError};
use crate::store::{GrantState, Login, NewToken, Pause, PauseScope, StoreError};
use crate::vault::{VaultError, random_hex};

/// A login that was begun and not ended by then is forgotten.
const PATIENCE_MS: Millis = 30 * 60 * 1_000;

/// A login that waits for the person.
#[derive(Clone, Debug, Serialize)]
pub struct Opened {
    /// What the person opens in a browser.
    pub url: String,
    /// Until when the answer is taken, milliseconds since the epoch.
    pub until: Millis,
}

/// How one connection reaches its location.
#[derive(Clone, Debug, Serialize)]
pub struct GrantStatus {
    /// Its name.
    pub connection: String,
    /// The vendor's id of the location.
    pub location: String,
    /// `oauth`, or `token` for one that a person keeps.
    pub by: &'static str,
    /// How its grant stands; none for a token.
    pub state: Option<GrantState>,
    /// Why it stands so, and what to do.
    pub reason: Option<String>,
    /// When its present token ends, milliseconds since the epoch.
    pub expires_at: Option<Millis>,
    /// The scopes that what is configured needs.
    pub needed: Vec<String>,
    /// Those that the grant lacks.
    pub missing: Vec<String>,
    /// Those that it holds and nothing needs.
    pub extra: Vec<String>,
}

/// Why there is no grant, by what a person does next.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Neither a connection nor a source is called so, or it has no app.
    #[error("{0}")]
    NoApp(String),
    /// The answer belongs to no login that was begun here.
    #[error(
        "the answer's `state` is none that was given out here in the last half hour, so it is refused: begin again with convey auth login"
    )]
    WrongState,
    /// The answer has no state, and nobody has said that it is theirs.
    #[error(
        "the answer has no `state`, so nothing proves that it answers your login. If it is yours, paste it into: convey auth login {0} --accept-no-state --redirected URL"
    )]
    NoState(String),
    /// The person chose another location than the connection's.
    #[error(
        "the app was granted location {granted}, and connection `{connection}` is location {wanted}: choose that one"
    )]
    OtherLocation {
        /// The connection.
        connection: String,
        /// Its location.
        wanted: String,
        /// What was chosen.
        granted: String,
    },
    /// The vendor refuses, or does not answer.
    #[error("{0}")]
    Refused(#[from] OauthError),
    /// The grant is gone or sleeps, or no token can be had just now.
    #[error(transparent)]
    Held(#[from] EgressError),
    /// No randomness, or a secret that cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a redirect brought back.
#[derive(Clone)]
pub struct Redirected {
    /// The one-time code.
    pub code: String,
    /// The state that was given out; some vendors drop it.
    pub state: Option<String>,
}

impl Flow {
    /// Begins a login for a connection, or for a source's app as a whole (an agency, say).
    ///
    /// # Errors
    /// As [`LoginError`] has it.
    pub async fn open_login(&self, target: &str) -> Result<Opened, LoginError> {
        let (origin, connection) = self.target(target)?;
        let client = self.client(&origin)?;
        let scopes = match &connection {
            Some(name) => self.plan().connections.get(name).map(|known| known.scopes()).unwrap_or_default(),
            None => self.plan().crms.get(&origin).map(|crm| crm.scopes.clone()).unwrap_or_default(),
        };
        let state = random_hex(16)?;
        let until = self.clock.now_ms() + PATIENCE_MS;
        let url = client.authorize_url(&scopes, &state);
        self.store.put_login(Login { state, source: origin, connection, redirect: None, expires_at: until }).await?;
        Ok(Opened { url, until })
    }

    /// Ends a login with what the redirect brought. A wrong state is refused; an absent one is taken only where a person says that the answer is theirs
    /// (`accepted` names what they logged in).
    ///
    /// # Errors
    /// As [`LoginError`] has it; then nothing was granted.
    pub async fn close_login(
        &self,
        origin: &str,
        redirected: Redirected,
        accepted: Option<&str>,
    ) -> Result<String, LoginError> {
        let now = self.clock.now_ms();
        let connection = match (&redirected.state, accepted) {
            (Some(state), _) => {
                let login = self.store.take_login(state, now).await?.filter(|login| login.source == origin);
                login.ok_or(LoginError::WrongState)?.connection
            }
            (None, Some(target)) => {
                let (of, connection) = self.target(target)?;
                let begun = self.store.logins(origin, now).await?;
                if of != origin || !begun.iter().any(|login| login.connection == connection) {
                    return Err(LoginError::WrongState);
                }
                connection
            }
            (None, None) => {
                let begun = self.store.logins(origin, now).await?;
                let name = begun.into_iter().next().and_then(|login| login.connection);
                return Err(LoginError::NoState(name.unwrap_or_else(|| origin.to_owned())));
            }
        };
        let client = self.client(origin)?;
        let token = client.exchange_code(self.engine.egress(), &redirected.code).await?;
        self.grant(origin, &client, connection, token).await
    }

    /// Keeps a fresh token where it belongs and lets what waited for it go on. Answers with what was connected.
    async fn grant(
        &self,
        origin: &str,
        client: &Client,
        connection: Option<String>,
        token: NewToken,
    ) -> Result<String, LoginError> {
        let plan = self.plan();
        match (&token.location, connection) {
            (Some(location), Some(name)) => {
                let wanted = plan.connections.get(&name).map(|known| known.location.clone()).unwrap_or_default();
                if wanted != *location {
                    return Err(LoginError::OtherLocation { connection: name, wanted, granted: location.clone() });
                }
                self.keep(&name, token).await?;
                Ok(name)
            }
            (Some(location), None) => {
                let location = location.clone();
                if plan.of_location(origin, &location).is_none() {
                    self.installed(origin, &location, token.company.as_deref()).await?;
                }
                let made = self.store.installed().await?;
                let known = plan.of_location(origin, &location).map(|known| known.name.clone());
                let name = known.or_else(|| {
                    made.into_iter()
                        .find(|made| made.source == origin && made.location == location)
                        .map(|made| made.name)
                });
                let Some(name) = name else {
                    return Err(LoginError::NoApp(format!(
                        "location {location} has no connection, and [source.{origin}.install] is not configured"
                    )));
                };
                self.keep(&name, token).await?;
                Ok(name)
            }
            // An agency's token: each of its locations gets one of its own from it.
            (None, connection) => {
                let company = token.company.clone().unwrap_or_default();
                let holder = company_holder(origin, &company);
                self.store.put_token(&holder, token, None).await?;
                let wanted: Vec<_> = plan
                    .connections
                    .values()
                    .filter(|known| known.origin == origin && known.holder().is_some())
                    .filter(|known| connection.as_ref().is_none_or(|name| *name == known.name))
                    .cloned()
                    .collect();
                for known in wanted {
                    let Some(held) = self.store.token(&holder).await? else { break };
                    match client.for_location(self.engine.egress(), &held, &company, &known.location).await {
                        Ok(token) => self.keep(&known.name, token).await?,
                        Err(error) if connection.is_some() => return Err(error.into()),
                        Err(error) => {
                            tracing::warn!(connection = %known.name, %error, "the agency's grant does not reach it")
                        }
                    }
                }
                Ok(connection.unwrap_or_else(|| format!("{origin} (company {company})")))
            }
        }
    }

    async fn keep(&self, connection: &str, token: NewToken) -> Result<(), LoginError> {
        self.store.put_token(&holder_name(connection), token, None).await?;
        if let Some(holder) = self.plan().connections.get(connection).and_then(|known| known.holder()) {
            holder.forget();
        }
        Ok(self.go_on(connection).await?)
    }

    /// What a missing grant had paused goes on; what a person paused, or an install, stays.
    async fn go_on(&self, connection: &str) -> Result<(), StoreError> {
        let pauses = self.store.pauses().await?;
        let scope = PauseScope::Connection(connection.to_owned());
        let ours =
            |pause: &Pause| pause.scope == scope && matches!(pause.by.as_str(), "convey" | "uninstall" | "revoke");
        if pauses.iter().any(ours) {
            self.resume(scope).await?;
        }
        Ok(())
    }

    /// Refreshes a connection's token now, whatever is left of its life, and lets the connection go on; when the new token ends.
    ///
    /// # Errors
    /// As [`LoginError`] has it.
    pub async fn refresh_grant(&self, connection: &str) -> Result<Option<Millis>, LoginError> {
        let plan = self.plan();
        let known = plan.connections.get(connection);
        let known = known.ok_or_else(|| LoginError::NoApp(format!("there is no connection called `{connection}`")))?;
        let holder = known.holder().ok_or_else(|| {
            LoginError::NoApp(format!("connection `{connection}` brings its own token, which its maker renews"))
        })?;
        // A person asks: whatever the last answer was, the vendor is asked again now.
        self.store.set_grant_state(holder.name(), GrantState::Live, None, self.clock.now_ms()).await?;
        holder.forget();
        let present = holder.bearer().await?;
        let renewed = holder.renew(&present).await?;
        self.go_on(connection).await?;
        Ok(renewed.expires_at())
    }

    /// Forgets a connection's token and pauses it, at once. The vendor knows no revocation: the token dies with its age, or when the app is removed there.
    ///
    /// # Errors
    /// As the store has it.
    pub async fn revoke_grant(&self, connection: &str) -> Result<(), LoginError> {
        let plan = self.plan();
        let known = plan.connections.get(connection);
        let known = known.ok_or_else(|| LoginError::NoApp(format!("there is no connection called `{connection}`")))?;
        let at = self.clock.now_ms();
        let reason = format!("its grant was revoked here; connect it anew: convey auth login {connection}");
        let scope = PauseScope::Connection(connection.to_owned());
        self.pause(Pause { scope, reason, at, by: "revoke".to_owned(), heals: false }).await?;
        self.store.drop_token(&holder_name(connection)).await?;
        if let Some(holder) = known.holder() {
            holder.forget();
        }
        Ok(())
    }

    /// The source that a connection, or a source's own name, stands for.
    ///
    /// # Errors
    /// [`LoginError::NoApp`] if there is none of that name, or it has no app.
    pub fn origin_of(&self, target: &str) -> Result<String, LoginError> {
        Ok(self.target(target)?.0)
    }

    /// How every connection reaches its location, by name, with what is missing of its grant and what it holds beyond its needs.
    ///
    /// # Errors
    /// As the store has it.
    pub async fn grants(&self) -> Result<Vec<GrantStatus>, StoreError> {
        let plan = self.plan();
        let held = self.store.tokens().await?;
        let mut names: Vec<&String> = plan.connections.keys().collect();
        names.sort();
        let status = |name: &String| {
            let connection = &plan.connections[name];
            let needed = connection.scopes();
            let holder = holder_name(name);
            let token = held.iter().find(|token| token.holder == holder);
            let oauth = connection.holder().is_some();
            let granted = token.map(|token| token.scopes.clone()).unwrap_or_default();
            // A grant that does not name its scopes may hold all of them.
            let beside = |some: &[String], others: &[String]| {
                let others: Vec<String> = some.iter().filter(|one| !others.contains(one)).cloned().collect();
                if granted.is_empty() { Vec::new() } else { others }
            };
            GrantStatus {
                connection: name.clone(),
                location: connection.location.clone(),
                by: if oauth { "oauth" } else { "token" },
                state: match (oauth, token) {
                    (false, _) => None,
                    (true, None) => Some(GrantState::Reconnect),
                    (true, Some(token)) => Some(token.state),
                },
                reason: match (oauth, token) {
                    (true, None) => Some(format!("no grant yet: convey auth login {name}")),
                    (_, token) => token.and_then(|token| token.reason.clone()),
                },
                expires_at: token.and_then(|token| token.expires_at),
                missing: beside(&needed, &granted),
                extra: beside(&granted, &needed),
                needed,
            }
        };
        Ok(names.into_iter().map(status).collect())
    }

    /// What is logged in: a connection with its source, or a source as a whole.
    fn target(&self, target: &str) -> Result<(String, Option<String>), LoginError> {
        let plan = self.plan();
        if let Some(connection) = plan.connections.get(target) {
            if connection.holder().is_none() {
                return Err(LoginError::NoApp(format!(
                    "connection `{target}` brings its own token. To use the app of its source instead, replace `token = …` by:\n\n[connection.{target}]\nauth = \"oauth\"\n"
                )));
            }
            return Ok((connection.origin.clone(), Some(target.to_owned())));
        }
        if plan.crms.contains_key(target) {
            return Ok((target.to_owned(), None));
        }
        Err(LoginError::NoApp(format!("neither a connection nor a source is called `{target}`")))
    }

    fn client(&self, origin: &str) -> Result<std::sync::Arc<Client>, LoginError> {
        let plan = self.plan();
        let client = plan.crms.get(origin).and_then(|crm| crm.app.clone());
        client.ok_or_else(|| {
            LoginError::NoApp(format!(
                "source `{origin}` has no app. Add the table:\n\n[source.{origin}.oauth]\nclient_id = \"APP-ID\"\nclient_secret = {{ env = \"CRM_CLIENT_SECRET\" }}\nredirect_uri = \"https://hooks.example.com/oauth/{origin}\"\n"
            ))
        })
    }
}
