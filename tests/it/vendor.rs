//! The CRM from its own side of the counter: as its other users work in it, and through the sandbox's control door.

use bytes::Bytes;
use convey::sandbox::{Sandbox, Summary};
use http::Method;
use serde_json::Value;

use crate::wire;

/// The CRM's own side.
pub struct Vendor(Summary);

impl Vendor {
    /// Of this sandbox.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self(sandbox.summary())
    }

    /// Asks its API with a token that may do everything. A refusal is a failure of the test.
    pub async fn api(&self, method: Method, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.0.crm_token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("version", "2021-07-28"),
            ("content-type", "application/json"),
            ("user-agent", "somebody else"),
        ];
        self.sent(method, &format!("{}{path}", self.0.crm), &headers, body).await
    }

    /// Asks the control door.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        self.sent(method, &format!("{}{path}", self.0.control), &headers, body).await
    }

    async fn sent(&self, method: Method, url: &str, headers: &[(&str, &str)], body: &Value) -> Value {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = wire::send(method.clone(), url, headers, bytes).await.unwrap();
        assert!((200..300).contains(&answer.status), "{method} {url}: {answer:?}");
        answer.json()
    }

    /// The ids of everybody in the first location.
    pub async fn contacts(&self) -> Vec<String> {
        let listed = self.control(Method::GET, "/contacts", &Value::Null).await;
        listed["contacts"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// One contact as the API shows it.
    pub async fn contact(&self, id: &str) -> Value {
        self.api(Method::GET, &format!("/contacts/{id}"), &Value::Null).await["contact"].clone()
    }

    /// What hangs on a contact: `tasks`, `notes`; `appointments` come as `events`.
    pub async fn of_contact(&self, id: &str, what: &str) -> Vec<Value> {
        let answer = self.api(Method::GET, &format!("/contacts/{id}/{what}"), &Value::Null).await;
        let rows = answer.as_object().unwrap().values().find_map(Value::as_array);
        rows.cloned().unwrap_or_default()
    }

    /// The first contact that fits, with its id.
    pub async fn first(&self, fits: impl Fn(&Value) -> bool) -> (String, Value) {
        for id in self.contacts().await {
            let contact = self.contact(&id).await;
            if fits(&contact) {
                return (id, contact);
            }
        }
        panic!("nobody fits");
    }

    /// How many requests the CRM has answered.
    pub async fn asked(&self) -> u64 {
        let book = self.control(Method::GET, "/requests", &Value::Null).await;
        book["counts"]["crm"].as_object().map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
    }
}
