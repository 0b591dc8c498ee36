//! The words of the contract as Rust types, made from `wit/types.wit`, and the few questions every floor asks of them.

use std::fmt;

mod bindings {
    #![expect(missing_docs, reason = "generated from wit/, where every item is documented")]
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "package convey:host; world words { import convey:pipeline/types@0.1.0; }",
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use bindings::convey::pipeline::types;
pub use types::{
    ActionSource, Change, Contact, ContactDraft, ConversionEvent, CrmCommand, CustomField, CustomValue, Delivery,
    Effect, FieldValue, Hashed, Membership, Operation, Origin, Proposal, Skip, SkipCode, TaskDraft, Trigger, UserData,
};

/// The version of the contract that this host speaks.
pub const CONTRACT: &str = "0.1.0";

/// SHA-256 of a component's bytes, of a mapping's settings, or of a profile: the name of its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut words = [0; 32];
        words.copy_from_slice(digest.as_ref());
        Self(words)
    }

    /// A digest that was made elsewhere, from its bytes.
    pub const fn known(words: [u8; 32]) -> Self {
        Self(words)
    }

    /// The first twelve hex digits: enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// Bytes as lower-case hex digits, two each.
pub fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash as it is written: 64 lower-case hex digits.
pub fn hex(hashed: &Hashed) -> String {
    let words = [hashed.a, hashed.b, hashed.c, hashed.d, hashed.e, hashed.f, hashed.g, hashed.h];
    words.iter().map(|word| format!("{word:08x}")).collect()
}

/// The trigger's name as people write it: the name of its case in the contract.
pub fn kind(trigger: &Trigger) -> &'static str {
    match trigger {
        Trigger::ContactCreated => "contact-created",
        Trigger::ContactUpdated(_) => "contact-updated",
        Trigger::ContactDeleted => "contact-deleted",
        Trigger::TagsChanged(_) => "tags-changed",
        Trigger::ConsentChanged => "consent-changed",
        Trigger::TaskCreated(_) => "task-created",
        Trigger::TaskCompleted(_) => "task-completed",
        Trigger::TaskDeleted(_) => "task-deleted",
        Trigger::NoteCreated(_) => "note-created",
        Trigger::NoteUpdated(_) => "note-updated",
        Trigger::NoteDeleted(_) => "note-deleted",
        Trigger::AppointmentChanged(_) => "appointment-changed",
        Trigger::OpportunityChanged(_) => "opportunity-changed",
        Trigger::ConversionReported(_) => "conversion-reported",
    }
}

/// The command's name as people write it: the name of its case in the contract, and of the operation that serves it.
pub fn command_name(command: &CrmCommand) -> &'static str {
    match command {
        CrmCommand::CreateContact(_) => "create-contact",
        CrmCommand::UpsertContact(_) => "upsert-contact",
        CrmCommand::UpdateContact(_) => "update-contact",
        CrmCommand::DeleteContact => "delete-contact",
        CrmCommand::AddTags(_) => "add-tags",
        CrmCommand::RemoveTags(_) => "remove-tags",
        CrmCommand::CreateTask(_) => "create-task",
        CrmCommand::UpdateTask(_) => "update-task",
        CrmCommand::CompleteTask(_) => "complete-task",
        CrmCommand::DeleteTask(_) => "delete-task",
        CrmCommand::CreateNote(_) => "create-note",
        CrmCommand::UpdateNote(_) => "update-note",
        CrmCommand::DeleteNote(_) => "delete-note",
    }
}

/// Every command of the contract, by name.
pub const COMMANDS: [&str; 13] = [
    "create-contact",
    "upsert-contact",
    "update-contact",
    "delete-contact",
    "add-tags",
    "remove-tags",
    "create-task",
    "update-task",
    "complete-task",
    "delete-task",
    "create-note",
    "update-note",
    "delete-note",
];

/// Every query of the contract, by name.
pub const QUERIES: [&str; 9] =
    ["contact", "contacts", "business-contacts", "tasks", "task", "notes", "note", "appointments", "catalogue"];

/// Every trigger of the contract, by name.
pub const TRIGGERS: [&str; 14] = [
    "contact-created",
    "contact-updated",
    "contact-deleted",
    "tags-changed",
    "consent-changed",
    "task-created",
    "task-completed",
    "task-deleted",
    "note-created",
    "note-updated",
    "note-deleted",
    "appointment-changed",
    "opportunity-changed",
    "conversion-reported",
];

/// A skip's code as people read it.
pub fn skip_code(code: SkipCode) -> &'static str {
    match code {
        SkipCode::NoRule => "no-rule",
        SkipCode::Filtered => "filtered",
        SkipCode::NoConsent => "no-consent",
        SkipCode::NoIdentity => "no-identity",
        SkipCode::Invalid => "invalid",
    }
}

/// The kinds of number a guest may hand over that no platform and no file can hold: NaN and the infinities.
pub fn has_wild_number(event: &ConversionEvent) -> bool {
    let custom = event.custom_data.iter().any(|(_, value)| matches!(value, CustomValue::Number(n) if !n.is_finite()));
    custom || event.value.is_some_and(|value| !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Digest, Hashed, hex};

    #[test]
    fn a_digest_is_sha256_in_hex() {
        let empty = Digest::of(b"").to_string();
        assert_eq!(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    }

    #[test]
    fn a_hash_is_written_big_endian() {
        let hashed = Hashed { a: 0x0123_4567, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0x89ab_cdef };
        assert!(hex(&hashed).starts_with("0123456700"));
        assert!(hex(&hashed).ends_with("89abcdef"));
    }
}
