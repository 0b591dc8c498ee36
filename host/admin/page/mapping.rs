//! Mappings: what is live, what was, what runs beside it; and rules that are edited with what they would say before anybody's eyes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use maud::{Markup, html};

use super::fields::Fields;
use super::layout::Head::{Number, Text};
use super::layout::{Trouble, back, csrf_field, seen_from, short, span, state, table, view};
use super::{preview as table_of, shadow as shadow_view};
use crate::admin::gate::Visitor;
use crate::admin::mapper::{self, Proposed};
use crate::admin::shadow::{self, Begin, Promote};
use crate::admin::{Admin, Failed};
use crate::contract::Digest;
use crate::flow::{ForeseeError, Scope, ShadowError, SwapError};
use crate::store::Generation;

/// Generations that one view shows.
const HISTORY: usize = 20;
/// Changes or contacts that a preview looks at unless it is told.
const LAST: usize = 20;
/// And at most, while somebody types.
const MOST: usize = 100;
/// What was live is watched over for so long after a promotion, in milliseconds.
const WATCH_MS: u64 = 60 * 60 * 1_000;

impl From<ForeseeError> for Failed {
    fn from(error: ForeseeError) -> Self {
        match error {
            ForeseeError::Swap(error) => error.into(),
            ForeseeError::Crm(error) => error.into(),
        }
    }
}

pub(in crate::admin) async fn mappings(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let live = admin.flow.live();
    let plan = admin.flow.plan();
    let mut names: Vec<&String> = live.keys().collect();
    names.sort();
    let mut rows = Vec::new();
    for name in names {
        let shadow = match admin.flow.shadow_report(name).await {
            Ok(report) => Some(report.state),
            Err(ShadowError::None(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let used = plan.connections.values().filter(|connection| connection.mapper == *name).count();
        rows.push((name, &live[name], used, shadow));
    }
    let body = html! {
        section id="mappings" data-live aria-label="Mappings" {
            (table("Mappings", &[Text("Mapping"), Number("Generation"), Text("Mapper"), Text("Settings"), Number("Connections"), Text("Shadow"), Text("Do")], html! {
                @for (name, generation, used, shadow) in &rows {
                    tr {
                        th scope="row" { a href={ "/mapping/" (name) } { (name) } }
                        td.number { (generation.id) }
                        td { code { (short(&generation.mapper.loaded().digest.to_string())) } }
                        td { code { (short(&Digest::of(generation.mapper.settings().as_bytes()).to_string())) } }
                        td.number { (used) }
                        td { @match shadow { Some(word) => { (state(word)) } None => { "none" } } }
                        td { a href={ "/mapping/" (name) } { "Rules" } @if visitor.may_change() { " · " a href={ "/mapping/" (name) "/build" } { "Build from templates" } } }
                    }
                }
            }))
        }
    };
    Ok(view(&admin, &visitor, "/mapping", "Mapping", body))
}

pub(in crate::admin) async fn mapping(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    editor(&admin, &visitor, &name, None, None).await
}

/// The view of one mapping. `draft` is what somebody typed before, `said` what came of it.
async fn editor(
    admin: &Admin,
    visitor: &Visitor,
    name: &str,
    draft: Option<String>,
    said: Option<Result<String, String>>,
) -> Result<Response, Trouble> {
    let live = admin.flow.generation(name).ok_or_else(|| SwapError::Unknown(name.to_owned()))?;
    let mut history = admin.flow.store.generations(1_000).await?;
    history.retain(|generation| generation.written.mapper == name);
    history.truncate(HISTORY);
    let shadow = match admin.flow.shadow_report(name).await {
        Ok(report) => Some(report),
        Err(ShadowError::None(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let plan = admin.flow.plan();
    let connections = plan.translated_by(name);
    let now = admin.flow.clock.now_ms();
    let settings = draft.as_deref().unwrap_or_else(|| live.mapper.settings());
    let act = format!("/mapping/{name}/act");
    let body = html! {
        section id="generation" data-live data-from={ "/mapping/" (name) } aria-label="Live" {
            p { "Generation " b { (live.id) } " is live: mapper " code { (short(&live.mapper.loaded().digest.to_string())) } ". " @if visitor.may_change() { a href={ "/mapping/" (name) "/build" } { "Build from templates" } } }
        }
        section aria-labelledby="rules-title" {
            h2 id="rules-title" { "Rules" }
            @match said {
                Some(Ok(text)) => { div.said.well role="status" { pre { (text) } } }
                Some(Err(text)) => { div.said.wrong role="alert" { pre { (text) } } }
                None => {}
            }
            @if settings.trim().is_empty() { p.hint { "There are no settings: the mapper's own usual rules hold." } }
            @if visitor.may_change() {
                form.editor method="post" action=(act) data-preview={ "/mapping/" (name) "/preview" } data-target="preview" {
                    (csrf_field(visitor))
                    label for="settings" { "Settings (TOML)" }
                    textarea id="settings" name="settings" rows="18" spellcheck="false" autocomplete="off" { "\n" (settings) }
                    div.row {
                        div { label for="of" { "Preview on" } select id="of" name="of" { option value="changes" { "the last changes that are stored" } option value="contacts" { "the last contacts" } } }
                        div { label for="connection" { "Of" } select id="connection" name="connection" {
                            @if connections.len() > 1 { option value="" { "all connections" } }
                            @for known in &connections { option value=(known) { (known) } }
                        } }
                        div { label for="last" { "How many" } input id="last" name="last" type="number" min="1" max=(MOST) value=(LAST); }
                        button type="button" data-preview-now { "Preview" }
                    }
                    div.row {
                        div { label for="note" { "Why, for the history" } input id="note" name="note" autocomplete="off"; }
                        button name="do" value="check" { "Check" }
                        button name="do" value="shadow" { "Run as a shadow" }
                        button.main name="do" value="swap" { "Go live" }
                    }
                }
                section id="preview" aria-live="polite" aria-label="Preview" { p.hint { "What the rules above would say is shown here as you type. Nothing is sent." } }
            } @else {
                pre.code tabindex="0" { (settings) }
            }
        }
        section id="shadow" data-live aria-labelledby="shadow-title" {
            h2 id="shadow-title" { "Shadow" }
            @match &shadow { Some(report) => { (shadow_view::shown(visitor, now, report)) } None => { p { "No shadow has run." } } }
        }
        section id="history" data-live aria-labelledby="history-title" {
            h2 id="history-title" { "Generations" }
            (generations(now, live.id, &history))
            @if visitor.may_change() && history.len() > 1 {
                form.one method="post" action=(act) {
                    (csrf_field(visitor))
                    button name="do" value="rollback" { "Roll back to the one before" }
                    label { input type="checkbox" name="recall"; " and withdraw what the live one has not sent yet" }
                }
            }
        }
    };
    Ok(view(admin, visitor, "/mapping", &format!("Mapping {name}"), body))
}

fn generations(now: u64, live: i64, history: &[Generation]) -> Markup {
    table(
        "Generations",
        &[Text("Generation"), Text("Since"), Text("By"), Text("How"), Text("Mapper"), Text("Settings"), Text("Note")],
        html! {
            @for generation in history {
                @let written = &generation.written;
                tr {
                    th scope="row" { (generation.id) @if generation.id == live { " " (state("live")) } }
                    td { (seen_from(now, written.started_at)) }
                    td { (written.who) }
                    td { (written.origin) }
                    td { code { (short(&written.mapper_digest)) } }
                    td { code { (short(&written.settings_hash)) } }
                    td { (written.note.as_deref().unwrap_or_default()) @if let Some(at) = generation.recalled_at { " recalled " (seen_from(now, at)) } }
                }
            }
        },
    )
}

fn proposed(visitor: &Visitor, fields: &Fields) -> Proposed {
    let settings = fields.all("settings").next().is_some().then(|| fields.lines("settings"));
    Proposed {
        settings,
        who: visitor.by.clone(),
        note: fields.given("note"),
        recall: !fields.text("recall").is_empty(),
        ..Proposed::default()
    }
}

/// What the rules in the form would say, as a part of the page.
pub(in crate::admin) async fn preview(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let last = fields.text("last").parse().unwrap_or(LAST).clamp(1, MOST);
    let previewed = async {
        let (candidate, ..) = admin.candidate(&name, proposed(&visitor, &fields)).await?;
        let connection = fields.given("connection");
        match (fields.text("of"), connection) {
            ("contacts", Some(connection)) => Ok(admin.flow.foresee(candidate, &connection, last).await?),
            ("contacts", None) => Err(Failed(StatusCode::BAD_REQUEST, "Say of which connection.".to_owned())),
            (_, connection) => Ok(admin.flow.preview(&name, candidate, connection.as_deref(), last).await?),
        }
    };
    part(previewed.await.map(|preview| table_of::shown(&preview)).map_err(Trouble::from))
}

/// A part of the page; a problem is one too, so that it stands where it belongs.
pub(super) fn part(shown: Result<Markup, Trouble>) -> Response {
    let markup = match shown {
        Ok(markup) => markup,
        Err(trouble) => html! { div.said.wrong { pre { (trouble.text()) } } },
    };
    Html(markup.into_string()).into_response()
}

/// What a button of the view does. What is refused leaves what was typed where it is.
pub(in crate::admin) async fn act(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let proposed = proposed(&visitor, &fields);
    let draft = proposed.settings.clone();
    let wanted = fields.text("do");
    let done = acted(&admin, &name, proposed, wanted).await.map_err(Trouble::from);
    admin.forget_count().await;
    match (done, draft) {
        (Err(trouble), Some(draft)) => {
            editor(&admin, &visitor, &name, Some(draft), Some(Err(trouble.text().to_owned()))).await
        }
        (Ok(text), Some(draft)) if wanted == "check" => {
            editor(&admin, &visitor, &name, Some(draft), Some(Ok(text))).await
        }
        (done, _) => Ok(back(&admin, &visitor, &format!("/mapping/{name}"), done)),
    }
}

async fn acted(admin: &Arc<Admin>, name: &str, proposed: Proposed, wanted: &str) -> Result<String, Failed> {
    let (here, of) = (State(admin.clone()), Path(name.to_owned()));
    let promote = Promote { who: proposed.who.clone(), note: proposed.note.clone(), ..Promote::default() };
    match wanted {
        "check" => {
            let report = mapper::test(here, of, Json(proposed)).await?.0;
            Ok(format!(
                "Good. {} of {} stored changes would be told otherwise than now.",
                report.differing, report.compared
            ))
        }
        "swap" => {
            let report = mapper::swap(here, of, Json(proposed)).await?.0;
            Ok(format!("Generation {} is live, made ready in {}.", report.generation, span(report.prepare_ms)))
        }
        "shadow" => {
            let scope = Scope {
                connections: Vec::new(),
                sample_per_mille: 1_000,
                promote_when: None,
                watch_ms: WATCH_MS,
                stages: Vec::new(),
            };
            let Json(_) = shadow::start(here, of, Json(Begin { proposed, scope })).await?;
            Ok("The shadow runs: every change goes to it as well, and nothing of what it says is sent.".to_owned())
        }
        "promote" => {
            let promoted = shadow::promote_now(admin, name, promote).await?;
            Ok(format!("Generation {} is live.", promoted.generation.id))
        }
        "stop" => {
            let Json(_) = shadow::stop(here, of, Json(promote)).await?;
            Ok("The shadow has ended.".to_owned())
        }
        "rollback" => {
            let report = mapper::roll_back(here, of, Json(proposed)).await?.0;
            Ok(format!("Generation {} is live: rolled back.", report.generation))
        }
        other => Err(Failed(StatusCode::BAD_REQUEST, format!("nothing is done by `{other}`"))),
    }
}
