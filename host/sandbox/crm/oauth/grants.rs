//! The book of tokens: which are good, for whom, for what and until when. Time and chance come from outside.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fastrand::Rng;
use serde::Serialize;
use serde_json::json;

use super::super::super::ids;
use super::jwt;
use crate::clock::Millis;

/// How long a refresh token is good while it is not used.
const REFRESH_LIFE_MS: Millis = 365 * 86_400_000;

/// Whose a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The world's own private integration: every location.
    Everywhere,
    /// The agency: no location's own endpoints, but tokens for each of them.
    Company,
    /// One location, by position.
    Location(usize),
}

impl Holder {
    /// Whether the location at this position may be asked.
    pub fn opens(self, at: usize) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Company => false,
            Self::Location(own) => own == at,
        }
    }

    /// Whether this is the one meant; none means everybody whose tokens come by OAuth.
    fn meant(self, which: Option<Self>) -> bool {
        which.is_none_or(|which| which == self)
    }
}

/// The app and the agency, as tokens and answers name them.
#[derive(Clone, Default)]
pub struct Names {
    /// The app's id, a hyphen and eight letters and digits.
    pub client_id: String,
    /// A UUID.
    pub client_secret: String,
    /// The agency that owns every location.
    pub company: String,
    /// Whoever installs the app.
    pub user: String,
    /// The plan the app was bought with.
    pub plan: String,
    /// The locations' ids, by position.
    pub locations: Vec<String>,
}

impl Names {
    /// The holder's class and id.
    pub fn of(&self, holder: Holder) -> (&'static str, &str) {
        match holder {
            Holder::Location(at) => ("Location", self.locations.get(at).map_or("", String::as_str)),
            Holder::Company | Holder::Everywhere => ("Company", &self.company),
        }
    }
}

/// What was granted: to whom, and for what.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whose it is.
    pub holder: Holder,
    /// The scopes, by the vendor's names.
    pub scopes: Arc<[String]>,
}

/// A token that opens something.
pub struct Access {
    /// Whose it is.
    pub holder: Holder,
    /// None: all of them.
    scopes: Option<Arc<[String]>>,
    /// None: a private integration token, good until it is taken away.
    expires: Option<Millis>,
}

impl Access {
    /// The scopes it names; none when it is good for all of them.
    pub fn scopes(&self) -> Arc<[String]> {
        self.scopes.clone().unwrap_or_default()
    }

    /// Whether it may be used for an operation with this scope; the vendor's words when not.
    pub fn may(&self, scope: &str) -> Result<(), &'static str> {
        const CLASS: &str = "This authClass type is not allowed to access this scope. Please verify your IAM configuration if this is not the case.";
        const SCOPE: &str = "The token is not authorized for this scope.";
        let agency = scope.starts_with("oauth.");
        let private = self.expires.is_none();
        if !private && agency != (self.holder == Holder::Company) {
            return Err(CLASS);
        }
        let named = self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|own| own == scope));
        if named && !(private && agency) { Ok(()) } else { Err(SCOPE) }
    }
}

/// An access token and the refresh token that came with it.
#[derive(Clone)]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The refresh token's id.
    pub refresh_id: String,
    /// How long the access token is good from its making, in seconds.
    pub expires_in_s: u64,
    /// What it stands for.
    pub grant: Grant,
}

/// Why a refresh token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It never was one, was used, was taken away or is too old.
    Invalid,
    /// Its location is suspended; it is good again when the location is.
    NotActive,
}

struct Refresh {
    grant: Grant,
    expires: Millis,
    used: Option<(Millis, Pair)>,
}

/// An authorization code that waits.
pub struct Code {
    /// What it will give.
    pub grant: Grant,
    /// Whether the app has been told of the installation.
    pub told: bool,
}

/// One call for a token, without any token in it.
#[derive(Clone, Debug, Serialize)]
pub struct TokenCall {
    /// When, milliseconds since the epoch.
    pub at: Millis,
    /// `authorization_code`, `refresh_token`, `location_token`; `other` for what is none of them.
    pub grant_type: &'static str,
    /// `issued`, `repeated` (the same pair again, within the grace), or why not.
    pub outcome: &'static str,
    /// The location's id; none for the agency and for a call that named nobody known.
    pub location: Option<String>,
}

/// Everything that was granted.
#[derive(Default)]
pub struct Grants {
    /// Who is who.
    pub names: Names,
    /// Every call for a token, oldest first.
    pub log: Vec<TokenCall>,
    /// Where the app is installed, by position, and since when.
    pub installed: BTreeMap<usize, Millis>,
    access: HashMap<String, Access>,
    codes: HashMap<String, Code>,
    refreshes: HashMap<String, Refresh>,
    suspended: BTreeSet<usize>,
}

impl Grants {
    /// A book in which one private integration token stands: good for every location and everything.
    pub fn new(names: Names, token: &str) -> Self {
        let open = Access { holder: Holder::Everywhere, scopes: None, expires: None };
        Self { names, access: HashMap::from([(token.to_owned(), open)]), ..Self::default() }
    }

    /// A private integration token for one location and these scopes.
    pub fn private(&mut self, grant: Grant, rng: &mut Rng) -> String {
        let token = format!("pit-{}", ids::uuid(rng));
        let access = Access { holder: grant.holder, scopes: Some(grant.scopes), expires: None };
        self.access.insert(token.clone(), access);
        token
    }

    /// What this token opens now.
    pub fn access(&self, token: &str, now: Millis) -> Option<&Access> {
        self.access.get(token).filter(|access| access.expires.is_none_or(|expires| now < expires))
    }

    /// An authorization code: 40 hex digits.
    pub fn offer(&mut self, code: Code, rng: &mut Rng) -> String {
        let text = ids::hex(rng, 40);
        self.codes.insert(text.clone(), code);
        text
    }

    /// Whether this code waits.
    pub fn offered(&self, code: &str) -> bool {
        self.codes.contains_key(code)
    }

    /// Uses a code up.
    pub fn redeem(&mut self, code: &str) -> Option<Code> {
        self.codes.remove(code)
    }

    /// A new pair of tokens.
    pub fn issue(&mut self, grant: Grant, life_s: u64, rng: &mut Rng, now: Millis) -> Pair {
        let (class, id) = self.names.of(grant.holder);
        let (refresh_id, expires) = (ids::hex(rng, 24), now.saturating_add(life_s.saturating_mul(1_000)));
        let claims = json!({
            "authClass": class, "authClassId": id, "primaryAuthClassId": id, "source": "INTEGRATION",
            "sourceId": self.names.client_id, "channel": "OAUTH", "oauthMeta": { "scopes": &*grant.scopes },
            "iat": now / 1_000, "exp": expires / 1_000,
        });
        let renewal = json!({
            "authClass": class, "authClassId": id, "source": "INTEGRATION", "sourceId": self.names.client_id,
            "channel": "OAUTH", "uniqueId": refresh_id, "iat": now / 1_000, "exp": (now + REFRESH_LIFE_MS) / 1_000,
        });
        let (access, refresh) = (jwt::token(rng, &claims), jwt::token(rng, &renewal));
        let opened = Access { holder: grant.holder, scopes: Some(grant.scopes.clone()), expires: Some(expires) };
        self.access.insert(access.clone(), opened);
        let kept = Refresh { grant: grant.clone(), expires: now + REFRESH_LIFE_MS, used: None };
        self.refreshes.insert(refresh.clone(), kept);
        Pair { access, refresh, refresh_id, expires_in_s: life_s, grant }
    }

    /// Uses a refresh token up and gives a new pair; the same pair again within `grace_ms` of the first use, and then true with it.
    pub fn renew(
        &mut self,
        token: &str,
        life_s: u64,
        grace_ms: u64,
        rng: &mut Rng,
        now: Millis,
    ) -> Result<(Pair, bool), Refused> {
        let known = self.refreshes.get(token).filter(|known| now < known.expires).ok_or(Refused::Invalid)?;
        if matches!(known.grant.holder, Holder::Location(at) if self.suspended.contains(&at)) {
            return Err(Refused::NotActive);
        }
        if let Some((used, pair)) = &known.used {
            let again = now.saturating_sub(*used) < grace_ms;
            return if again { Ok((pair.clone(), true)) } else { Err(Refused::Invalid) };
        }
        let pair = self.issue(known.grant.clone(), life_s, rng, now);
        if let Some(known) = self.refreshes.get_mut(token) {
            known.used = Some((now, pair.clone()));
        }
        Ok((pair, false))
    }

    /// Whose refresh token this is, or was.
    pub fn holder_of(&self, refresh: &str) -> Option<Holder> {
        self.refreshes.get(refresh).map(|known| known.grant.holder)
    }

    /// Ends the access tokens of one holder, or of all; private ones and refresh tokens stay.
    pub fn expire(&mut self, which: Option<Holder>) {
        self.access.retain(|_, access| access.expires.is_none() || !access.holder.meant(which));
    }

    /// Takes away all that came by OAuth from one holder, or from all.
    pub fn revoke(&mut self, which: Option<Holder>) {
        self.expire(which);
        self.refreshes.retain(|_, known| !known.grant.holder.meant(which));
        self.codes.retain(|_, code| !code.grant.holder.meant(which));
    }

    /// Suspends a location, or lets it be active again.
    pub fn suspend(&mut self, at: usize, suspended: bool) {
        if suspended {
            self.suspended.insert(at);
        } else {
            self.suspended.remove(&at);
        }
    }

    /// Whether the location is suspended.
    pub fn is_suspended(&self, at: usize) -> bool {
        self.suspended.contains(&at)
    }

    /// Writes a call for a token down.
    pub fn note(&mut self, at: Millis, grant_type: &'static str, outcome: &'static str, holder: Option<Holder>) {
        let location = match holder {
            Some(Holder::Location(at)) => self.names.locations.get(at).cloned(),
            _ => None,
        };
        self.log.push(TokenCall { at, grant_type, outcome, location });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> (Grants, Rng) {
        let names = Names { locations: vec!["one".to_owned(), "two".to_owned()], ..Names::default() };
        (Grants::new(names, "pit-1"), Rng::with_seed(1))
    }

    fn grant(holder: Holder, scopes: &[&str]) -> Grant {
        Grant { holder, scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect() }
    }

    #[test]
    fn a_refresh_token_is_used_once_but_for_the_grace() {
        let (mut grants, mut rng) = grants();
        let first = grants.issue(grant(Holder::Location(0), &["a"]), 10, &mut rng, 0);
        let mut renew = |now| grants.renew(&first.refresh, 10, 30_000, &mut rng, now);
        let (second, again) = renew(1_000).expect("renewed");
        assert!(!again && second.access != first.access && second.refresh != first.refresh);
        let (same, again) = renew(30_999).expect("in the grace");
        assert!(again && same.access == second.access && same.refresh == second.refresh);
        assert_eq!(renew(31_000).err(), Some(Refused::Invalid));
        assert!(grants.access(&second.access, 10_999).is_some() && grants.access(&second.access, 11_000).is_none());
        assert!(grants.renew(&second.refresh, 10, 0, &mut rng, 31_000).is_ok());
        assert_eq!(grants.renew(&second.refresh, 10, 0, &mut rng, 31_000).err(), Some(Refused::Invalid));
        assert_eq!(grants.renew("nobody's", 10, 0, &mut rng, 0).err(), Some(Refused::Invalid));
    }

    #[test]
    fn a_suspended_location_uses_no_refresh_token_up() {
        let (mut grants, mut rng) = grants();
        let pair = grants.issue(grant(Holder::Location(1), &["a"]), 10, &mut rng, 0);
        grants.suspend(1, true);
        assert_eq!(grants.renew(&pair.refresh, 10, 0, &mut rng, 0).err(), Some(Refused::NotActive));
        grants.suspend(1, false);
        assert!(grants.renew(&pair.refresh, 10, 0, &mut rng, 0).is_ok());
    }

    #[test]
    fn what_is_taken_away_takes_nobody_elses_along() {
        let (mut grants, mut rng) = grants();
        let pairs = [Holder::Location(0), Holder::Location(1), Holder::Company]
            .map(|holder| grants.issue(grant(holder, &["a"]), 10, &mut rng, 0));
        let good = |grants: &Grants| pairs.each_ref().map(|pair| grants.access(&pair.access, 0).is_some());
        grants.expire(Some(Holder::Location(0)));
        assert_eq!(good(&grants), [false, true, true]);
        assert!(grants.renew(&pairs[0].refresh, 10, 0, &mut rng, 0).is_ok());
        grants.revoke(Some(Holder::Location(1)));
        assert_eq!(good(&grants), [false, false, true]);
        assert!(grants.renew(&pairs[1].refresh, 10, 0, &mut rng, 0).is_err());
        grants.revoke(None);
        assert_eq!(good(&grants), [false; 3]);
        assert!(grants.access("pit-1", u64::MAX).is_some());
    }

    #[test]
    fn classes_and_scopes_are_told_apart() {
        let (mut grants, mut rng) = grants();
        let private = grants.private(grant(Holder::Location(0), &["contacts.readonly", "oauth.write"]), &mut rng);
        let location = grants.issue(grant(Holder::Location(0), &["contacts.readonly"]), 10, &mut rng, 0).access;
        let company =
            grants.issue(grant(Holder::Company, &["contacts.readonly", "oauth.write"]), 10, &mut rng, 0).access;
        let said =
            |token: &str, scope: &str| grants.access(token, 0).expect("good").may(scope).err().map(|text| &text[..4]);
        assert_eq!((said(&private, "contacts.readonly"), said(&private, "contacts.write")), (None, Some("The ")));
        assert_eq!(said(&private, "oauth.write"), Some("The "));
        assert_eq!((said(&location, "contacts.readonly"), said(&location, "contacts.write")), (None, Some("The ")));
        assert_eq!(said(&location, "oauth.write"), Some("This"));
        assert_eq!((said(&company, "oauth.write"), said(&company, "oauth.readonly")), (None, Some("The ")));
        assert_eq!(said(&company, "contacts.readonly"), Some("This"));
    }

    #[test]
    fn a_code_is_redeemed_once() {
        let (mut grants, mut rng) = grants();
        let code = grants.offer(Code { grant: grant(Holder::Company, &[]), told: false }, &mut rng);
        assert_eq!(code.len(), 40);
        assert!(grants.offered(&code) && grants.redeem(&code).is_some() && grants.redeem(&code).is_none());
    }
}
