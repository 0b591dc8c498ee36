//! `POST /oauth/token`: a code or a refresh token for a pair of tokens.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::super::world::{World, lock};
use super::super::auth::{self, Version};
use super::super::reply;
use super::grants::{Grants, Holder, Names, Pair, Refused};
use super::{form, install};

/// What a call for a token came to.
enum Outcome {
    /// A new pair, and whether the app has yet to be told of its installation.
    Issued(Pair, bool),
    /// The pair of a moment ago once more.
    Repeated(Pair),
    /// 400 with this text; the word for the log.
    Bad(String, &'static str),
    /// 401 with this description; the word for the log.
    Unauthorized(&'static str, &'static str),
}

/// Form or JSON. Without a version, as in the dated ones, names have underscores; `v3` writes them in camel case both ways.
pub async fn token(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let version = match headers.contains_key("version").then(|| auth::version(&world, &headers)) {
        None => Version::Dated,
        Some(Ok(version)) => version,
        Some(Err(refused)) => return refused,
    };
    let asked = Asked { given: form::read(&headers, &body), version };
    let (outcome, names) = {
        let mut grants = lock(&world.grants);
        let (outcome, holder) = called(&world, &mut grants, &asked);
        let word = match &outcome {
            Outcome::Issued(..) => "issued",
            Outcome::Repeated(_) => "repeated",
            Outcome::Bad(_, word) | Outcome::Unauthorized(_, word) => word,
        };
        grants.note(world.time.now_ms(), asked.grant_type(), word, holder);
        (outcome, grants.names.clone())
    };
    let pair = match outcome {
        Outcome::Issued(pair, untold) => {
            if untold {
                install::install(&world, pair.grant.holder);
            }
            pair
        }
        Outcome::Repeated(pair) => pair,
        Outcome::Bad(message, _) => return reply::refusal(&world, StatusCode::BAD_REQUEST, &message),
        Outcome::Unauthorized(description, _) => {
            let body = json!({ "error": "UnAuthorized!", "error_description": description });
            return reply::bare(&world, StatusCode::UNAUTHORIZED, body);
        }
    };
    reply::plain(&world, StatusCode::OK, told(&pair, &names, version))
}

/// The call's parameters.
struct Asked {
    given: HashMap<String, String>,
    version: Version,
}

impl Asked {
    fn get(&self, name: &str) -> Option<&str> {
        let name = if self.version == Version::V3 { camel(name) } else { name.to_owned() };
        self.given.get(&name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The errors name parameters in camel case, whatever the version.
    fn need(&self, name: &str) -> Result<&str, Outcome> {
        self.get(name).ok_or_else(|| Outcome::Bad(format!("Missing parameter: {}", camel(name)), "missing_parameter"))
    }

    fn grant_type(&self) -> &'static str {
        match self.get("grant_type") {
            Some("authorization_code") => "authorization_code",
            Some("refresh_token") => "refresh_token",
            _ => "other",
        }
    }
}

fn called(world: &World, grants: &mut Grants, asked: &Asked) -> (Outcome, Option<Holder>) {
    let outcome = answered(world, grants, asked).unwrap_or_else(|refused| refused);
    let holder = match &outcome {
        Outcome::Issued(pair, _) | Outcome::Repeated(pair) => Some(pair.grant.holder),
        Outcome::Bad(..) | Outcome::Unauthorized(..) => {
            asked.get("refresh_token").and_then(|refresh| grants.holder_of(refresh))
        }
    };
    (outcome, holder)
}

fn answered(world: &World, grants: &mut Grants, asked: &Asked) -> Result<Outcome, Outcome> {
    let (client, secret) = (asked.need("client_id")?, asked.need("client_secret")?);
    let kind = asked.need("grant_type")?;
    if !matches!(asked.get("user_type"), None | Some("Company" | "Location")) {
        return Err(Outcome::Bad("Invalid parameter: userType".to_owned(), "invalid_parameter"));
    }
    let known = client == grants.names.client_id && secret == grants.names.client_secret;
    let stranger = || Outcome::Unauthorized("Invalid client credentials!", "wrong_client");
    let (life_s, now) = (world.token_life_s(), world.time.now_ms());
    match kind {
        "authorization_code" => {
            let code = asked.need("code")?;
            let missing = || Outcome::Unauthorized("Authorization code not found", "unknown_code");
            // The code comes before the client: a wrong secret does not use it up.
            if !grants.offered(code) {
                return Err(missing());
            }
            if !known {
                return Err(stranger());
            }
            let code = grants.redeem(code).ok_or_else(missing)?;
            let pair = grants.issue(code.grant, life_s, &mut world.trace(), now);
            Ok(Outcome::Issued(pair, !code.told))
        }
        "refresh_token" => {
            let refresh = asked.need("refresh_token")?;
            if !known {
                return Err(stranger());
            }
            match grants.renew(refresh, life_s, world.quirks().refresh_grace_ms, &mut world.trace(), now) {
                Ok((pair, false)) => Ok(Outcome::Issued(pair, false)),
                Ok((pair, true)) => Ok(Outcome::Repeated(pair)),
                Err(Refused::Invalid) => {
                    Err(Outcome::Bad("Invalid grant: refresh token is invalid".to_owned(), "invalid_grant"))
                }
                Err(Refused::NotActive) => Err(Outcome::Bad("Location is not active".to_owned(), "not_active")),
            }
        }
        _ => Err(Outcome::Bad("Invalid parameter: grantType".to_owned(), "invalid_parameter")),
    }
}

/// A pair as the version writes it.
pub(super) fn told(pair: &Pair, names: &Names, version: Version) -> Map<String, Value> {
    let (class, id) = names.of(pair.grant.holder);
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| {
        body.insert(if version == Version::V3 { camel(name) } else { name.to_owned() }, value);
    };
    say("access_token", pair.access.as_str().into());
    say("token_type", "Bearer".into());
    say("expires_in", pair.expires_in_s.into());
    say("refresh_token", pair.refresh.as_str().into());
    say("refreshTokenId", pair.refresh_id.as_str().into());
    say("scope", pair.grant.scopes.join(" ").into());
    say("userType", class.into());
    say("companyId", names.company.as_str().into());
    say("userId", names.user.as_str().into());
    say("planId", names.plan.as_str().into());
    say("isBulkInstallation", (pair.grant.holder == Holder::Company).into());
    match pair.grant.holder {
        Holder::Location(_) => say("locationId", id.into()),
        // An agency's token names none of the chosen locations.
        Holder::Company | Holder::Everywhere => {
            say("approvedLocations", json!([]));
            say("approveAllLocations", true.into());
            say("installToFutureLocations", true.into());
        }
    }
    body
}

/// `refresh_token` as `refreshToken`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn names_are_written_in_camel_case() {
        for (name, wanted) in
            [("refresh_token", "refreshToken"), ("code", "code"), ("userId", "userId"), ("a__b", "aB")]
        {
            assert_eq!(camel(name), wanted);
        }
    }
}
