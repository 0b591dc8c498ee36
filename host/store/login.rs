//! Logins that were begun: each comes back once, by its `state` (RFC 6749, section 10.12).

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// A login that was begun. It prints without its `state`: whoever has that may end the login.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The unguessable text that comes back with the code; empty where it was not given.
    pub state: String,
    /// The source to log in to.
    pub source: String,
    /// The connection that it is for, where it is for one.
    pub connection: Option<String>,
    /// Where the vendor was asked to send the person back to.
    pub redirect: Option<String>,
    /// When it is too late to come back.
    pub expires_at: Millis,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, connection, redirect, expires_at, .. } = self;
        write!(out, "Login {{ {source}, {connection:?}, {redirect:?}, until {expires_at} }}")
    }
}

const COLUMNS: &str = "source, connection, redirect, expires_at";

impl Store {
    /// Notes a login that begins. Of its `state` only a look-up is kept.
    ///
    /// # Errors
    /// As the disk has it; then do not send the person off.
    pub async fn put_login(&self, login: Login) -> Result<(), StoreError> {
        self.write("put_login", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "INSERT OR REPLACE INTO login (lookup, source, connection, redirect, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    rows.login(&login.state),
                    login.source,
                    login.connection,
                    login.redirect,
                    int(login.expires_at),
                ])?;
            Ok(())
        })
        .await
    }

    /// Takes the login with this `state`, once; `None` if there is none or its time is over at `now`. Logins whose time
    /// is over are forgotten.
    ///
    /// # Errors
    /// As the disk has it; then it can still be taken.
    pub async fn take_login(&self, state: &str, now: Millis) -> Result<Option<Login>, StoreError> {
        let state = state.to_owned();
        self.write("take_login", 0, move |rows| {
            rows.db.prepare_cached("DELETE FROM login WHERE expires_at <= ?1")?.execute([int(now)])?;
            let taken = rows
                .db
                .prepare_cached(&format!("DELETE FROM login WHERE lookup = ?1 RETURNING {COLUMNS}"))?
                .query_row([rows.login(&state)], login)
                .optional()?;
            Ok(taken.map(|login| Login { state: state.clone(), ..login }))
        })
        .await
    }

    /// The source's logins that may still come back, the last begun first, without their `state`: for a vendor that
    /// drops it, where a person must say which of them this is.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn logins(&self, source: &str, now: Millis) -> Result<Vec<Login>, StoreError> {
        let source = source.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM login WHERE source = ?1 AND expires_at > ?2 ORDER BY expires_at DESC, lookup"
            ))?;
            Ok(query.query_map(params![source, int(now)], login)?.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn login(row: &Row<'_>) -> rusqlite::Result<Login> {
    Ok(Login {
        state: String::new(),
        source: row.get(0)?,
        connection: row.get(1)?,
        redirect: row.get(2)?,
        expires_at: nat(row.get(3)?),
    })
}

impl Rows<'_> {
    fn login(&self, state: &str) -> Lookup {
        self.keys.vault().lookup("login", &[state])
    }
}
