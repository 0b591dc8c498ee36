//! The one door to the network. The host attaches the credential, the limits and the address of a test double.

use std::time::Duration;

use wstd::http::{Body, Client, Request};

use crate::call::Call;
use crate::describe::BASE_URL;
use crate::reply::Reply;

/// The vendor gives up on its own side well before this.
const FIRST_BYTE_TIMEOUT_MS: u64 = 30_000;

/// Sends one request. Errors: no answer came; the text names the stage and nothing of the request.
pub async fn send(call: Call) -> Result<Reply, String> {
    let request = Request::builder()
        .method(call.method.as_str())
        .uri(format!("{BASE_URL}{}", call.path))
        .header("version", call.version.as_str())
        .header("accept", "application/json");
    // Only a request that has a body says what is in it.
    let request = match call.body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let request = request.map_err(|_| "the request cannot be formed".to_owned())?;
    let mut client = Client::new();
    client.set_first_byte_timeout(Duration::from_millis(FIRST_BYTE_TIMEOUT_MS));
    // The host's own text: it says what to grant when it was the host that refused.
    let answer = client.send(request).await.map_err(|error| format!("no answer: {error}"))?;
    let status = answer.status().as_u16();
    let headers = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let mut body = answer.into_body();
    let body = body.contents().await.map_err(|error| format!("the answer broke off: {error}"))?.to_vec();
    Ok(Reply { status, headers, body })
}
