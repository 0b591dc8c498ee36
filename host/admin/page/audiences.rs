//! Audiences: who is wanted in each, as far as it is known, in numbers.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::layout::Head::{Number, Text};
use super::layout::{Trouble, table, view};
use crate::admin::Admin;
use crate::admin::gate::Visitor;

pub(in crate::admin) async fn audiences(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let status = admin.counted().await?;
    let all = || {
        status
            .destinations
            .iter()
            .flat_map(|(name, known)| known.audiences.iter().map(move |(audience, of)| (name, audience, of)))
    };
    let rows = html! {
        @for (destination, audience, of) in all() {
            tr {
                th scope="row" { (audience) }
                td { (destination) }
                td.number { (of.joined) }
                td.number { (of.waiting) @if let Some(reason) = &of.reason { br; span.hint { (reason) } } }
                td.number { (of.dead) }
                td.number { (of.invalid) }
            }
        }
    };
    let body = html! {
        section id="audiences" data-live aria-label="Audiences" {
            @if all().next().is_none() {
                p { "No rule has put anybody into an audience yet. Under " a href="/mapping" { "Mapping" } ", “Build from templates” has “tag → audience”." }
            } @else {
                (table("Audiences", &[Text("Audience"), Text("Destination"), Number("Put in"), Number("Waiting"), Number("Dead"), Number("Not recognised")], rows))
                p.hint { "“Put in” counts whom the platform has taken; how many of them it finds is shown there." }
            }
        }
    };
    Ok(view(&admin, &visitor, "/audiences", "Audiences", body))
}
