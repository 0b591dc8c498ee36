//! The registered application: what it asks of the vendor's authorisation and token addresses.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use zeroize::Zeroize;

use super::super::credential::Ready;
use super::{OauthError, Scheme, answer, form};
use crate::clock::Clock;
use crate::egress::{Egress, EgressError};
use crate::store::{HeldToken, NewToken};
use crate::vault::SecretRef;

/// An application that the operator registered with the vendor.
#[derive(Clone, Debug)]
pub struct Client {
    /// The vendor's ways.
    pub scheme: Scheme,
    /// The application's id.
    pub client_id: String,
    /// Where its secret is kept; read at every use.
    pub client_secret: SecretRef,
    /// Where the vendor sends people back to, as registered.
    pub redirect_uri: Option<String>,
    /// The profile's headers, sent with every token request.
    pub headers: HeaderMap,
    /// When tokens run out is counted from here.
    pub clock: Clock,
}

impl Client {
    /// Where a person agrees to `scopes`. `state` comes back with the code.
    pub fn authorize_url(&self, scopes: &[String], state: &str) -> String {
        let scopes = scopes.join(" ");
        let mut pairs = vec![("response_type", "code"), ("client_id", &self.client_id)];
        pairs.extend(self.redirect_uri.as_deref().map(|uri| ("redirect_uri", uri)));
        pairs.extend([("scope", scopes.as_str()), ("state", state)]);
        let url = &self.scheme.authorize_url;
        format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, form::encoded(&pairs))
    }

    /// Trades the code that came back for a token (RFC 6749, section 4.1.3).
    ///
    /// # Errors
    /// [`OauthError`], by what happens next.
    pub async fn exchange_code(&self, egress: &Egress, code: &str) -> Result<NewToken, OauthError> {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
        fields.extend(self.redirect_uri.as_deref().map(|uri| ("redirect_uri", uri)));
        self.ask_token(egress, &fields, None).await
    }

    /// Trades a refresh token for a new token (RFC 6749, section 6). The old one may be used up whatever comes back. A vendor that gives no new refresh
    /// token leaves the old one in force.
    ///
    /// # Errors
    /// [`OauthError`], by what happens next; [`OauthError::Invalid`] if there is no refresh token.
    pub async fn refresh(&self, egress: &Egress, held: &HeldToken) -> Result<NewToken, OauthError> {
        let Some(refresh) = &held.refresh else {
            return Err(OauthError::Invalid("there is no refresh token".to_owned()));
        };
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let mut token = self.ask_token(egress, &fields, held.kind.as_deref()).await?;
        token.refresh = token.refresh.or_else(|| held.refresh.clone());
        if token.scopes.is_empty() {
            token.scopes.clone_from(&held.scopes);
        }
        token.kind = token.kind.or_else(|| held.kind.clone());
        token.location = token.location.or_else(|| held.location.clone());
        token.company = token.company.or_else(|| held.company.clone());
        Ok(token)
    }

    /// Trades a company's token for one of its locations'.
    ///
    /// # Errors
    /// [`OauthError`], by what happens next; [`OauthError::Stale`] if the company's token has run out; [`OauthError::Invalid`] if the vendor has no such
    /// exchange.
    pub async fn for_location(
        &self,
        egress: &Egress,
        company: &HeldToken,
        company_id: &str,
        location: &str,
    ) -> Result<NewToken, OauthError> {
        let Some(uri) = self.scheme.exchange_url.clone() else {
            return Err(OauthError::Invalid("this source's profile names no exchange-url".to_owned()));
        };
        let ready = Ready::new(&company.access, None)
            .ok_or_else(|| OauthError::Invalid("the company's token holds what no HTTP header can carry".to_owned()))?;
        let fields = [(self.scheme.name("company"), company_id), (self.scheme.name("location"), location)];
        let mut token = self.post(egress, uri, &fields, Some(ready.header)).await?;
        token.location = token.location.or_else(|| Some(location.to_owned()));
        token.company = token.company.or_else(|| Some(company_id.to_owned()));
        Ok(token)
    }

    async fn ask_token(
        &self,
        egress: &Egress,
        fields: &[(&str, &str)],
        kind: Option<&str>,
    ) -> Result<NewToken, OauthError> {
        let secret = self.client_secret.read()?;
        let scheme = &self.scheme;
        let mut pairs = vec![(scheme.name("client_id"), self.client_id.as_str())];
        pairs.push((scheme.name("client_secret"), secret.expose()));
        pairs.extend(fields.iter().map(|(name, value)| (scheme.name(name), *value)));
        for (name, value) in &scheme.parameters {
            // A company's token is refreshed as a company's, whatever kind a person is asked for.
            let kind = kind.filter(|_| scheme.tells_kind(name));
            pairs.push((name, kind.unwrap_or(value)));
        }
        self.post(egress, scheme.token_url.clone(), &pairs, None).await
    }

    async fn post(
        &self,
        egress: &Egress,
        uri: Uri,
        pairs: &[(&str, &str)],
        bearer: Option<HeaderValue>,
    ) -> Result<NewToken, OauthError> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let asks_as_bearer = bearer.is_some();
        headers.extend(bearer.map(|bearer| (AUTHORIZATION, bearer)));
        let asked_at = self.clock.now_ms();
        let answer = egress.post(uri, headers, Bytes::from(form::encoded(pairs))).await.map_err(unanswered)?;
        let (parts, body) = answer.into_parts();
        let read = if parts.status.is_success() {
            answer::token(&self.scheme, &body, asked_at)
        } else if asks_as_bearer && parts.status == StatusCode::UNAUTHORIZED && self.scheme.is_expired(&body) {
            Err(OauthError::Stale)
        } else {
            Err(answer::refusal(&self.scheme, parts.status, &parts.headers, &body, self.clock.now_ms()))
        };
        if let Ok(mut body) = body.try_into_mut() {
            body.zeroize();
        }
        read
    }
}

/// Whether it arrived is not known; a one-time token may be used up. Asking again is all that can be done, and within the vendor's grace it helps.
fn unanswered(error: EgressError) -> OauthError {
    OauthError::Unavailable(format!("the vendor's token address: {error}"))
}
