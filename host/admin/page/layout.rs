//! What every view has around it, and the words and small parts that several views are made of.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets::RELEASE;
use crate::admin::gate::{CSRF_FIELD, Visitor};
use crate::admin::session::Said;
use crate::admin::{Admin, Failed};
use crate::clock::{Millis, from_now, rfc3339, roughly};

/// The views, in the order of the menu.
const VIEWS: [(&str, &str); 9] = [
    ("/", "Overview"),
    ("/connections", "Connections"),
    ("/deliveries", "Deliveries"),
    ("/parked", "Parked"),
    ("/mapping", "Mapping"),
    ("/audiences", "Audiences"),
    ("/tests", "Test mode"),
    ("/audit", "Audit"),
    ("/health", "Health"),
];

/// An error as a view shows it.
#[derive(Debug)]
pub(in crate::admin) struct Trouble(StatusCode, String);

impl<E: Into<Failed>> From<E> for Trouble {
    fn from(error: E) -> Self {
        let Failed(status, text) = error.into();
        Self(status, text)
    }
}

impl Trouble {
    /// Nothing is called so.
    pub(super) fn missing(text: String) -> Self {
        Self(StatusCode::NOT_FOUND, text)
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.1
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        refusal(self.0, &self.1)
    }
}

/// A whole view.
pub(super) fn view(admin: &Admin, visitor: &Visitor, here: &str, title: &str, body: Markup) -> Response {
    let held = visitor.session.as_ref().filter(|_| !visitor.looks_again);
    let said = held.and_then(|held| admin.sessions.said(&held.id));
    let csrf = visitor.session.as_ref().map(|held| held.csrf.as_str());
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, csrf))
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { img src="/assets/mark.svg" alt="" width="22" height="22"; "convey" }
                    nav aria-label="Views" {
                        ul {
                            @for (path, name) in VIEWS {
                                li { a href=(path) aria-current=[(here == path).then_some("page")] { (name) } }
                            }
                        }
                    }
                    div.who {
                        span { (visitor.by) @if visitor.by != visitor.role.to_string() { " · " (visitor.role) } }
                        @if visitor.session.is_some() {
                            form method="post" action="/sign-out" { (csrf_field(visitor)) button.quiet { "Sign out" } }
                        }
                    }
                }
                main id="main" tabindex="-1" {
                    div.title {
                        h1 { (title) }
                        p.live { span id="live" role="status" aria-live="polite" { "Not live" } button.quiet id="hold" type="button" aria-pressed="false" hidden { "Hold still" } }
                    }
                    @if let Some(Said { text, well }) = said {
                        div class=(if well { "said well" } else { "said wrong" }) role=(if well { "status" } else { "alert" }) { pre { (text) } }
                    }
                    (body)
                }
                footer { "Times are UTC. " @if !visitor.may_change() { "You are a viewer: what changes something is not shown." } }
            }
        }
    };
    Html(markup.into_string()).into_response()
}

fn head(title: &str, csrf: Option<&str>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(csrf) = csrf { meta name="csrf" content=(csrf); }
            title { (title) " · convey" }
            link rel="icon" href="/assets/mark.svg" type="image/svg+xml";
            link rel="stylesheet" href={ "/assets/style.css?" (RELEASE) };
            script src={ "/assets/page.js?" (RELEASE) } defer {}
        }
    }
}

/// A page for who has not come in.
pub(super) fn outside(status: StatusCode, title: &str, body: Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, None))
            body.outside {
                main id="main" tabindex="-1" {
                    p.brand { img src="/assets/mark.svg" alt="" width="22" height="22"; "convey" }
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    (status, Html(markup.into_string())).into_response()
}

/// Says no, and why.
pub(in crate::admin) fn refusal(status: StatusCode, text: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("It failed");
    let body = html! { pre.reason role="alert" { (text) } p { a href="/" { "To the overview" } } };
    outside(status, title, body)
}

/// Back to a view, which says how it went.
pub(super) fn back(admin: &Admin, visitor: &Visitor, to: &str, done: Result<String, Trouble>) -> Response {
    let Some(held) = &visitor.session else {
        // A program that sends a form has no next page: it is told now.
        return match done {
            Ok(text) => text.into_response(),
            Err(trouble) => Failed(trouble.0, trouble.1).into_response(),
        };
    };
    let said = match done {
        Ok(text) => Said { text, well: true },
        Err(trouble) => Said { text: trouble.1, well: false },
    };
    admin.sessions.say(&held.id, said);
    Redirect::to(to).into_response()
}

/// What every form of ours brings.
pub(super) fn csrf_field(visitor: &Visitor) -> Markup {
    html! { @if let Some(held) = &visitor.session { input type="hidden" name=(CSRF_FIELD) value=(held.csrf); } }
}

/// A button that does something, with what it is to be told; nothing for who may not.
pub(super) fn button(visitor: &Visitor, action: &str, told: &[(&str, &str)], label: &str, about: &str) -> Markup {
    html! {
        @if visitor.may_change() {
            form.one method="post" action=(action) {
                (csrf_field(visitor))
                @for (name, value) in told { input type="hidden" name=(name) value=(value); }
                button { (label) @if !about.is_empty() { span.hidden { " " (about) } } }
            }
        }
    }
}

/// A moment, to the second.
pub(super) fn when(at: Millis) -> Markup {
    let whole = rfc3339(at / 1_000 * 1_000).unwrap_or_default();
    let shown = whole.trim_end_matches('Z').replace('T', " ");
    html! { time datetime=(whole) { (shown) } }
}

/// A moment, seen from now, with its whole time behind it.
pub(super) fn seen_from(now: Millis, at: Millis) -> Markup {
    let whole = rfc3339(at / 1_000 * 1_000).unwrap_or_default();
    html! { time datetime=(whole) title=(whole) { (from_now(at, now)) } }
}

/// How long something took.
pub(super) fn span(ms: u64) -> String {
    match ms {
        ..10_000 => format!("{ms} ms"),
        _ => roughly(ms),
    }
}

/// A state as a coloured word: the word says it, the colour helps.
pub(super) fn state(word: &str) -> Markup {
    let class = match word {
        "done" | "live" | "running" | "ok" | "promoted" | "passed" => "good",
        "dead" | "expired" | "revoked" | "reconnect" | "rolled-back" => "bad",
        "waiting" | "in_flight" | "held" | "paused" | "suspended" | "retrying" => "busy",
        _ => "plain",
    };
    html! { span class={ "state " (class) } { (word.replace('_', " ")) } }
}

/// The first digits of a digest, which a person tells it by.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// What stands above a column.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
    /// Above words, and what may be done.
    Text(&'a str),
    /// Above numbers, whose cells are `td.number`: on the right, digit under digit.
    Number(&'a str),
}

/// A wide table that scrolls by itself, so that the page does not.
pub(super) fn table(label: &str, heads: &[Head<'_>], rows: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead {
                    tr {
                        @for head in heads {
                            @match head { Head::Text(name) => { th scope="col" { (name) } } Head::Number(name) => { th.number scope="col" { (name) } } }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// A text as part of an address's query.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::{query, seen_from, span, state, when};

    #[test]
    fn what_is_written_into_the_page_is_escaped() {
        let text = "<script>alert(\"x\")</script>&'";
        let written = html! { p title=(text) { (text) } }.into_string();
        assert!(
            !written.contains("<script>") && written.contains("&lt;script&gt;") && written.contains("&quot;x&quot;"),
            "{written}"
        );
        assert!(!state("<b>").into_string().contains("<b>"));
        assert_eq!(query(&[("id", "a&b=c d")]), "id=a%26b%3Dc+d");
    }

    #[test]
    fn moments_and_spans_are_readable() {
        assert_eq!(
            when(1_796_119_200_123).into_string(),
            "<time datetime=\"2026-12-01T10:00:00Z\">2026-12-01 10:00:00</time>"
        );
        assert!(seen_from(10_000, 5_000).into_string().contains(">5 s ago<"));
        assert_eq!((span(12), span(12_000)), ("12 ms".to_owned(), "12 s".to_owned()));
    }
}
