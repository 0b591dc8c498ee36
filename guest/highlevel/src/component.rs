//! The exported component: the contract's functions, each one call into the crate.

use wstd::runtime::block_on;

use crate::bindings::exports::convey::pipeline::contact_source::{
    Answer, Change, CrmCommand, Delivery, Execution, Guest, Identity, Page, Profile, Query, Readings, SourceError,
    Subject, Work,
};
use crate::{ask, describe, http, identify, interpret, read, settings};

/// The HighLevel contact source.
pub struct Highlevel;

impl Guest for Highlevel {
    fn describe() -> Profile {
        describe::profile()
    }

    fn identify(deliveries: Vec<Delivery>) -> Vec<Result<Identity, String>> {
        deliveries.iter().map(identify::identify).collect()
    }

    fn interpret(subject: Subject, trigger: Option<String>, bodies: Vec<Vec<u8>>) -> Vec<Result<Vec<Change>, String>> {
        interpret::interpret(&subject, trigger.as_deref(), &bodies)
    }

    fn configure(text: String) -> Result<(), String> {
        settings::parse(&text).map(|_| ())
    }

    fn read(subject: Subject, work: Vec<Work>) -> Readings {
        block_on(read::read(&subject, &work, http::get))
    }

    fn poll(_subject: Subject, _cursor: Option<String>) -> Result<Page, SourceError> {
        ask::poll()
    }

    fn ask(subject: Subject, query: Query) -> Result<Answer, SourceError> {
        block_on(ask::ask(&subject, query, http::get))
    }

    fn execute(
        _subject: Subject,
        _contact: Option<String>,
        _memory: Option<Vec<u8>>,
        _command: CrmCommand,
        _key: String,
    ) -> Result<Execution, SourceError> {
        ask::execute()
    }
}
