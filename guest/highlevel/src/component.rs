//! The exported component: the contract's functions, each one call into the crate.

use wstd::runtime::block_on;

use crate::bindings::exports::convey::pipeline::contact_source::{
    Answer, Change, CrmCommand, Delivery, Execution, Guest, Identity, Needs, Page, Profile, Query, Readings,
    SourceError, Subject, Sweep, Work,
};
use crate::{describe, execute, http, identify, interpret, needs, poll, probe, query, read, settings, time};

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

    fn configure(text: String) -> Result<Needs, String> {
        settings::parse(&text).map(|settings| needs::needs(&settings))
    }

    fn read(subject: Subject, work: Vec<Work>) -> Readings {
        block_on(read::read(&subject, &work, &http::send))
    }

    fn poll(subject: Subject, sweep: Sweep, cursor: Option<String>) -> Result<Page, SourceError> {
        block_on(poll::poll(&subject, sweep, cursor.as_deref(), time::now(), &http::send))
    }

    fn ask(subject: Subject, query: Query) -> Result<Answer, SourceError> {
        block_on(query::ask(&subject, query, &http::send))
    }

    fn probe(subject: Subject, scope: String) -> Result<(), SourceError> {
        block_on(probe::probe(&subject, &scope, &http::send))
    }

    fn execute(
        subject: Subject,
        contact: Option<String>,
        memory: Option<Vec<u8>>,
        command: CrmCommand,
        key: String,
    ) -> Result<Execution, SourceError> {
        let (contact, memory) = (contact.as_deref(), memory.as_deref());
        block_on(execute::execute(&subject, contact, memory, command, &key, time::now(), &http::send))
    }
}
