//! The requests that make a catalogue: three at once.

use serde_json::Value;

use super::{Catalogue, Field, Pipeline, Stage};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::join;
use crate::json::{any_text, list, number, text};
use crate::path;
use crate::reply::Reply;
use crate::scope;
use crate::settings::ApiVersion;

/// The operation that lists the custom fields.
pub(super) const FIELDS: &str = "catalogue.fields";
/// The operation that lists the pipelines.
pub(super) const PIPELINES: &str = "catalogue.pipelines";
const LOCATION: &str = "catalogue.location";

/// Each part with the scope it needs, in the order of the requests.
pub(super) const PARTS: [(&str, &str); 3] =
    [(FIELDS, scope::FIELDS), (PIPELINES, scope::OPPORTUNITIES), (LOCATION, scope::LOCATION)];

/// The catalogue of a location as it is now. A part that the token may not read, or the API does not have, is empty and named in `missing`.
/// Errors: those that pass, or that hold for every request: `unauthorized`, `throttled`, `unavailable`.
pub async fn fetch<G>(location: &str, version: ApiVersion, send: &G) -> Result<Catalogue, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let segment = path::segment(location);
    let paths = [
        path::with_query(&format!("/locations/{segment}/customFields"), &[("model", "contact")]),
        path::with_query("/opportunities/pipelines", &[("locationId", location)]),
        format!("/locations/{segment}"),
    ];
    let asked = paths.into_iter().zip(PARTS).map(|(path, (_, scope))| Call::get(path, version).json(scope, send));
    let mut catalogue = Catalogue::default();
    for ((part, scope), answer) in PARTS.into_iter().zip(join::all(asked).await) {
        match answer {
            Ok(answer) => read(&mut catalogue, part, &answer),
            Err(SourceError::Forbidden(_)) => catalogue.missing.push(scope.to_owned()),
            Err(SourceError::NotFound(_) | SourceError::Invalid(_)) => catalogue.missing.push(part.to_owned()),
            Err(error) => return Err(error),
        }
    }
    Ok(catalogue)
}

fn read(catalogue: &mut Catalogue, part: &str, answer: &Value) {
    match part {
        FIELDS => catalogue.fields = list(answer, "customFields").iter().filter_map(field).collect(),
        PIPELINES => catalogue.pipelines = list(answer, "pipelines").iter().filter_map(pipeline).collect(),
        _ => {
            let location = answer.get("location").unwrap_or(answer);
            catalogue.country = code(location, "country", 2);
            catalogue.currency = code(location, "currency", 3);
            catalogue.time_zone = text(location, "timezone");
        }
    }
}

fn field(field: &Value) -> Option<(String, Field)> {
    let id = text(field, "id")?;
    let key = text(field, "fieldKey").map(|key| key.strip_prefix("contact.").unwrap_or(&key).to_owned());
    let key = key.filter(|key| !key.is_empty()).unwrap_or_else(|| id.clone());
    Some((id, Field { key, name: text(field, "name"), kind: text(field, "dataType").unwrap_or_default() }))
}

fn pipeline(pipeline: &Value) -> Option<Pipeline> {
    let stage = |(index, stage): (usize, &Value)| {
        let position = number(stage, "position").map(|position| position as u32).or(u32::try_from(index).ok());
        Some(Stage { id: any_text(stage, &["id", "_id"])?, name: text(stage, "name"), position })
    };
    let mut stages: Vec<Stage> = list(pipeline, "stages").iter().enumerate().filter_map(stage).collect();
    stages.sort_by_key(|stage| stage.position);
    Some(Pipeline { id: any_text(pipeline, &["id", "_id"])?, name: text(pipeline, "name"), stages })
}

/// A code of letters; any other spelling is not guessed at.
fn code(location: &Value, name: &str, letters: usize) -> Option<String> {
    let code = text(location, name)?;
    (code.len() == letters && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}
