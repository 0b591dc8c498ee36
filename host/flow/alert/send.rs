//! How a message reaches its targets: by the one way out, by a program, or by the log.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::super::Flow;
use super::post::Letter;
use super::{Message, Severity, State};
use crate::config::{Alerts, Target, is_loopback};
use crate::egress::Own;
use crate::vault::SecretRef;

/// A program has this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where alerts go: to the log where nothing else is asked for.
pub(super) fn targets(asked: &Alerts) -> Vec<(String, Target)> {
    if asked.targets.is_empty() {
        return vec![("log".to_owned(), Target::Log)];
    }
    asked.targets.iter().map(|(name, target)| (name.clone(), target.clone())).collect()
}

impl Flow {
    /// Sends a message. What did not arrive comes back, until it was tried often enough.
    pub(super) async fn post_alert(&self, letter: Letter) -> Option<Letter> {
        let error = self.send_alert(&letter.to, &letter.message).await.err()?;
        let (to, alert) = (letter.target().to_owned(), letter.message.alert.alert.clone());
        let next = letter.again(self.clock.now_ms());
        tracing::error!(%to, %alert, %error, again = next.is_some(), "an alert did not arrive");
        next
    }

    /// Sends a message to one target. The error is why it did not arrive; it names no address.
    pub(super) async fn send_alert(&self, to: &Target, message: &Message) -> Result<(), String> {
        match to {
            Target::Webhook(place) => {
                let body = serde_json::to_vec(message).map_err(|error| error.to_string())?;
                self.announce(place, body).await
            }
            Target::Slack(place) => self.announce(place, json!({"text": text(message)}).to_string().into_bytes()).await,
            Target::Command(line) => {
                let body = serde_json::to_vec(message).map_err(|error| error.to_string())?;
                run(line, &body, PATIENCE).await
            }
            Target::Log => {
                log(message);
                Ok(())
            }
        }
    }

    async fn announce(&self, place: &SecretRef, body: Vec<u8>) -> Result<(), String> {
        let address = place.read().map_err(|error| error.to_string())?;
        let uri = address_of(address.expose())?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let answer = self.engine.egress().tell(Own::Booked("POST alert"), uri, headers, Bytes::from(body)).await;
        match answer.map_err(|error| error.to_string())? {
            status if status.is_success() => Ok(()),
            status => Err(format!("the address answers {status}")),
        }
    }
}

/// The address that a secret holds. The error does not repeat it.
fn address_of(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "what is kept there is not an address".to_owned())?;
    let host = uri.host().ok_or("what is kept there is not a whole address: https://…")?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(host) => Ok(uri),
        _ => Err("the address must begin with https:// (http:// reaches this machine only)".to_owned()),
    }
}

async fn run(line: &[String], body: &[u8], patience: Duration) -> Result<(), String> {
    let Some((program, arguments)) = line.split_first() else { return Err("no program is named".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
    let ended = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input may still do its work: how it ends tells.
            if let Err(error) = stdin.write_all(body).await {
                tracing::debug!(%error, program, "the program did not read all of an alert");
            }
        }
        child.wait().await
    };
    match tokio::time::timeout(patience, ended).await {
        Err(_) => Err(format!("{program} did not end within {} ms", patience.as_millis())),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program}: {status}")),
    }
}

fn log(message: &Message) {
    let Message { state, alert, .. } = message;
    match (state, alert.severity) {
        (State::Firing, Severity::Critical) => {
            tracing::error!(alert = %alert.alert, next = %alert.next, "{}", alert.cause)
        }
        (State::Firing, Severity::Warning) => {
            tracing::warn!(alert = %alert.alert, next = %alert.next, "{}", alert.cause)
        }
        (State::Resolved, _) => tracing::info!(alert = %alert.alert, "over: {}", alert.cause),
        (State::Test, _) => tracing::info!(alert = %alert.alert, "{}", alert.cause),
    }
}

/// A message as people read it.
fn text(message: &Message) -> String {
    let Message { state, alert, .. } = message;
    match state {
        State::Resolved => format!("convey: over: {}", alert.cause),
        State::Test => format!("convey: {}", alert.cause),
        State::Firing => {
            let word = if alert.severity == Severity::Critical { "act" } else { "look" };
            format!("convey: {word}: {}\nnext: {}", alert.cause, alert.next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, PATIENCE, address_of, run};

    #[test]
    fn an_address_is_https_or_this_machine_and_an_error_keeps_it_to_itself() {
        assert!(address_of("https://hooks.example.com/services/T0/B0/x").is_ok());
        assert!(address_of("http://127.0.0.1:9000/x").is_ok());
        for bad in ["http://hooks.example.com/secret", "secret", "ftp://localhost/secret"] {
            assert!(!address_of(bad).expect_err("it is refused").contains("secret"), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_program_is_told_on_its_input_and_how_it_ends_is_heard() {
        let line = |script: &str| ["sh", "-c", script].map(str::to_owned);
        assert_eq!(run(&line("test \"$(cat)\" = hello"), b"hello", PATIENCE).await, Ok(()));
        assert!(run(&line("exit 3"), b"", PATIENCE).await.is_err_and(|error| error.contains('3')));
        let gone = run(&["/no/such/program".to_owned()], b"", PATIENCE).await;
        assert!(gone.is_err_and(|error| error.contains("cannot start")));
        let late = run(&line("sleep 600"), b"", Duration::from_millis(50)).await;
        assert_eq!(late, Err("sh did not end within 50 ms".to_owned()));
    }
}
