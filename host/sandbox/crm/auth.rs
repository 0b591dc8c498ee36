//! Who may ask, in the vendor's order: the token, then the version, then what is asked for. One private integration token opens every location.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::super::world::World;
use super::reply;

const VERSIONS: [&str; 4] = ["2021-04-15", "2021-07-28", "2023-02-21", "v3"];

/// The refusal this request deserves, if it does.
pub fn refused(world: &World, headers: &HeaderMap) -> Option<Response> {
    let version = headers.get("version").map(|value| value.to_str().unwrap_or_default());
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let (status, message) = refusal(authorization, version, &world.summary.crm_token)?;
    Some(reply::refusal(world, status, &message))
}

fn refusal(authorization: Option<&str>, version: Option<&str>, token: &str) -> Option<(StatusCode, String)> {
    let given = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let unauthorized = |message: &str| Some((StatusCode::UNAUTHORIZED, message.to_owned()));
    match given {
        Some(given) if given == token => {}
        Some(given) if given.starts_with("pit-") => return unauthorized("Invalid Private Integration token"),
        Some(_) => return unauthorized("Invalid JWT"),
        None => return unauthorized("Invalid token: access token is invalid"),
    }
    match version {
        None => unauthorized("version header was not found."),
        Some(version) if VERSIONS.contains(&version) => None,
        Some(version) => {
            Some((StatusCode::BAD_REQUEST, format!("Invalid API version segment '{version}' at position 0")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn the_token_comes_before_the_version() {
        let token = "pit-1";
        let said = |authorization, version| {
            refusal(authorization, version, token).map(|(status, text)| (status.as_u16(), text))
        };
        let cases = [
            (None, None, 401, "Invalid token: access token is invalid"),
            (Some("pit-1"), Some("2021-07-28"), 401, "Invalid token: access token is invalid"),
            (Some("Bearer pit-2"), None, 401, "Invalid Private Integration token"),
            (Some("Bearer eyJ"), Some("2021-07-28"), 401, "Invalid JWT"),
            (Some("Bearer pit-1"), None, 401, "version header was not found."),
            (Some("Bearer pit-1"), Some("2020"), 400, "Invalid API version segment '2020' at position 0"),
        ];
        for (authorization, version, status, message) in cases {
            assert_eq!(said(authorization, version), Some((status, message.to_owned())));
        }
        assert_eq!(said(Some("Bearer pit-1"), Some("v3")), None);
    }
}
