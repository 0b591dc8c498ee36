//! What can be asked of the platform, by method and path; alone or as a part of a batch.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::world::World;
use super::audiences::{self, Change};
use super::call::{Call, Kind};
use super::error::{self, GraphError};
use super::events;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// `GET /{object}`: whether the token opens it, and what an audience is called.
    Show,
    /// `POST /{dataset}/events`.
    Send,
    /// `POST /{account}/customaudiences`.
    Create,
    /// `POST` and `DELETE /{audience}/users`, `POST /{audience}/usersreplace`.
    Change(Change),
    /// `DELETE /{account}/usersofanyaudience`.
    Forget,
}

impl Operation {
    /// By method and path, which starts with the version.
    fn of(method: &Method, path: &str) -> Option<Self> {
        let mut parts = path.trim_start_matches('/').split('/').skip(1);
        let object = parts.next().filter(|object| !object.is_empty());
        let edge = parts.next().unwrap_or_default();
        object.filter(|_| parts.next().is_none())?;
        Some(match (method.as_str(), edge) {
            ("GET", "") => Self::Show,
            ("POST", "events") => Self::Send,
            ("POST", "customaudiences") => Self::Create,
            ("POST", "users") => Self::Change(Change::Add),
            ("DELETE", "users") => Self::Change(Change::Remove),
            ("POST", "usersreplace") => Self::Change(Change::Replace),
            ("DELETE", "usersofanyaudience") => Self::Forget,
            _ => return None,
        })
    }

    fn perform(self, world: &World, call: Call) -> Result<Value, GraphError> {
        match self {
            Self::Show if call.kind == Kind::Audience => {
                audiences::show(world, &call.object).ok_or_else(|| GraphError::no_object("get", &call.object))
            }
            Self::Show => Ok(json!({ "id": call.object })),
            Self::Send => events::send(world, call),
            Self::Create => audiences::create(world, call),
            Self::Change(change) => audiences::change(world, call, change),
            Self::Forget => audiences::forget(world, call),
        }
    }
}

/// Answers a request.
pub async fn perform(State(world): State<Arc<World>>, request: Request) -> Response {
    performed(&world, request).await
}

/// Answers a request, or says that there is no such path.
pub async fn performed(world: &World, request: Request) -> Response {
    let Some(operation) = Operation::of(request.method(), request.uri().path()) else {
        return GraphError::unknown_path(request.uri().path()).answer(world);
    };
    let called = Call::read(world, request).await;
    error::answer(world, called.and_then(|call| operation.perform(world, call)))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::super::audiences::Change;
    use super::Operation;

    #[test]
    fn an_operation_is_a_method_and_a_path() {
        for (method, path, wanted) in [
            (Method::GET, "/v26.0/1", Some(Operation::Show)),
            (Method::POST, "/v26.0/1/events", Some(Operation::Send)),
            (Method::DELETE, "v26.0/1/users", Some(Operation::Change(Change::Remove))),
            (Method::PUT, "/v26.0/1/users", None),
            (Method::POST, "/v26.0/1", None),
            (Method::GET, "/v26.0/", None),
            (Method::GET, "/v26.0", None),
            (Method::POST, "/v26.0/1/events/2", None),
        ] {
            assert_eq!(Operation::of(&method, path), wanted, "{method} {path}");
        }
    }
}
