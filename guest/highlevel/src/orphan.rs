//! Tasks whose webhook does not say whose they are: HighLevel's TaskCreate leaves `contactId` out, and only the task search finds it.

use serde_json::{Value, json};

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::{any_text, list, text};
use crate::path;
use crate::reply::Reply;
use crate::scope;
use crate::settings::ApiVersion;

/// Tasks of one page of the search.
const PAGE: usize = 100;
/// The title narrows the search; what is not on these pages is left.
const PAGES: usize = 3;

/// The contact of a task; none if the search does not find it (any more).
pub async fn contact_of<G>(
    location: &str,
    version: ApiVersion,
    task: &str,
    title: &str,
    send: &G,
) -> Result<Option<String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    for page in 0..PAGES {
        let mut body = json!({"limit": PAGE, "skip": page * PAGE});
        if !title.trim().is_empty() {
            body["query"] = json!(title);
        }
        let path = format!("/locations/{}/tasks/search", path::segment(location));
        let answer = match Call::post(path, version, body).json(scope::TASKS, send).await {
            Ok(answer) => answer,
            Err(SourceError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let tasks = list(&answer, "tasks");
        let found = tasks.iter().find(|found| any_text(*found, &["id", "_id"]).as_deref() == Some(task));
        if let Some(found) = found {
            return Ok(owner(found));
        }
        if tasks.len() < PAGE {
            break;
        }
    }
    Ok(None)
}

fn owner(task: &Value) -> Option<String> {
    text(task, "contactId").or_else(|| task.get("contact").and_then(|contact| any_text(contact, &["id", "_id"])))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::samples::ready;

    fn searched(title: &str, pages: &[Value], status: u16) -> (Result<Option<String>, SourceError>, Vec<Value>) {
        let asked = RefCell::new(Vec::new());
        let send = async |call: Call| {
            assert_eq!(call.path, "/locations/loc/tasks/search");
            let page = asked.borrow().len();
            asked.borrow_mut().push(call.body.unwrap_or_default());
            Ok(Reply { status, headers: Vec::new(), body: json!({"tasks": pages[page]}).to_string().into_bytes() })
        };
        let found = ready(contact_of("loc", ApiVersion::Dated, "t", title, &send));
        (found, asked.into_inner())
    }

    #[test]
    fn the_id_decides_and_not_the_title() {
        let page =
            json!([{"id": "u", "title": "call", "contactId": "d"}, {"_id": "t", "title": "call", "contactId": "c"}]);
        let (found, asked) = searched("call", &[page], 200);
        assert_eq!(found, Ok(Some("c".into())));
        assert_eq!(asked, [json!({"query": "call", "limit": 100, "skip": 0})]);
    }

    #[test]
    fn pages_end() {
        let full: Value = (0..PAGE).map(|id| json!({"id": id.to_string(), "contactId": "d"})).collect();
        let (found, asked) = searched(" ", &[full.clone(), full.clone(), full.clone(), full.clone()], 200);
        assert_eq!((found, asked.len()), (Ok(None), PAGES));
        assert_eq!(asked[2], json!({"limit": 100, "skip": 200}));
        let (found, asked) = searched("call", &[full, json!([])], 200);
        assert_eq!((found, asked.len()), (Ok(None), 2));
    }

    #[test]
    fn a_missing_scope_is_said() {
        assert!(matches!(searched("call", &[json!([])], 403).0, Err(SourceError::Forbidden(_))));
        assert_eq!(searched("call", &[json!([])], 404).0, Ok(None));
    }
}
