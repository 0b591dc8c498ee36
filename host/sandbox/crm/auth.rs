//! Who may ask, in the vendor's order: the token, then the version, then the scope, then the location, then its allowance.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::super::world::{World, lock};
use super::limits::Left;
use super::oauth::grants::{Access, Grants, Holder};
use super::reply;
use crate::clock::Millis;

const VERSIONS: [&str; 4] = ["2021-04-15", "2021-07-28", "2023-02-21", "v3"];

/// Which of the API's two shapes a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A dated version; the contacts' endpoints are the same in all of them.
    Dated,
    /// `v3`.
    V3,
}

/// Whoever asks, with a token that is good and has the scope.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Whose token it is.
    pub holder: Holder,
    version: Version,
}

/// A request that was let in to a location and counted against its allowance.
#[derive(Clone, Copy, Debug)]
pub struct Entered {
    /// The location's position.
    pub location: usize,
    /// What is left of its allowance.
    pub left: Left,
}

/// Whoever asks, or the refusal the request deserves. `scope` is the one the operation needs, by the vendor's name.
pub fn caller(world: &World, headers: &HeaderMap, scope: &str) -> Result<Caller, Response> {
    let refused = |(status, message): Refusal| reply::refusal(world, status, &message);
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let access = {
        let grants = lock(&world.grants);
        known(authorization, &grants, world.time.now_ms()).map(|access| (access.holder, access.may(scope)))
    };
    let (holder, allowed) = access.map_err(refused)?;
    if world.faults.unauthorized() {
        return Err(refused(unauthorized("Invalid JWT")));
    }
    let version = spoken(headers).map_err(refused)?;
    allowed.map_err(|message| refused(unauthorized(message)))?;
    Ok(Caller { holder, version })
}

/// The version a request names, or the refusal it deserves.
pub fn version(world: &World, headers: &HeaderMap) -> Result<Version, Response> {
    spoken(headers).map_err(|(status, message)| reply::refusal(world, status, &message))
}

impl Caller {
    /// The shape in which to answer.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Lets the caller in to the location and counts the request: 403 when the token is not for it, 429 when its allowance is gone.
    pub fn enter(&self, world: &World, location_id: &str) -> Result<Entered, Response> {
        let allowance = world.allowance();
        let taken = {
            let mut crm = lock(&world.crm);
            // To a token of another account a location of ours looks just like one that never was.
            crm.position(location_id).filter(|at| self.holder.opens(*at)).map(|at| {
                // Asked under the lock: the log's times never run backwards.
                (at, crm.locations[at].usage.take(world.time.now_ms(), allowance))
            })
        };
        match taken {
            Some((location, Ok(left))) => Ok(Entered { location, left }),
            Some((location, Err(left))) => Err(reply::too_many(world, location, left)),
            None => {
                Err(reply::refusal(world, StatusCode::FORBIDDEN, "The token does not have access to this location."))
            }
        }
    }
}

type Refusal = (StatusCode, String);

fn unauthorized(message: &str) -> Refusal {
    (StatusCode::UNAUTHORIZED, message.to_owned())
}

fn known<'a>(authorization: Option<&str>, grants: &'a Grants, now: Millis) -> Result<&'a Access, Refusal> {
    let Some(given) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(unauthorized("Invalid token: access token is invalid"));
    };
    grants.access(given, now).ok_or_else(|| match given.starts_with("pit-") {
        true => unauthorized("Invalid Private Integration token"),
        false => unauthorized("Invalid JWT"),
    })
}

fn spoken(headers: &HeaderMap) -> Result<Version, Refusal> {
    match headers.get("version").map(|value| value.to_str().unwrap_or_default()) {
        None => Err(unauthorized("version header was not found.")),
        Some("v3") => Ok(Version::V3),
        Some(version) if VERSIONS.contains(&version) => Ok(Version::Dated),
        Some(version) => {
            Err((StatusCode::BAD_REQUEST, format!("Invalid API version segment '{version}' at position 0")))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::{Version, known, spoken};
    use crate::sandbox::crm::oauth::grants::{Grants, Names};

    #[test]
    fn a_token_is_named_by_what_is_wrong_with_it() {
        let grants = Grants::new(Names::default(), "pit-1");
        let said = |authorization| known(authorization, &grants, 0).err().map(|(status, text)| (status.as_u16(), text));
        for (authorization, message) in [
            (None, "Invalid token: access token is invalid"),
            (Some("pit-1"), "Invalid token: access token is invalid"),
            (Some("Bearer pit-2"), "Invalid Private Integration token"),
            (Some("Bearer eyJ"), "Invalid JWT"),
        ] {
            assert_eq!(said(authorization), Some((401, message.to_owned())));
        }
        assert_eq!(said(Some("Bearer pit-1")), None);
    }

    #[test]
    fn the_version_must_be_one_of_theirs() {
        let said = |version: &str| {
            let headers =
                HeaderMap::from_iter([("version".parse().expect("a name"), version.parse().expect("a value"))]);
            spoken(&headers).map_err(|(status, text)| (status.as_u16(), text))
        };
        assert_eq!(said("v3"), Ok(Version::V3));
        assert_eq!(said("2021-07-28"), Ok(Version::Dated));
        assert_eq!(said("2020"), Err((400, "Invalid API version segment '2020' at position 0".to_owned())));
        assert!(spoken(&HeaderMap::new()).is_err_and(|(_, text)| text == "version header was not found."));
    }
}
