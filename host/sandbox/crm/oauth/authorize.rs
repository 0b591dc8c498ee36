//! `GET /oauth/chooselocation`: the page on which a person picks a location. Nobody looks at a page here: the choice stands in the query.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;

use super::super::super::world::{World, lock};
use super::super::reply;
use super::form;
use super::grants::{Code, Grant, Holder};
use super::install;

/// 302 to the redirect URI with a code. `location_id` picks a location (the first one when it is absent), `company=true` the agency.
pub async fn choose(State(world): State<Arc<World>>, Query(asked): Query<HashMap<String, String>>) -> Response {
    match offered(&world, &asked) {
        Ok((holder, target)) => {
            if world.quirks().install_before_code {
                install::install(&world, holder);
            }
            reply::moved(&world, target)
        }
        Err(message) => reply::refusal(&world, StatusCode::BAD_REQUEST, &message),
    }
}

fn offered(world: &World, asked: &HashMap<String, String>) -> Result<(Holder, HeaderValue), String> {
    let given = |name: &str| {
        let value = asked.get(name).map(String::as_str).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("Missing parameter: {name}"))
    };
    if given("response_type")? != "code" {
        return Err("Invalid parameter: response_type".to_owned());
    }
    let (client, redirect, scopes) = (given("client_id")?, given("redirect_uri")?, given("scope")?);
    let absolute = redirect.parse::<Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if !absolute {
        return Err("Invalid parameter: redirect_uri".to_owned());
    }
    let quirks = world.quirks();
    let mut grants = lock(&world.grants);
    if client != grants.names.client_id {
        return Err("Invalid client: client is invalid".to_owned());
    }
    let holder = match asked.get("location_id") {
        _ if asked.get("company").is_some_and(|company| company == "true") => Holder::Company,
        None => Holder::Location(0),
        Some(id) => {
            let at = grants.names.locations.iter().position(|location| location == id);
            Holder::Location(at.ok_or_else(|| format!("Location with id {id} not found"))?)
        }
    };
    let grant = Grant { holder, scopes: scopes.split_whitespace().map(str::to_owned).collect() };
    let code = grants.offer(Code { grant, told: quirks.install_before_code }, &mut world.trace());
    let mut target = format!("{redirect}{}code={code}", if redirect.contains('?') { '&' } else { '?' });
    if let Some(state) = asked.get("state").filter(|_| !quirks.drop_state) {
        target.push_str("&state=");
        target.push_str(&form::coded(state));
    }
    let target = HeaderValue::try_from(target).map_err(|_| "Invalid parameter: redirect_uri".to_owned())?;
    Ok((holder, target))
}
