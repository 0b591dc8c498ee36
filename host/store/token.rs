//! Tokens of OAuth grants (RFC 6749): one for each holder, sealed, replaced by compare-and-set so that two refreshes
//! never undo one another.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::{Lookup, Secret, VaultError};

/// How a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// It works, as far as we know.
    Live,
    /// The location sleeps and the grant with it: it may come back by itself.
    Suspended,
    /// Its refresh token was used up without an answer: a person must log in again.
    Reconnect,
    /// The vendor took it back: a person must log in again.
    Revoked,
}

impl GrantState {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Suspended => "suspended",
            Self::Reconnect => "reconnect",
            Self::Revoked => "revoked",
        }
    }

    pub(super) fn read(text: &str) -> Self {
        match text {
            "live" => Self::Live,
            "suspended" => Self::Suspended,
            "revoked" => Self::Revoked,
            // The one that asks a person: nothing is sent on the strength of a word we do not know.
            _ => Self::Reconnect,
        }
    }
}

impl fmt::Display for GrantState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// A token as it stands.
#[derive(Debug, Clone)]
pub struct HeldToken {
    /// Which version this is; a refresh names it to replace it. It never comes again, also not after the holder's end.
    pub version: u64,
    /// How the grant stands.
    pub state: GrantState,
    /// Why, unless it is live.
    pub reason: Option<String>,
    /// The access token.
    pub access: Secret,
    /// The refresh token, where there is one.
    pub refresh: Option<Secret>,
    /// When the access token ends, where the vendor says so.
    pub expires_at: Option<Millis>,
    /// When it was obtained.
    pub obtained_at: Millis,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// The vendor's word for what it stands for (a location, a company).
    pub kind: Option<String>,
    /// The location that it is for.
    pub location: Option<String>,
    /// The company that it is for.
    pub company: Option<String>,
}

/// A token to keep.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The access token.
    pub access: Secret,
    /// The refresh token, where there is one.
    pub refresh: Option<Secret>,
    /// When the access token ends, where the vendor says so.
    pub expires_at: Option<Millis>,
    /// When it was obtained.
    pub obtained_at: Millis,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// The vendor's word for what it stands for (a location, a company).
    pub kind: Option<String>,
    /// The location that it is for.
    pub location: Option<String>,
    /// The company that it is for.
    pub company: Option<String>,
}

/// A token without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// Whose it is.
    pub holder: String,
    /// How the grant stands.
    pub state: GrantState,
    /// Why, unless it is live.
    pub reason: Option<String>,
    /// When the access token ends, where the vendor says so.
    pub expires_at: Option<Millis>,
    /// When it was obtained.
    pub obtained_at: Millis,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// The vendor's word for what it stands for (a location, a company).
    pub kind: Option<String>,
    /// The location that it is for.
    pub location: Option<String>,
    /// The company that it is for.
    pub company: Option<String>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
}

/// `row` and `sealed` stand behind the columns that [`summary`] takes.
const TOKENS: &str = "SELECT holder, state, reason, expires_at, obtained_at, scopes, kind, location, company, \
                      refreshable, row, sealed FROM token";

impl Store {
    /// The holder's token.
    ///
    /// # Errors
    /// As the database has it; [`StoreError::Vault`] if the token does not open.
    pub async fn token(&self, holder: &str) -> Result<Option<HeldToken>, StoreError> {
        let holder = holder.to_owned();
        self.read(move |rows| rows.token(&holder)).await
    }

    /// Keeps a token, which makes the grant live. With `expected` only if that version still stands; `None` replaces
    /// whatever stands. Whether it was kept: durable before this returns, so the token may be used from then on.
    ///
    /// # Errors
    /// As the disk has it; then the token before still stands.
    pub async fn put_token(&self, holder: &str, token: NewToken, expected: Option<u64>) -> Result<bool, StoreError> {
        let holder = holder.to_owned();
        self.write("put_token", 0, move |rows| rows.put_token(&holder, &token, expected)).await
    }

    /// Notes how the holder's grant stands since `at`, and why. The version stays: what was being refreshed meanwhile
    /// may still replace it. Whether there is such a holder.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn set_grant_state(
        &self,
        holder: &str,
        state: GrantState,
        reason: Option<String>,
        at: Millis,
    ) -> Result<bool, StoreError> {
        let holder = holder.to_owned();
        self.write("set_grant_state", 0, move |rows| {
            let noted = rows
                .db
                .prepare_cached("UPDATE token SET state = ?2, reason = ?3, state_at = ?4 WHERE holder = ?1")?
                .execute(params![holder, state.word(), reason, int(at)])?;
            Ok(noted > 0)
        })
        .await
    }

    /// Destroys the holder's token and the key that sealed it; both are overwritten. Whether there was one.
    ///
    /// # Errors
    /// As the disk has it; then the token still stands.
    pub async fn drop_token(&self, holder: &str) -> Result<bool, StoreError> {
        let holder = holder.to_owned();
        self.write("drop_token", 0, move |rows| {
            let dropped = rows.db.prepare_cached("DELETE FROM token WHERE holder = ?1")?.execute([&holder])?;
            rows.keys.destroy(rows.db, &rows.holder(&holder))?;
            Ok(dropped > 0)
        })
        .await
    }

    /// Every token without its secrets, by holder.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn tokens(&self) -> Result<Vec<TokenSummary>, StoreError> {
        self.read(|rows| {
            let mut query = rows.db.prepare_cached(&format!("{TOKENS} ORDER BY holder"))?;
            Ok(query.query_map([], summary)?.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<TokenSummary> {
    let scopes = row.get_ref(5)?.as_str()?;
    Ok(TokenSummary {
        holder: row.get(0)?,
        state: GrantState::read(row.get_ref(1)?.as_str()?),
        reason: row.get(2)?,
        expires_at: row.get::<_, Option<i64>>(3)?.map(nat),
        obtained_at: nat(row.get(4)?),
        scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        kind: row.get(6)?,
        location: row.get(7)?,
        company: row.get(8)?,
        refreshable: row.get(9)?,
    })
}

impl Rows<'_> {
    fn token(&self, holder: &str) -> Result<Option<HeldToken>, StoreError> {
        let found: Option<(TokenSummary, i64, Vec<u8>)> = self
            .db
            .prepare_cached(&format!("{TOKENS} WHERE holder = ?1"))?
            .query_row([holder], |row| Ok((summary(row)?, row.get(10)?, row.get(11)?)))
            .optional()?;
        let Some((known, version, sealed)) = found else { return Ok(None) };
        let plain = Zeroizing::new(self.open("token", &[holder], &self.holder(holder), &sealed)?);
        let (access, refresh) = unframed(&plain)?;
        Ok(Some(HeldToken {
            version: nat(version),
            state: known.state,
            reason: known.reason,
            access,
            refresh,
            expires_at: known.expires_at,
            obtained_at: known.obtained_at,
            scopes: known.scopes,
            kind: known.kind,
            location: known.location,
            company: known.company,
        }))
    }

    fn put_token(&self, holder: &str, token: &NewToken, expected: Option<u64>) -> Result<bool, StoreError> {
        let stands: Option<i64> = self
            .db
            .prepare_cached("SELECT row FROM token WHERE holder = ?1")?
            .query_row([holder], |row| row.get(0))
            .optional()?;
        if expected.is_some() && stands.map(nat) != expected {
            return Ok(false);
        }
        let sealed = self.seal("token", &[holder], &self.holder(holder), &framed(token))?;
        // A new row, not a new content: its number is the version, and no number comes twice.
        self.db.prepare_cached("DELETE FROM token WHERE holder = ?1")?.execute([holder])?;
        self.db
            .prepare_cached(
                "INSERT INTO token (holder, state, state_at, expires_at, obtained_at, scopes, kind, location, company,
                                    refreshable, sealed)
                 VALUES (?1, 'live', ?2, ?3, ?2, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                holder,
                int(token.obtained_at),
                token.expires_at.map(int),
                token.scopes.join(" "),
                token.kind,
                token.location,
                token.company,
                token.refresh.is_some(),
                sealed,
            ])?;
        Ok(true)
    }

    fn holder(&self, holder: &str) -> Lookup {
        self.keys.vault().lookup("token", &[holder])
    }
}

/// Both secrets as one text to seal: the access token's length, the access token, and the refresh token behind a byte
/// that says whether there is one.
fn framed(token: &NewToken) -> Zeroizing<Vec<u8>> {
    let (access, refresh) = (token.access.expose(), token.refresh.as_ref().map_or("", Secret::expose));
    // Made in its full size at once: a grown one would leave copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(5 + access.len() + refresh.len()));
    plain.extend_from_slice(&(access.len() as u32).to_le_bytes());
    plain.extend_from_slice(access.as_bytes());
    plain.push(token.refresh.is_some().into());
    plain.extend_from_slice(refresh.as_bytes());
    plain
}

fn unframed(plain: &[u8]) -> Result<(Secret, Option<Secret>), VaultError> {
    let damaged = || VaultError::Unopened { place: "token" };
    let secret = |bytes: &[u8]| {
        str::from_utf8(bytes)
            .map(|text| Secret::new(text.to_owned()))
            .map_err(|_| VaultError::Unopened { place: "token" })
    };
    let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (access, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
    let (&refreshable, refresh) = rest.split_first().ok_or_else(damaged)?;
    Ok((secret(access)?, if refreshable == 1 { Some(secret(refresh)?) } else { None }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{GrantState, NewToken, framed, unframed};
    use crate::vault::Secret;

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in [GrantState::Live, GrantState::Suspended, GrantState::Reconnect, GrantState::Revoked] {
            assert_eq!(GrantState::read(&state.to_string()), state);
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }

    proptest! {
        #[test]
        fn frames_come_apart_again_and_torn_ones_do_not(access in ".{0,40}", refresh in prop::option::of(".{0,40}")) {
            let token = NewToken {
                access: Secret::new(access.clone()),
                refresh: refresh.clone().map(Secret::new),
                expires_at: None,
                obtained_at: 1,
                scopes: Vec::new(),
                kind: None,
                location: None,
                company: None,
            };
            let plain = framed(&token);
            prop_assert!(unframed(&plain[..access.len() + 4]).is_err());
            let (first, second) = unframed(&plain).unwrap();
            prop_assert_eq!(first.expose(), access.as_str());
            prop_assert_eq!(second.as_ref().map(Secret::expose), refresh.as_deref());
        }
    }
}
