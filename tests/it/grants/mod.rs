//! Grants by OAuth 2.0 (RFC 6749): asked for, kept, refreshed once, lost and had again; and tokens that a person brings.

mod login;
mod loss;
mod refresh;
mod tokens;

use std::os::unix::process::ExitStatusExt;

use convey::sandbox::{Kind, Sandbox, Summary};
use http::Method;
use serde_json::{Value, json};

use crate::rig::{Convey, Said};
use crate::vendor::Vendor;
use crate::wire::{self, Letter, letters_of};

/// The table of the sandbox's app.
pub fn app_table(convey: &Convey, summary: &Summary) -> String {
    format!(
        "[source.highlevel.oauth]\nclient_id = \"{}\"\nclient_secret = {{ file = \"app.secret\" }}\nredirect_uri = \"{}\"\n\
         authorize_url = \"{}/oauth/chooselocation\"\n",
        summary.oauth_client_id,
        convey.url("/oauth/highlevel"),
        summary.crm,
    )
}

/// The connection is reached by the source's app, not by a token of its own.
pub fn by_app(convey: Convey, summary: &Summary) -> Convey {
    convey.file("app.secret", &summary.oauth_client_secret);
    let table = app_table(&convey, summary);
    convey.configure(|text| {
        *text = text.replace("token = { file = \"crm.token\" }", "auth = \"oauth\"");
        text.push_str(&table);
    })
}

/// A person opens the address and agrees: where their browser is sent to then.
pub async fn agreed(url: &str) -> String {
    let answer = wire::get(url, &[]).await.unwrap();
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// The address that a login begins with.
pub async fn opened(convey: &Convey, target: &str) -> String {
    convey.command(&["auth", "login", target]).await.json()["url"].as_str().unwrap().to_owned()
}

/// A whole login of the running convey: the redirect reaches its ingress.
pub async fn log_in(convey: &Convey) {
    let page = wire::get(&agreed(&opened(convey, "acme").await).await, &[]).await.unwrap();
    assert_eq!(page.status, 200, "{page:?}");
}

/// How a connection's grant stands.
pub async fn grant(convey: &Convey, connection: &str) -> Value {
    let grants = convey.command(&["auth", "status"]).await.json();
    grants.as_array().unwrap().iter().find(|grant| grant["connection"] == connection).cloned().unwrap_or_default()
}

/// Who paused a connection; none while it is not.
pub async fn paused_by(convey: &Convey, connection: &str) -> Option<String> {
    let status = convey.status().await?;
    let pauses = status["status"]["pauses"].as_array()?.clone();
    let pause = pauses.into_iter().find(|pause| pause["scope"] == json!({"connection": connection}))?;
    Some(pause["by"].as_str()?.to_owned())
}

/// How many of a connection's deliveries wait.
async fn waiting(convey: &Convey) -> Option<u64> {
    convey.status().await?["status"]["connections"]["acme"]["waiting"].as_u64()
}

/// How calls for a token of this kind ended, in order.
fn calls(sandbox: &Sandbox, grant_type: &str) -> Vec<&'static str> {
    let calls = sandbox.token_calls();
    calls.iter().filter(|call| call.grant_type == grant_type).map(|call| call.outcome).collect()
}

fn said(answer: &Said, code: i32, text: &str) {
    assert_eq!(answer.code, Some(code), "{answer:?}");
    assert!(answer.stderr.contains(text), "{text:?}: {answer:?}");
}

/// Logs in, lets the token expire, and lives until it dies at this point of its refresh, with one delivery taken.
async fn killed_while_refreshing(sandbox: &Sandbox, point: &str) -> (Convey, Letter) {
    let summary = sandbox.summary();
    let letter = letters_of(sandbox, Kind::ContactCreated, 1).await.remove(0);
    let mut convey = by_app(Convey::new(&summary), &summary);
    convey.start().await;
    log_in(&convey).await;
    assert!(convey.stop().await.success());
    Vendor::of(sandbox).control(Method::POST, "/oauth/expire", &json!({})).await;
    convey.start_to_crash(point);
    letter.insist(&convey.hook()).await;
    let ended = convey.ended().await;
    assert_eq!(ended.signal(), Some(9), "{ended}: {}", convey.spoken());
    assert_eq!(calls(sandbox, "refresh_token"), ["issued"]);
    (convey, letter)
}
