//! Contacts of a CRM in place of changes: what a mapping would say if they came to be now.

use crate::cli::desk::Desk;
use crate::cli::mapping::fields;
use crate::cli::output::Exit;
use crate::clock::Clock;
use crate::config::Config;
use crate::contract::{Change, Contact};
use crate::engine::{Answer, ContactFilter, Query, SourceError};
use crate::flow::{CrmError, Location, supposed};

/// The changes that the last contacts of a connection would be, the newest first.
pub(super) async fn changes(desk: &Desk, config: &Config, connection: &str, last: usize) -> Result<Vec<Change>, Exit> {
    let location = fields::ask(desk, connection).await?;
    let (country, currency) = terms(config, connection);
    let (country, currency) = (country.or(location.country.clone()), currency.or(location.currency.clone()));
    let now = Clock::system().now_ms();
    let mut changes = Vec::new();
    for id in ids(desk, connection, last).await? {
        // A list says less of a person than a fetch, and nothing of where they came from.
        let contact = match desk.ask(connection, &Query::Contact(id)).await {
            Ok(Answer::Contact(contact)) => named(contact, &location),
            Ok(_) => return Err(strange()),
            Err(exit) if is_gone(&exit) => continue,
            Err(exit) => return Err(exit),
        };
        changes.extend(supposed(&contact, connection, (country.as_deref(), currency.as_deref()), now));
    }
    Ok(changes)
}

/// What the connection's settings say of its location: that goes before the location's own word, as it does in a live reading.
fn terms(config: &Config, connection: &str) -> (Option<String>, Option<String>) {
    let settings = config.connections.get(connection).map(|connection| connection.terms.settings.as_str());
    let settings: toml::Table = settings.and_then(|text| text.parse().ok()).unwrap_or_default();
    let text = |key: &str| settings.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    (text("country"), text("currency"))
}

async fn ids(desk: &Desk, connection: &str, last: usize) -> Result<Vec<String>, Exit> {
    let mut ids: Vec<String> = Vec::with_capacity(last);
    let mut cursor = None;
    loop {
        let limit = u32::try_from(last - ids.len()).unwrap_or(u32::MAX).min(100);
        let filter = ContactFilter { text: None, updated_after: None, limit, cursor, older_listing: false };
        let Answer::Contacts((page, next)) = desk.ask(connection, &Query::Contacts(filter)).await? else {
            return Err(strange());
        };
        ids.extend(page.into_iter().map(|contact| contact.id));
        if ids.len() >= last || next.is_none() {
            ids.truncate(last);
            return Ok(ids);
        }
        cursor = next;
    }
}

/// Custom fields by key: a convey that has read nothing yet knows their ids only.
fn named(mut contact: Contact, location: &Location) -> Contact {
    for field in &mut contact.custom_fields {
        if let Some(key) = location.fields.as_ref().and_then(|fields| fields.get(&field.key)) {
            field.key.clone_from(key);
        }
    }
    contact
}

/// Deleted between the list and the fetch.
fn is_gone(exit: &Exit) -> bool {
    match exit {
        Exit::Missing(_) => true,
        Exit::Failed(error) => {
            matches!(error.downcast_ref::<CrmError>(), Some(CrmError::Source(SourceError::NotFound(_))))
        }
        _ => false,
    }
}

fn strange() -> Exit {
    Exit::Failed(anyhow::anyhow!("the source answered another question than it was asked"))
}
