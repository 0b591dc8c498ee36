//! What is parked or waits, grouped by reason; sent again or given up. What `convey queue` does.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::deliveries::why_link;
use super::fields::Fields;
use super::layout::Head::{Number, Text};
use super::layout::{Trouble, back, button, csrf_field, query, seen_from, state, table, view};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::clock::Millis;
use crate::flow::Operation;
use crate::store::{Pick, QueueFilter, QueueGroup, QueueKind, QueueRow, QueueState, StoreError};

const GROUPS: u64 = 100;
const ROWS: u64 = 200;
const STATES: [QueueState; 5] =
    [QueueState::Dead, QueueState::Expired, QueueState::Waiting, QueueState::Held, QueueState::Dropped];
const KINDS: [QueueKind; 4] = [QueueKind::Event, QueueKind::Change, QueueKind::Delivery, QueueKind::Command];

/// Which rows are looked at, in an address or a form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Meant {
    state: String,
    kind: String,
    lane: String,
    reason: Option<String>,
}

/// How a word of the store is spelled.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Meant {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self { state: text("state"), kind: text("kind"), lane: text("lane"), reason: fields.given("reason") }
    }

    fn state(&self) -> QueueState {
        STATES.into_iter().find(|state| word(state) == self.state).unwrap_or_default()
    }

    /// The kind whose rows are listed; none: groups are.
    fn kind(&self) -> Option<QueueKind> {
        KINDS.into_iter().find(|kind| word(kind) == self.kind)
    }

    fn filter(&self) -> QueueFilter {
        let lane = Some(self.lane.clone()).filter(|lane| !lane.is_empty());
        let kind = self.kind();
        let (destination, connection) = if kind == Some(QueueKind::Event) { (lane, None) } else { (None, lane) };
        QueueFilter { state: self.state(), kind, destination, connection, reason: self.reason.clone() }
    }

    fn link(&self) -> String {
        let mut pairs = vec![("state", self.state.as_str()), ("kind", &self.kind), ("lane", &self.lane)];
        pairs.extend(self.reason.as_deref().map(|reason| ("reason", reason)));
        format!("/parked?{}", query(&pairs))
    }
}

pub(in crate::admin) async fn parked(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Query(meant): Query<Meant>,
) -> Result<Response, Trouble> {
    let (now, filter) = (admin.flow.clock.now_ms(), meant.filter());
    let here = word(filter.state);
    let shown = match meant.kind() {
        Some(_) => rows(&visitor, now, &meant, &admin.flow.store.queue_rows(filter, ROWS).await?),
        None => groups(&visitor, now, &meant, &admin.flow.store.queue_groups(filter, GROUPS).await?),
    };
    let body = html! {
        ul.tabs aria-label="State" {
            @for known in STATES {
                li { a href={ "/parked?" (query(&[("state", &word(known))])) } aria-current=[(word(known) == here).then_some("true")] { (word(known)) } }
            }
        }
        section id="parked" data-live aria-label="Parked" { (shown) }
    };
    Ok(view(&admin, &visitor, "/parked", "Parked", body))
}

fn groups(visitor: &Visitor, now: Millis, meant: &Meant, groups: &[QueueGroup]) -> Markup {
    if groups.is_empty() {
        return html! { p { "Nothing." } };
    }
    let rows = html! {
        @for group in groups {
            @let of = Meant { state: word(meant.state()), kind: word(group.kind), lane: group.lane.clone(), reason: group.reason.clone() };
            tr {
                td.number { (group.count) }
                th.wide scope="row" { a href=(of.link()) { (group.reason.as_deref().unwrap_or("no reason is known")) } }
                td { (of.kind) }
                td { (group.lane) }
                td { (seen_from(now, group.oldest)) }
                td { (seen_from(now, group.newest)) }
                td { (decide(visitor, &of)) }
            }
        }
    };
    table(
        "Groups",
        &[Number("Count"), Text("Reason"), Text("Kind"), Text("Where"), Text("First"), Text("Last"), Text("Do")],
        rows,
    )
}

fn rows(visitor: &Visitor, now: Millis, meant: &Meant, found: &[QueueRow]) -> Markup {
    let shown = html! {
        @for row in found {
            tr {
                th scope="row" { (why_link(&row.name, &row.name)) }
                td { (row.what.as_deref().unwrap_or("–")) }
                td { (row.connection.as_deref().unwrap_or("–")) @if let Some(destination) = &row.destination { " → " (destination) } }
                td { (state(&row.state)) @if row.ambiguous { br; span.wrong { "may have arrived" } } }
                td.number { (row.tries) }
                td { (seen_from(now, row.since)) }
                td { @if let Some(deadline) = row.deadline { (seen_from(now, deadline)) } }
                td {
                    @let told = [("name", row.name.as_str()), ("back", &meant.link())];
                    (button(visitor, "/parked/retry", &told, "Send again", &row.name))
                    (button(visitor, "/parked/drop", &told, "Drop", &row.name))
                }
            }
        }
    };
    html! {
        p { a href={ "/parked?" (query(&[("state", &word(meant.state()))])) } { "All reasons" } " / " b { (meant.reason.as_deref().unwrap_or("no reason is known")) } }
        (decide(visitor, meant))
        @if found.is_empty() { p { "Nothing." } } @else {
            (table("Rows", &[Text("Name"), Text("What"), Text("Way"), Text("State"), Number("Tries"), Text("Since"), Text("Deadline"), Text("Do")], shown))
            @if found.len() as u64 == ROWS { p.hint { "Only the oldest " (ROWS) " are shown." } }
        }
    }
}

/// What may be done with a whole group.
fn decide(visitor: &Visitor, of: &Meant) -> Markup {
    let told = [
        ("state", of.state.as_str()),
        ("kind", &of.kind),
        ("lane", &of.lane),
        ("reason", of.reason.as_deref().unwrap_or_default()),
    ];
    let id = query(&told);
    html! {
        @if visitor.may_change() {
            @if of.state() == QueueState::Dead || of.state() == QueueState::Waiting { (button(visitor, "/parked/retry", &told, "Send all again", of.reason.as_deref().unwrap_or_default())) }
            @if of.state() != QueueState::Dropped {
                form.one method="post" action="/parked/drop" {
                    (csrf_field(visitor))
                    @for (name, value) in told { input type="hidden" name=(name) value=(value); }
                    label.hidden for={ "why-" (id) } { "Why they are dropped" }
                    input id={ "why-" (id) } name="why" required placeholder="why" size="8";
                    button { "Drop all" }
                }
            }
        }
    }
}

fn pick(fields: &Fields, meant: &Meant) -> Pick {
    match fields.given("name") {
        Some(name) => Pick::Named(vec![name]),
        None => Pick::All(meant.filter()),
    }
}

/// Where the form stood.
fn origin(fields: &Fields, meant: &Meant) -> String {
    let back = fields.given("back").filter(|back| back.starts_with("/parked?"));
    back.unwrap_or_else(|| format!("/parked?{}", query(&[("state", &meant.state)])))
}

async fn decided(admin: &Admin, operation: Operation, done: &str) -> Result<String, Trouble> {
    let answer = admin.operate(operation).await.map_err(|error: StoreError| Trouble::from(error))?;
    admin.forget_count().await;
    let answer = answer.ok_or_else(|| Trouble::missing("Nothing is there any more that this was about.".to_owned()))?;
    let changed = answer[done].as_u64().unwrap_or_default();
    let late = answer["too_late"].as_array().map_or(0, Vec::len);
    let left = answer["left"].as_array().map_or(0, Vec::len);
    let mut text = format!("{changed} {done}.");
    if late > 0 {
        text.push_str(&format!(" {late} too old for the platform: left where they are."));
    }
    if left > 0 {
        text.push_str(&format!(" {left} under way or ended: left."));
    }
    Ok(text)
}

pub(in crate::admin) async fn retry(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let meant = Meant::of(&fields);
    let operation = Operation::QueueRetry { pick: pick(&fields, &meant), by: visitor.by.clone() };
    let done = decided(&admin, operation, "retried").await;
    back(&admin, &visitor, &origin(&fields, &meant), done)
}

pub(in crate::admin) async fn drop_parked(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let meant = Meant::of(&fields);
    let why = fields.given("why").unwrap_or_else(|| "asked for on the page".to_owned());
    let operation = Operation::QueueDrop { pick: pick(&fields, &meant), why, by: visitor.by.clone() };
    let done = decided(&admin, operation, "dropped").await;
    back(&admin, &visitor, &origin(&fields, &meant), done)
}

#[cfg(test)]
mod tests {
    use super::{Fields, Meant, QueueKind, QueueState};

    #[test]
    fn a_form_means_what_the_group_is_made_of() {
        let of = |text: &str| Meant::of(&Fields::parse(text.as_bytes())).filter();
        let events = of("state=dead&kind=event&lane=ads&reason=refused+%28x%29");
        assert_eq!(
            (events.state, events.kind, events.destination.as_deref()),
            (QueueState::Dead, Some(QueueKind::Event), Some("ads"))
        );
        assert_eq!((events.connection, events.reason.as_deref()), (None, Some("refused (x)")));
        let changes = of("state=waiting&kind=change&lane=acme&reason=");
        assert_eq!(
            (changes.state, changes.connection.as_deref(), changes.destination),
            (QueueState::Waiting, Some("acme"), None)
        );
        assert_eq!((changes.reason, of("state=nonsense").state), (None, QueueState::Dead));
    }
}
