//! Whose program reports this? The secret that proves it also says which connection is meant.

use http::{HeaderMap, header};
use ring::hmac::{HMAC_SHA256, Key, sign, verify};

use crate::clock::Millis;
use crate::vault::{Secret, SecretRef, VaultError};

/// Carries `t=SECONDS,v1=HEX`: when it was signed, and the HMAC-SHA256 over `SECONDS.CONTACT.BODY`. Several `v1` may stand in it.
const SIGNATURE: &str = "x-convey-signature";
/// A signature from further away than this, either way, is a replay or a wrong clock.
const APART_MS: Millis = 5 * 60 * 1_000;
/// A shorter secret can be guessed.
const SHORTEST: usize = 16;

/// A program that may report conversions of one connection's contacts.
pub struct Reporter {
    /// The connection.
    pub connection: String,
    /// Its source.
    pub source: String,
    /// Its location.
    pub location: String,
    /// What it sends as a bearer token.
    pub token: Option<SecretRef>,
    /// What it signs with.
    pub hmac: Option<SecretRef>,
}

/// Why nobody is known by what came with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    /// Neither a token nor a signature that can be read.
    Nothing,
    /// The signature is from another time.
    Stale,
    /// It is nobody's.
    Wrong,
    /// Connections share the secret.
    Shared,
}

/// What came with a report as proof.
#[derive(Debug, PartialEq)]
enum Proof {
    Token(String),
    Signed { at: String, marks: Vec<Vec<u8>> },
}

/// The reporter who sent this. A signature, where there is one, decides; nobody's secret is told apart from another's by the time it takes.
pub(super) fn find<'a>(
    reporters: &'a [Reporter],
    headers: &HeaderMap,
    contact: &str,
    body: &[u8],
    now: Millis,
) -> Result<&'a Reporter, Unproven> {
    let proof = proof(headers).ok_or(Unproven::Nothing)?;
    if let Proof::Signed { at, .. } = &proof {
        let at_ms = at.parse::<u64>().map_or(0, |seconds| seconds.saturating_mul(1_000));
        if at_ms.abs_diff(now) > APART_MS {
            return Err(Unproven::Stale);
        }
    }
    let mut found = None;
    for reporter in reporters {
        match reporter.sent(&proof, contact, body) {
            Ok(true) if found.is_some() => return Err(Unproven::Shared),
            Ok(true) => found = Some(reporter),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(connection = %reporter.connection, %error, "a secret of those who report conversions cannot be used");
            }
        }
    }
    found.ok_or(Unproven::Wrong)
}

/// What is wrong with the secrets of reporters, a line each: missing, too short, or another connection's too.
pub fn faults(reporters: &[Reporter]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known: Vec<(&str, Secret)> = Vec::new();
    for Reporter { connection, token, hmac, .. } in reporters {
        for place in token.iter().chain(hmac) {
            match usable(place) {
                Err(error) => faults.push(error.to_string()),
                Ok(secret) => {
                    let same =
                        |(other, known): &&(&str, Secret)| other != connection && known.expose() == secret.expose();
                    if let Some((other, _)) = known.iter().find(same) {
                        faults.push(format!(
                            "{place} holds the same secret for connection {connection} as connection {other} has: make each its own, \
                             because a report is of the connection whose secret comes with it"
                        ));
                    }
                    known.push((connection, secret));
                }
            }
        }
    }
    faults
}

/// The secret as it is now.
fn usable(place: &SecretRef) -> Result<Secret, VaultError> {
    let secret = place.read()?;
    if secret.expose().len() < SHORTEST {
        return Err(place.unusable("holds fewer than 16 characters, which can be guessed"));
    }
    Ok(secret)
}

impl Reporter {
    fn sent(&self, proof: &Proof, contact: &str, body: &[u8]) -> Result<bool, VaultError> {
        match (proof, &self.token, &self.hmac) {
            (Proof::Token(sent), Some(place), _) => Ok(same(usable(place)?.expose(), sent)),
            (Proof::Signed { at, marks }, _, Some(place)) => {
                let key = Key::new(HMAC_SHA256, usable(place)?.expose().as_bytes());
                let signed = [at.as_bytes(), b".", contact.as_bytes(), b".", body].concat();
                Ok(marks.iter().any(|mark| verify(&key, &signed, mark).is_ok()))
            }
            _ => Ok(false),
        }
    }
}

/// Whether two texts are the same. Their digests are compared, so the time it takes says nothing of where they differ.
fn same(kept: &str, sent: &str) -> bool {
    let key = Key::new(HMAC_SHA256, &[]);
    verify(&key, kept.as_bytes(), sign(&key, sent.as_bytes()).as_ref()).is_ok()
}

fn proof(headers: &HeaderMap) -> Option<Proof> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(signature) = text(SIGNATURE) {
        return signed(signature);
    }
    let (scheme, token) = text(header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Proof::Token(token.trim().to_owned()))
}

/// `t=SECONDS,v1=HEX`; parts of other names are left to later versions.
fn signed(header: &str) -> Option<Proof> {
    let mut at = None;
    let mut marks = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", seconds) if seconds.bytes().all(|digit| digit.is_ascii_digit()) => at = Some(seconds.to_owned()),
            ("v1", mark) => marks.push(super::verify::unhex(mark)?),
            _ => {}
        }
    }
    at.filter(|_| !marks.is_empty()).map(|at| Proof::Signed { at, marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_168_800_000;
    const AT: &str = "1795168800";

    fn reporter(folder: &tempfile::TempDir, name: &str, secret: &str) -> Reporter {
        let path = folder.path().join(format!("{name}{}", secret.len()));
        std::fs::write(&path, secret).unwrap();
        let place = Some(SecretRef::File(path));
        Reporter {
            connection: name.into(),
            source: "crm".into(),
            location: "l".into(),
            token: place.clone(),
            hmac: place,
        }
    }

    fn mark(secret: &str, signed: &str) -> String {
        let mark = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        crate::contract::lower_hex(mark.as_ref())
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn a_token_says_whose_report_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let all = [reporter(&folder, "north", "north-north-north"), reporter(&folder, "south", "south-south-south-")];
        let who = |value: &str| {
            find(&all, &headers("authorization", value), "c", b"{}", NOW).map(|found| found.connection.as_str())
        };
        assert_eq!(who("Bearer north-north-north"), Ok("north"));
        assert_eq!(who("bearer  south-south-south-"), Ok("south"));
        for wrong in ["Bearer south-south-south", "Bearer north-north-north-", "Bearer x"] {
            assert_eq!(who(wrong), Err(Unproven::Wrong), "{wrong}");
        }
        for nothing in ["north-north-north", "Basic bm9ydGg=", "Bearer"] {
            assert_eq!(who(nothing), Err(Unproven::Nothing), "{nothing}");
        }
        assert!(matches!(find(&all, &HeaderMap::new(), "c", b"{}", NOW), Err(Unproven::Nothing)));
    }

    #[test]
    fn a_signature_is_over_time_contact_and_body() {
        let folder = tempfile::tempdir().unwrap();
        let all = [reporter(&folder, "north", "north-north-north")];
        let good = mark("north-north-north", &format!("{AT}.c.{{}}"));
        let who = |header: &str, contact: &str, body: &str, now: Millis| {
            find(&all, &headers(SIGNATURE, header), contact, body.as_bytes(), now).map(|found| found.connection.clone())
        };
        let header = format!("t={AT},v1={good}");
        assert_eq!(who(&header, "c", "{}", NOW), Ok("north".into()));
        assert_eq!(who(&format!("t={AT}, v0=x, v1=00ff,v1={good}"), "c", "{}", NOW + APART_MS), Ok("north".into()));
        for (header, contact, body) in [
            (header.as_str(), "d", "{}"),
            (header.as_str(), "c", "{ }"),
            (&format!("t=1795168801,v1={good}"), "c", "{}"),
            (&format!("t={AT},v1={}", mark("another-secret-xx", &format!("{AT}.c.{{}}"))), "c", "{}"),
        ] {
            assert_eq!(who(header, contact, body, NOW), Err(Unproven::Wrong), "{header} {contact} {body}");
        }
        for now in [NOW + APART_MS + 1, NOW - APART_MS - 1] {
            assert_eq!(who(&header, "c", "{}", now), Err(Unproven::Stale));
        }
        for broken in [good.as_str(), "t=,v1=", "v1=00", &format!("t={AT}"), &format!("t={AT},v1=xyz"), "t=-5,v1=00"] {
            let answer = who(broken, "c", "{}", NOW);
            assert!(matches!(answer, Err(Unproven::Nothing | Unproven::Stale)), "{broken}: {answer:?}");
        }
    }

    #[test]
    fn secrets_that_cannot_tell_are_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let twins = [reporter(&folder, "north", "the-same-secret!"), reporter(&folder, "south", "the-same-secret!")];
        let sent = headers("authorization", "Bearer the-same-secret!");
        assert!(matches!(find(&twins, &sent, "c", b"{}", NOW), Err(Unproven::Shared)));
        let told = faults(&twins).join("\n");
        assert!(told.contains("connection south as connection north has") && !told.contains("the-same"), "{told}");
        let short = [reporter(&folder, "north", "short")];
        assert!(matches!(
            find(&short, &headers("authorization", "Bearer short"), "c", b"{}", NOW),
            Err(Unproven::Wrong)
        ));
        assert!(faults(&short).iter().all(|fault| fault.contains("fewer than 16 characters")));
        assert!(
            faults(&[reporter(&folder, "north", "north-north-north")]).is_empty(),
            "one secret for both ways will do"
        );
    }
}
