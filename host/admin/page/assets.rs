//! The page's own files: a style sheet, a script and a mark. Nothing comes from anywhere else.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");
const MARK: &str = include_str!("mark.svg");

/// What stands behind a file's name so that a browser that has another release's asks anew.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

pub(in crate::admin) async fn asset(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "page.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "mark.svg" => ("image/svg+xml", MARK),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    // A page that is loaded again asks whether it is still so; the files are small.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
