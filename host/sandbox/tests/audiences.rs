//! Custom audiences as a client meets them.

use serde_json::{Value, json};

use super::super::{Quirks, Sandbox, Summary};
use super::{Caller, HASH, sandbox, urlencoded};

struct Account {
    sandbox: Sandbox,
    summary: Summary,
    caller: Caller,
}

impl Account {
    async fn open() -> Self {
        let (sandbox, summary) = sandbox().await;
        Self { sandbox, summary, caller: Caller::new() }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.summary.ads_token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/v26.0/{path}", self.summary.ads);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, answer) = self.caller.call(method, &url, &headers, text).await.expect("an answer");
        (status, answer)
    }

    /// Replaces, in a session; what the platform answers: its code and subcode, or 0.
    async fn replace(&self, session: u64, batch: u64, last: bool, hashes: &[String]) -> (i64, i64) {
        let path = format!("{}/usersreplace", self.summary.audience);
        let session = json!({ "session_id": session, "batch_seq": batch, "last_batch_flag": last });
        let payload = json!({ "schema": "EMAIL_SHA256", "data": hashes });
        let (_, answer) = self.ask("POST", &path, &json!({ "session": session, "payload": payload })).await;
        let number = |key: &str| answer["error"][key].as_i64().unwrap_or_default();
        (number("code"), number("error_subcode"))
    }

    fn addresses(&self) -> Vec<String> {
        let members = self.sandbox.members(&self.summary.audience).expect("the first audience");
        members.into_iter().map(|mut member| member.remove("EMAIL").unwrap_or_default()).collect()
    }
}

fn hash(turn: u8) -> String {
    format!("{turn:064x}")
}

#[tokio::test]
async fn an_audience_is_made_filled_shown_and_emptied() {
    let account = Account::open().await;
    let customaudiences = format!("{}/customaudiences", account.summary.ad_account);
    let said = json!({ "name": "VIP", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY" });
    for missing in ["name", "subtype", "customer_file_source"] {
        let mut said = said.clone();
        said.as_object_mut().expect("an object").remove(missing);
        assert_eq!(account.ask("POST", &customaudiences, &said).await.0, 400, "{missing}");
    }
    let (status, made) = account.ask("POST", &customaudiences, &said).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(status, 200);
    let (_, shown) = account.ask("GET", &id, &Value::Null).await;
    assert_eq!((&shown["name"], &shown["operation_status"]["code"]), (&json!("VIP"), &json!(200)));

    let users = format!("{id}/users");
    let payload = json!({ "schema": ["EMAIL", "PHONE", "EXTERN_ID"], "data": [[HASH, "", "c1"], [hash(1), hash(2), "c2"], ["jane@example.com", "", "c3"]] });
    let (status, answer) = account.ask("POST", &users, &json!({ "payload": payload })).await;
    assert_eq!(
        (status, &answer["num_received"], &answer["num_invalid_entries"]),
        (200, &json!(3), &json!(1)),
        "{answer}"
    );
    assert_eq!(
        (&answer["audience_id"], answer["invalid_entry_samples"].as_array().map(Vec::len)),
        (&json!(id), Some(1))
    );
    let path = format!("/audiences/{id}/members?after=1&limit=1");
    let (_, members) = account.caller.control(&account.summary, "GET", &path, &Value::Null).await;
    assert_eq!(members, json!({ "members": [{ "EMAIL": hash(1), "PHONE": hash(2), "EXTERN_ID": "c2" }], "next": 2 }));

    // As Segment and Rudder send it, and as the official SDK does.
    let (_, answer) =
        account.ask("DELETE", &users, &json!({ "payload": { "schema": "PHONE_SHA256", "data": [hash(2)] } })).await;
    assert_eq!(answer["num_received"], 1);
    let query = urlencoded(&json!({ "schema": ["EXTERN_ID"], "data": [["c1"]] }).to_string());
    assert_eq!(account.ask("DELETE", &format!("{users}?payload={query}"), &Value::Null).await.0, 200);
    let (_, audiences) = account.caller.control(&account.summary, "GET", "/audiences", &Value::Null).await;
    let row =
        audiences["audiences"].as_array().expect("a list").iter().find(|row| row["id"] == id.as_str()).expect("it");
    assert_eq!((&row["members"], &row["received"], &row["invalid"]), (&json!(1), &json!(5), &json!(1)));
    let any = format!("{}/usersofanyaudience", account.summary.ad_account);
    let everywhere = json!({ "payload": { "schema": "EXTERN_ID", "data": ["c3"] } });
    assert_eq!(account.ask("DELETE", &any, &everywhere).await.0, 200);
    assert_eq!(account.sandbox.members(&id).map(|members| members.len()), Some(0));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_the_platform_s_order() {
    let account = Account::open().await;
    let users = format!("{}/users", account.summary.audience);
    let good = json!({ "payload": { "schema": "EMAIL_SHA256", "data": [HASH] } });
    let too_many = json!({ "payload": { "schema": "EMAIL_SHA256", "data": vec![HASH; 10_001] } });
    let code = async |path: &str, body: &Value| {
        let (_, answer) = account.ask("POST", path, body).await;
        (answer["error"]["code"].as_i64().unwrap_or_default(), answer["error"]["error_subcode"].as_i64())
    };
    assert_eq!(code("42/users", &good).await, (100, Some(33)));
    assert_eq!(code(&format!("{}/users", account.summary.dataset), &good).await, (100, Some(33)));
    assert_eq!(code(&format!("{}/events", account.summary.audience), &good).await, (100, Some(33)));
    assert_eq!(code(&users, &too_many).await, (100, None));
    assert_eq!(
        code(&format!("{}/usersreplace", account.summary.audience), &good).await,
        (100, None),
        "a session is needed"
    );
    account.sandbox.set_quirks(Quirks { audience_terms_open: true, ..Quirks::default() });
    assert_eq!(code(&users, &good).await, (200, Some(1_870_034)));
    account.sandbox.set_quirks(Quirks::default());
    assert_eq!(code(&users, &good).await, (0, None));
}

#[tokio::test]
async fn a_replacement_counts_once_its_last_batch_has_come() {
    let account = Account::open().await;
    let users = format!("{}/users", account.summary.audience);
    let add = json!({ "payload": { "schema": "EMAIL_SHA256", "data": [hash(1), hash(2)] } });
    assert_eq!(account.ask("POST", &users, &add).await.0, 200);
    assert_eq!(account.replace(9, 2, false, &[hash(3)]).await, (2_650, 1_870_147));
    assert_eq!(account.replace(9, 1, false, &[hash(3)]).await, (0, 0));
    assert_eq!(account.addresses(), [hash(1), hash(2)], "nothing is replaced yet");
    assert_eq!(account.ask("GET", &account.summary.audience, &Value::Null).await.1["operation_status"]["code"], 300);
    assert_eq!(account.replace(8, 1, true, &[hash(4)]).await, (2_650, 1_870_145));
    let (_, mixed) = account.ask("POST", &users, &add).await;
    assert_eq!(mixed["error"]["error_subcode"], 1_870_145);
    assert_eq!(account.replace(9, 2, true, &[hash(2), hash(5)]).await, (0, 0));
    assert_eq!(account.addresses(), [hash(3), hash(2), hash(5)]);
    assert_eq!(account.replace(9, 3, true, &[hash(6)]).await, (2_650, 1_870_159));
    assert_eq!(account.ask("POST", &users, &add).await.0, 200);

    assert_eq!(account.replace(10, 1, false, &[hash(7)]).await, (0, 0));
    let later = json!({ "advance_ms": 91 * 60_000 });
    account.caller.control(&account.summary, "POST", "/clock", &later).await;
    assert_eq!(account.replace(10, 2, true, &[hash(7)]).await, (2_650, 1_870_158));
    assert_eq!(account.addresses(), [hash(3), hash(2), hash(5), hash(1)]);
    account.sandbox.reset();
    assert!(account.addresses().is_empty());
}
