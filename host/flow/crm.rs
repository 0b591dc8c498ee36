//! What a person asks of the CRM, or has written to it, by hand: through the same component, credential and allowance as everything else.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Flow;
use super::plan::Connection;
use crate::config::Access;
use crate::contract::{CrmCommand, command_name};
use crate::engine::{Answer, Fault, Lines, Query, SourceError};
use crate::store::{Begun, CommandSettlement, StoreError};

/// A person waits this long for room in the allowance: one window of any vendor, and some.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command looks up what is there, writes, and may look again.
const COMMAND_REQUESTS: u32 = 4;

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Executed {
    /// What was made, changed or deleted.
    pub id: Option<String>,
    /// Whether anything was written.
    pub changed: bool,
    /// Whether the same key was executed before: then nothing was asked this time.
    pub repeated: bool,
}

/// Why the CRM gave no answer, by what a person does next.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// There is no such connection.
    #[error("there is no connection called `{0}`: `convey status` lists them")]
    NoConnection(String),
    /// The connection never writes.
    #[error(
        "{command} needs {scope}, and connection `{connection}` only reads. If writing is meant, add the line:\n\n[connection.{connection}]\naccess = \"write\"\n"
    )]
    ReadOnly {
        /// The connection.
        connection: String,
        /// The command.
        command: &'static str,
        /// The scope it needs.
        scope: String,
    },
    /// The grant lacks a scope.
    #[error(
        "{what} needs {scope}, which the grant of connection `{connection}` does not hold. Add it to the app, then run:\n\n  convey auth login {connection}\n"
    )]
    NotGranted {
        /// The connection.
        connection: String,
        /// The command or query.
        what: String,
        /// The scope it needs.
        scope: String,
    },
    /// The grant is gone or sleeps.
    #[error("{0}")]
    Grant(String),
    /// The CRM said no, or nothing.
    #[error("{}", told(.0))]
    Source(SourceError),
    /// The component broke.
    #[error("{}", .0.line())]
    Fault(Box<Fault>),
    /// The allowance is spent for longer than a person waits.
    #[error("the location's allowance is spent: try again in {wait_s} s")]
    Spent {
        /// Seconds until there may be room.
        wait_s: u64,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn told(error: &SourceError) -> String {
    match error {
        SourceError::Unauthorized(text) => format!("the CRM refuses the token: {text}"),
        SourceError::Forbidden(text) => format!("the token may not: {text}"),
        SourceError::NotFound(text) => text.clone(),
        SourceError::Throttled(Some(ms)) => format!("throttled by the CRM: try again in {} s", ms.div_ceil(1_000)),
        SourceError::Throttled(None) => "throttled by the CRM: try again later".to_owned(),
        SourceError::Unavailable(text) => format!("the CRM does not answer: {text}"),
        SourceError::Invalid(text) => text.clone(),
    }
}

impl Flow {
    /// Asks the CRM.
    ///
    /// # Errors
    /// As [`CrmError`] has it; nothing was written.
    pub async fn ask(&self, connection: &str, query: &Query) -> Result<Answer, CrmError> {
        let connection = self.connection(connection)?;
        let ticket = self.ticket(&connection, 1).await?;
        let subject = connection.subject(self.store.catalogue(&connection.name).await?);
        let answer = connection.source.ask(ticket.clone(), &subject, query).await;
        self.judged(&connection, &ticket, answer).await
    }

    /// Whether the connection's credential carries a scope, by one harmless request.
    ///
    /// # Errors
    /// As [`CrmError`] has it.
    pub async fn probe(&self, connection: &str, scope: &str) -> Result<(), CrmError> {
        let connection = self.connection(connection)?;
        let ticket = self.ticket(&connection, 1).await?;
        let subject = connection.subject(None);
        let answer = connection.source.probe(ticket.clone(), &subject, scope).await;
        self.judged(&connection, &ticket, answer).await
    }

    /// Writes to the CRM, once for a key: what was executed under it before is not asked again, and what may have been written before the program died is
    /// looked up by the source first.
    ///
    /// # Errors
    /// As [`CrmError`] has it. Read-only connections and missing scopes are refused before any request.
    pub async fn execute(
        &self,
        connection: &str,
        contact: Option<&str>,
        command: &CrmCommand,
        key: &str,
    ) -> Result<Executed, CrmError> {
        self.execute_heard(connection, contact, command, key, &mut None).await
    }

    /// The same; `lines` gets what the source writes.
    pub(super) async fn execute_heard(
        &self,
        connection: &str,
        contact: Option<&str>,
        command: &CrmCommand,
        key: &str,
        lines: &mut Option<Lines>,
    ) -> Result<Executed, CrmError> {
        let connection = self.connection(connection)?;
        let name = command_name(command);
        self.may_write(&connection, name).await?;
        match self.store.begin_command(&connection.name, key, name, self.clock.now_ms()).await? {
            Begun::Done { id, changed, .. } => return Ok(Executed { id, changed, repeated: true }),
            Begun::New | Begun::Open { .. } => {}
        }
        let ticket = self.ticket(&connection, COMMAND_REQUESTS).await?;
        // Held until the write is remembered: its webhook, which may be here first, is then known as ours.
        let turn = self.turns.next(&connection.name).await;
        let remembered = match contact {
            Some(contact) => self.store.memories(&connection.name, &[contact.to_owned()]).await?.pop().flatten(),
            None => None,
        };
        let subject = connection.subject(self.store.catalogue(&connection.name).await?);
        let memory = remembered.as_ref().map(|remembered| remembered.bytes.as_slice());
        let done = connection.source.execute(ticket.clone(), &subject, contact, memory, command, key, lines).await;
        let left = ticket.sent() > 0;
        let done = match self.judged(&connection, &ticket, done).await {
            Ok(done) => done,
            Err(error) => {
                // What surely never left may be forgotten; what may have is looked up when the key comes again.
                if !left {
                    self.store.fail_command(&connection.name, key, error.to_string(), self.clock.now_ms()).await?;
                }
                return Err(error);
            }
        };
        let settled = CommandSettlement {
            connection: connection.name.clone(),
            key: key.to_owned(),
            // A contact that was just made is remembered as ours.
            contact: contact.map(str::to_owned).or_else(|| done.id.clone()),
            expected: remembered.map(|remembered| remembered.version),
            memory: done.memory,
            id: done.id.clone(),
            changed: done.changed,
            at: self.clock.now_ms(),
        };
        if !self.store.settle_command(settled).await? {
            tracing::warn!(connection = %connection.name, command = name, "what is remembered of the contact moved on meanwhile");
        }
        drop(turn);
        self.wake.read.ring(&connection.name);
        Ok(Executed { id: done.id, changed: done.changed, repeated: false })
    }

    fn connection(&self, name: &str) -> Result<Arc<Connection>, CrmError> {
        self.plan().connections.get(name).cloned().ok_or_else(|| CrmError::NoConnection(name.to_owned()))
    }

    /// Refuses a write before anything is asked.
    async fn may_write(&self, connection: &Connection, command: &'static str) -> Result<(), CrmError> {
        let operation = connection.operation(command);
        let scope = operation.and_then(|operation| operation.scope.clone());
        if connection.access == Access::Read {
            let scope = scope.unwrap_or_else(|| "the right to write".to_owned());
            return Err(CrmError::ReadOnly { connection: connection.name.clone(), command, scope });
        }
        let Some((scope, holder)) = scope.zip(connection.holder()) else { return Ok(()) };
        let granted = self.store.token(holder.name()).await?.map(|token| token.scopes).unwrap_or_default();
        // A grant that does not name its scopes may hold all of them.
        if !granted.is_empty() && !granted.contains(&scope) {
            let (connection, what) = (connection.name.clone(), command.to_owned());
            return Err(CrmError::NotGranted { connection, what, scope });
        }
        Ok(())
    }

    /// A ticket once there is room for `n` requests.
    async fn ticket(&self, connection: &Connection, n: u32) -> Result<Arc<crate::egress::Ticket>, CrmError> {
        // More than the whole allowance never comes free at once.
        let n = n.min(connection.limiter.snapshot().requests);
        let spent = || {
            let wait_ms = connection.limiter.free_at(n).saturating_sub(self.clock.now_ms());
            (wait_ms, CrmError::Spent { wait_s: wait_ms.div_ceil(1_000) })
        };
        // Who would wait in vain is told so at once.
        if let (wait_ms, error) = spent()
            && u128::from(wait_ms) > PATIENCE.as_millis()
        {
            return Err(error);
        }
        let Ok(reserved) = tokio::time::timeout(PATIENCE, connection.limiter.wait(n)).await else {
            return Err(spent().1);
        };
        self.mark_use(connection).await?;
        Ok(connection.ticket(Some(reserved)))
    }

    async fn judged<T>(
        &self,
        connection: &Connection,
        ticket: &crate::egress::Ticket,
        answer: Result<Result<T, SourceError>, Fault>,
    ) -> Result<T, CrmError> {
        for refusal in ticket.refusals() {
            tracing::warn!(connection = %connection.name, "{refusal}");
        }
        self.note_trouble(connection, ticket).await?;
        if !self.running.load(std::sync::atomic::Ordering::Acquire) {
            self.rest().await?;
        }
        match (answer, ticket.trouble()) {
            (Ok(Ok(answer)), _) => Ok(answer),
            (_, Some(trouble)) => Err(CrmError::Grant(trouble.text)),
            (Ok(Err(error)), None) => Err(CrmError::Source(error)),
            (Err(fault), None) => Err(CrmError::Fault(Box::new(fault))),
        }
    }
}
