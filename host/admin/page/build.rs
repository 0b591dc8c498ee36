//! A mapping without a file and without code: templates are picked, names are chosen from what the location has, the last contacts are
//! previewed, and it goes live.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use maud::{Markup, html};
use serde::Deserialize;

use super::fields::Fields;
use super::layout::{Trouble, back, csrf_field, query, view};
use super::mapping::part;
use super::preview::shown;
use super::rules::Picked;
use crate::admin::gate::Visitor;
use crate::admin::mapper::{self, Proposed};
use crate::admin::{Admin, Failed};
use crate::builtin::TEMPLATES;
use crate::flow::{Location, SwapError};

/// Contacts that the preview looks at.
const LAST: usize = 20;

/// For which connection the lists are made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Asked {
    connection: String,
}

pub(in crate::admin) async fn build(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let live = admin.flow.generation(&name).ok_or_else(|| SwapError::Unknown(name.clone()))?;
    let plan = admin.flow.plan();
    let connections = plan.translated_by(&name);
    let chosen = connections.iter().find(|known| **known == asked.connection).or_else(|| connections.first());
    let Some(chosen) = chosen.copied() else {
        return Err(Trouble::missing(format!("no connection is translated by `{name}` yet")));
    };
    let (location, untold) = match admin.flow.location(chosen).await {
        Ok(location) => (location, None),
        Err(error) => (Location::default(), Some(error.to_string())),
    };
    let action = format!("/mapping/{name}/build");
    let body = html! {
        @if connections.len() > 1 {
            form.search action=(action) {
                div { label for="of" { "Connection" } select id="of" name="connection" { @for known in &connections { option value=(known) selected[*known == chosen] { (known) } } } }
                button { "Choose" }
            }
        }
        @if let Some(error) = untold { p.said.wrong { "Connection " (chosen) " does not say what it has: " (error) } }
        form.builder method="post" action={ (action) "/live" } data-preview={ (action) "/preview" } data-target="preview" data-preview-pressed {
            (csrf_field(&visitor))
            input type="hidden" name="connection" value=(chosen);
            (audience_part(&admin, chosen))
            (stages_part(&location))
            fieldset {
                legend { "With the rules that are live" }
                label { input type="radio" name="live" value="keep" checked[!live.mapper.settings().trim().is_empty()]; " keep them, and add these" }
                label { input type="radio" name="live" value="replace" checked[live.mapper.settings().trim().is_empty()]; " put these in their place" }
            }
            div.row {
                button type="button" data-preview-now { "Preview on last " (LAST) " contacts" }
                button.main { "Go live" }
            }
        }
        section id="preview" aria-live="polite" aria-label="Preview" { p.hint { "The preview shows whom something would be said of, and who is left out and why. Nothing is sent." } }
        p { a href={ "/mapping/" (name) } { "Back to the rules" } }
    };
    Ok(view(&admin, &visitor, "/mapping", &format!("Build {name} from templates"), body))
}

/// The audiences that the connection's destinations have names for.
fn audiences(admin: &Admin, connection: &str) -> Vec<String> {
    let plan = admin.flow.plan();
    let Some(connection) = plan.connections.get(connection) else { return Vec::new() };
    let settings =
        connection.destinations.iter().filter_map(|destination| destination.words.settings.parse::<toml::Table>().ok());
    let named = settings
        .filter_map(|settings| Some(settings.get("audiences")?.as_table()?.keys().cloned().collect::<Vec<_>>()));
    let mut names: Vec<String> = named.flatten().collect();
    names.sort();
    names.dedup();
    names
}

fn audience_part(admin: &Admin, connection: &str) -> Markup {
    html! {
        fieldset {
            legend { label { input type="checkbox" name="with-audience"; " Tag → audience" } }
            p.hint { "Who gets the tag joins the audience; who loses it, withdraws consent or is deleted leaves." }
            div.row {
                div { label for="tag" { "Tag" } input id="tag" name="tag" autocomplete="off"; }
                div {
                    label for="audience" { "Audience, by name or id" }
                    input id="audience" name="audience" list="audiences" autocomplete="off";
                    datalist id="audiences" { @for name in audiences(admin, connection) { option value=(name) {} } }
                }
            }
        }
    }
}

/// The name that the template gives the CRM at the ad platform.
fn usual_name() -> Option<String> {
    let template = TEMPLATES.iter().find(|text| text.path == "stage-to-lead-events/mapping.toml")?;
    let table: toml::Table = template.text.parse().ok()?;
    table.get("lead_event_source")?.as_str().map(str::to_owned)
}

fn stages_part(location: &Location) -> Markup {
    html! {
        fieldset {
            legend { label { input type="checkbox" name="with-stages"; " Stage → event" } }
            p.hint { "Every new lead, every stage of a deal, and whether it was won or lost." }
            div.row {
                div { label for="crm-name" { "What the ad platform calls this CRM" } input id="crm-name" name="crm-name" value=(usual_name().unwrap_or_default()) autocomplete="off"; }
                div { label for="event" { "Name of the event (empty: the stage's own)" } input id="event" name="event" autocomplete="off"; }
            }
            @if !location.stages.is_empty() {
                fieldset.choices {
                    legend { "Stages (none picked: all)" }
                    @for (pipeline, stage) in &location.stages { label { input type="checkbox" name="stage" value=(stage); " " (stage) " " span.hint { (pipeline) } } }
                }
            }
            @if !location.field_names.is_empty() {
                fieldset.choices {
                    legend { "Custom fields that go along" }
                    @for (key, name) in &location.field_names { label { input type="checkbox" name="field" value=(key); " " (name) " " code.hint { (key) } } }
                }
            }
        }
    }
}

impl Admin {
    /// The mapping that a form picks.
    fn picked(&self, name: &str, fields: &Fields) -> Result<String, Failed> {
        let live = self.flow.generation(name).ok_or_else(|| SwapError::Unknown(name.to_owned()))?;
        let unusable = |text: String| Failed(StatusCode::UNPROCESSABLE_ENTITY, text);
        let keep = fields.text("live") == "keep";
        let picked = Picked::of(fields).map_err(unusable)?;
        picked.mapping(keep.then(|| live.mapper.settings())).map_err(unusable)
    }
}

/// What the picked rules would say of the last contacts, and the rules themselves.
pub(in crate::admin) async fn preview(
    State(admin): State<Arc<Admin>>,
    Extension(_): Extension<Visitor>,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let previewed = async {
        let settings = admin.picked(&name, &fields)?;
        let proposed = Proposed { settings: Some(settings.clone()), ..Proposed::default() };
        let (candidate, ..) = admin.candidate(&name, proposed).await?;
        let preview = admin.flow.foresee(candidate, fields.text("connection"), LAST).await?;
        Ok::<_, Failed>(html! {
            (shown(&preview))
            details { summary { "The rules, as they would be written" } pre.code tabindex="0" { (settings) } }
        })
    };
    part(previewed.await.map_err(Trouble::from))
}

pub(in crate::admin) async fn live(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let swapped = async {
        let settings = Some(admin.picked(&name, &fields)?);
        let proposed = Proposed {
            settings,
            who: visitor.by.clone(),
            note: Some("built from templates".to_owned()),
            ..Proposed::default()
        };
        let report = mapper::swap(State(admin.clone()), Path(name.clone()), Json(proposed)).await?.0;
        Ok::<_, Failed>(format!(
            "Generation {} is live. To see it at the platform without counting, begin test mode.",
            report.generation
        ))
    };
    match swapped.await.map_err(Trouble::from) {
        Ok(text) => back(&admin, &visitor, &format!("/mapping/{name}"), Ok(text)),
        Err(trouble) => {
            let again = format!("/mapping/{name}/build?{}", query(&[("connection", fields.text("connection"))]));
            back(&admin, &visitor, &again, Err(trouble))
        }
    }
}
