//! What a token must carry, as HighLevel's OAuth scopes are spelled.

/// Contacts and all that hangs on one: tasks, notes, appointments.
pub const CONTACTS_READ: &str = "contacts.readonly";
/// The same, to write.
pub const CONTACTS_WRITE: &str = "contacts.write";
/// The location itself: country, time zone.
pub const LOCATION: &str = "locations.readonly";
/// Which custom fields a location has.
pub const FIELDS: &str = "locations/customFields.readonly";
/// Tasks across the contacts of a location.
pub const TASKS: &str = "locations/tasks.readonly";
/// Pipelines and opportunities.
pub const OPPORTUNITIES: &str = "opportunities.readonly";
/// An agency's token traded for one of its locations'.
pub const EXCHANGE: &str = "oauth.write";
