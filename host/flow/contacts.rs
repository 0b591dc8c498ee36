//! A connection's last contacts as changes that might have been: what a mapping is tried on before anything has happened.

use super::location::strange;
use super::{CrmError, Flow, Location, supposed};
use crate::contract::{Change, Contact};
use crate::engine::{Answer, ContactFilter, Query, SourceError};

impl Flow {
    /// The changes that the last contacts of a connection would be if they came to be now, the newest first.
    ///
    /// # Errors
    /// As [`CrmError`] has it.
    pub async fn last_contacts(&self, connection: &str, last: usize) -> Result<Vec<Change>, CrmError> {
        let location = self.location(connection).await?;
        let settings = self.plan().connections.get(connection).map(|known| known.settings.clone());
        let (country, currency) = terms(settings.as_deref().unwrap_or_default());
        let (country, currency) = (country.or(location.country.clone()), currency.or(location.currency.clone()));
        let now = self.clock.now_ms();
        let mut changes = Vec::new();
        for id in self.last_ids(connection, last).await? {
            // A list says less of a person than a fetch, and nothing of where they came from.
            let contact = match self.ask(connection, &Query::Contact(id)).await {
                Ok(Answer::Contact(contact)) => named(contact, &location),
                Ok(_) => return Err(strange()),
                // Deleted between the list and the fetch.
                Err(CrmError::Source(SourceError::NotFound(_))) => continue,
                Err(error) => return Err(error),
            };
            changes.extend(supposed(&contact, connection, (country.as_deref(), currency.as_deref()), now));
        }
        Ok(changes)
    }

    async fn last_ids(&self, connection: &str, last: usize) -> Result<Vec<String>, CrmError> {
        let mut ids: Vec<String> = Vec::with_capacity(last);
        let mut cursor = None;
        loop {
            let limit = u32::try_from(last - ids.len()).unwrap_or(u32::MAX).min(100);
            let filter = ContactFilter { text: None, updated_after: None, limit, cursor, older_listing: false };
            let Answer::Contacts((page, next)) = self.ask(connection, &Query::Contacts(filter)).await? else {
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
}

/// What the connection's settings say of its location: that goes before the location's own word, as it does in a live reading.
fn terms(settings: &str) -> (Option<String>, Option<String>) {
    let settings: toml::Table = settings.parse().unwrap_or_default();
    let text = |key: &str| settings.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    (text("country"), text("currency"))
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

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn what_the_settings_say_of_the_location_is_read() {
        let said = terms("country = \"US\"\ncurrency = 3\n");
        assert_eq!((said.0.as_deref(), said.1), (Some("US"), None));
        assert_eq!(terms("no toml ="), (None, None));
    }
}
