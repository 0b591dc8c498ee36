//! What is counted, for whoever scrapes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::token::is_same;
use super::{Admin, Failed, strange};
use crate::metrics::MEDIA_TYPE;
use crate::vault::Secret;

/// Who may read the metrics.
pub enum Scraping {
    /// Who holds the operator's token.
    Operator,
    /// That, or who holds this one, which opens nothing else.
    Token(Secret),
    /// Everybody who reaches the door.
    Open,
}

impl Admin {
    fn may_scrape(&self, headers: &HeaderMap) -> bool {
        let brought = headers.get(header::AUTHORIZATION).map(|sent| sent.as_bytes());
        match &self.scraping {
            Scraping::Open => true,
            Scraping::Operator => self.is_operator(headers),
            Scraping::Token(token) => {
                let bearer = brought.and_then(|sent| sent.strip_prefix(b"Bearer ".as_slice()));
                self.is_operator(headers) || bearer.is_some_and(|sent| is_same(token.expose().as_bytes(), sent))
            }
        }
    }
}

pub(super) async fn metrics(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Result<Response, Failed> {
    if !admin.may_scrape(&headers) {
        return Ok(strange("the metrics need a token: `Authorization: Bearer …`, or `[admin] metrics = \"open\"`"));
    }
    let picture = admin.flow.picture().await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], admin.flow.metrics.text(picture)).into_response())
}
