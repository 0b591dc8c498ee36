//! Tokens: installed, exchanged, refreshed, expired, taken away.

use serde_json::{Value, json};

use super::super::{Fault, Faults, Quirks, Summary};
use super::{Caller, Receiver, sandbox};

const REDIRECT: &str = "http://127.0.0.1:1/callback";

/// Picks on the authorization page and returns what the redirect carries: the code, and whatever follows it.
async fn choose(caller: &Caller, summary: &Summary, more: &str) -> (String, String) {
    let scope = "contacts.readonly%20locations.readonly+oauth.write+oauth.readonly";
    let url = format!(
        "{}/v2/oauth/chooselocation?response_type=code&client_id={}&redirect_uri={REDIRECT}&scope={scope}{more}",
        summary.crm, summary.oauth_client_id
    );
    let (status, headers, _) = caller.call("GET", &url, &[], String::new()).await.expect("an answer");
    assert!(status == 302 && headers.contains_key("x-ratelimit-max"));
    let target = headers["location"].to_str().expect("ASCII").to_owned();
    let rest = target.strip_prefix(&format!("{REDIRECT}?code=")).expect("the redirect with a code");
    (rest[..40].to_owned(), rest[40..].to_owned())
}

fn client(summary: &Summary) -> String {
    format!("client_id={}&client_secret={}", summary.oauth_client_id, summary.oauth_client_secret)
}

async fn redeem(caller: &Caller, summary: &Summary, code: &str) -> (u16, Value) {
    let form = format!("{}&grant_type=authorization_code&code={code}", client(summary));
    caller.form(summary, "/oauth/token", &[], &form).await
}

async fn refresh(caller: &Caller, summary: &Summary, token: &Value) -> (u16, Value) {
    let form = format!("{}&grant_type=refresh_token&refresh_token={}", client(summary), token.as_str().expect("one"));
    caller.form(summary, "/oauth/token", &[], &form).await
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[tokio::test]
async fn a_location_is_chosen_its_token_works_expires_and_rotates() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let receiver = Receiver::default();
    let url = receiver.listen().await;
    caller.control(&summary, "PUT", "/subscription", &json!({ "url": url })).await;
    let (at, other) = (&summary.locations[1], &summary.locations[0]);
    let (code, rest) = choose(&caller, &summary, &format!("&state=a%26b%20c&location_id={at}")).await;
    assert_eq!((rest.as_str(), receiver.bodies().len()), ("&state=a%26b%20c", 0));
    let wrong = format!("client_id=x&client_secret=y&grant_type=authorization_code&code={code}");
    let (status, body) = caller.form(&summary, "/oauth/token", &[], &wrong).await;
    assert_eq!((status, &body["error_description"]), (401, &json!("Invalid client credentials!")));
    let (status, first) = redeem(&caller, &summary, &code).await;
    assert_eq!((status, &first["userType"], &first["locationId"]), (200, &json!("Location"), &json!(at)));
    assert_eq!((&first["expires_in"], &first["token_type"]), (&json!(86_399), &json!("Bearer")));
    assert!(
        first["userId"].is_string() && first["companyId"] == summary.company.as_str() && first["traceId"].is_string()
    );
    assert_eq!(first["scope"], "contacts.readonly locations.readonly oauth.write oauth.readonly");
    assert_eq!(receiver.come(1).await[0]["type"], "INSTALL");
    let (status, body) = redeem(&caller, &summary, &code).await;
    let wanted = json!({ "error": "UnAuthorized!", "error_description": "Authorization code not found" });
    assert_eq!((status, body), (401, wanted));

    let ask = |token: &Value, path: String| {
        let (caller, summary, token) = (&caller, &summary, text(token).to_owned());
        async move {
            let (status, _, body) = caller.ask(summary, &token, &path).await;
            (status, body["message"].as_str().unwrap_or_default().to_owned())
        }
    };
    let access = &first["access_token"];
    assert_eq!(ask(access, format!("/locations/{at}")).await.0, 200);
    let foreign = (403, "The token does not have access to this location.".to_owned());
    assert_eq!(ask(access, format!("/locations/{other}")).await, foreign);
    let path = format!("/oauth/installedLocations?companyId={}&appId=1", summary.company);
    assert!(ask(access, path).await.1.starts_with("This authClass type is not allowed to access this scope."));
    caller.control(&summary, "POST", "/oauth/expire", &json!({ "location": at })).await;
    assert_eq!(ask(access, format!("/locations/{at}")).await, (401, "Invalid JWT".to_owned()));

    assert_eq!(caller.control(&summary, "PUT", "/oauth/life", &json!({ "token_life_s": 100 })).await.0, 200);
    let (_, second) = refresh(&caller, &summary, &first["refresh_token"]).await;
    let (status, again) = refresh(&caller, &summary, &first["refresh_token"]).await;
    assert_eq!(
        (status, &again["access_token"], &again["refresh_token"]),
        (200, &second["access_token"], &second["refresh_token"],)
    );
    assert_eq!(second["expires_in"], 100);
    caller.control(&summary, "POST", "/clock", &json!({ "advance_ms": 60_000 })).await;
    assert_eq!(ask(&second["access_token"], format!("/locations/{at}")).await.0, 200);
    let (status, body) = refresh(&caller, &summary, &first["refresh_token"]).await;
    assert_eq!((status, &body["message"]), (400, &json!("Invalid grant: refresh token is invalid")));
    caller.control(&summary, "POST", "/clock", &json!({ "advance_ms": 40_000 })).await;
    assert_eq!(ask(&second["access_token"], format!("/locations/{at}")).await.0, 401);

    let calls = caller.control(&summary, "GET", "/oauth/log", &Value::Null).await.1;
    let outcomes: Vec<&str> =
        calls["calls"].as_array().expect("calls").iter().filter_map(|call| call["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["wrong_client", "issued", "unknown_code", "issued", "repeated", "invalid_grant"]);
    assert!(!calls.to_string().contains(text(&second["refresh_token"])));
    assert_eq!(sandbox.token_calls()[5].location.as_ref(), Some(at));
}

#[tokio::test]
async fn an_agency_exchanges_its_token_for_one_of_each_location() {
    let (_sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let receiver = Receiver::default();
    let url = receiver.listen().await;
    caller.control(&summary, "PUT", "/subscription", &json!({ "url": url })).await;
    let (code, _) = choose(&caller, &summary, "&company=true").await;
    let (_, agency) = redeem(&caller, &summary, &code).await;
    assert!(agency["userType"] == "Company" && agency.get("locationId").is_none());
    assert_eq!(receiver.come(2).await.len(), 2);
    let at = &summary.locations[1];
    let (status, _, body) = caller.ask(&summary, text(&agency["access_token"]), &format!("/locations/{at}")).await;
    assert!(status == 401 && text(&body["message"]).starts_with("This authClass type is not allowed"));

    let bearer = format!("Bearer {}", text(&agency["access_token"]));
    let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
    let form = format!("companyId={}&locationId={at}", summary.company);
    let (status, made) = caller.form(&summary, "/oauth/locationToken", &headers, &form).await;
    assert_eq!((status, &made["locationId"], &made["userType"]), (201, &json!(at), &json!("Location")));
    assert!(made["appId"].is_string() && made["refresh_token"].is_string() && made["planId"].is_string());
    let (status, _, _) = caller.ask(&summary, text(&made["access_token"]), &format!("/locations/{at}")).await;
    assert_eq!(status, 200);
    let (status, body) = caller.form(&summary, "/oauth/locationToken", &headers, "companyId=x").await;
    assert_eq!((status, &body["message"]), (422, &json!(["locationId should not be empty"])));
    assert_eq!(caller.form(&summary, "/oauth/location-token", &headers, &form).await.0, 404);
    let pit = format!("Bearer {}", summary.crm_token);
    let headers = [("authorization", pit.as_str()), ("version", "2021-07-28")];
    let (status, body) = caller.form(&summary, "/oauth/locationToken", &headers, &form).await;
    assert_eq!((status, &body["message"]), (401, &json!("The token is not authorized for this scope.")));
    let app = summary.oauth_client_id.split('-').next().expect("an app id");
    let path = format!("/oauth/installedLocations?companyId={}&appId={app}&limit=1&skip=1", summary.company);
    let (status, _, listed) = caller.ask(&summary, text(&agency["access_token"]), &path).await;
    assert_eq!((status, &listed["count"], &listed["locations"][0]["_id"]), (200, &json!(2), &json!(at)));

    caller.control(&summary, "POST", &format!("/locations/{at}/suspend"), &json!({})).await;
    let (status, body) = refresh(&caller, &summary, &made["refresh_token"]).await;
    assert_eq!((status, &body["message"]), (400, &json!("Location is not active")));
    caller.control(&summary, "POST", &format!("/locations/{at}/activate"), &json!({})).await;
    let (status, renewed) = refresh(&caller, &summary, &made["refresh_token"]).await;
    assert_eq!(status, 200);
    caller.control(&summary, "POST", "/oauth/uninstall", &json!({ "location": at })).await;
    let told = receiver.come(3).await.pop().expect("three");
    assert_eq!((&told["type"], &told["locationId"]), (&json!("UNINSTALL"), &json!(at)));
    let (status, _, _) = caller.ask(&summary, text(&renewed["access_token"]), &format!("/locations/{at}")).await;
    assert_eq!((status, refresh(&caller, &summary, &renewed["refresh_token"]).await.0), (401, 400));
    let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
    assert_eq!(caller.form(&summary, "/oauth/locationToken", &headers, &form).await.0, 403);
}

#[tokio::test]
async fn v3_writes_camel_case_both_ways_and_says_what_is_missing() {
    let (_sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let code = caller.control(&summary, "POST", "/oauth/install", &json!({ "company": true })).await.1["code"].take();
    let url = format!("{}/oauth/token", summary.crm);
    let headers = [("version", "v3"), ("content-type", "application/json")];
    let mut asked = json!({
        "clientId": summary.oauth_client_id, "clientSecret": summary.oauth_client_secret, "grantType": "authorization_code",
    });
    for (name, value, message) in [
        ("userType", json!("Nobody"), "Invalid parameter: userType"),
        ("userType", json!("Company"), "Missing parameter: code"),
        ("grantType", json!("password"), "Invalid parameter: grantType"),
    ] {
        asked[name] = value;
        let (status, _, body) = caller.call("POST", &url, &headers, asked.to_string()).await.expect("an answer");
        assert_eq!((status, &body["message"]), (400, &json!(message)));
    }
    asked["grantType"] = "authorization_code".into();
    asked["code"] = code;
    let (status, _, body) = caller.call("POST", &url, &headers, asked.to_string()).await.expect("an answer");
    assert!(status == 200 && body["accessToken"].is_string() && body["refreshToken"].is_string());
    let bearer = format!("Bearer {}", text(&body["accessToken"]));
    let headers = [("authorization", bearer.as_str()), ("version", "v3")];
    let form = format!("companyId={}&locationId={}", summary.company, summary.location);
    let (status, made) = caller.form(&summary, "/oauth/location-token", &headers, &form).await;
    assert!(status == 201 && made["accessToken"].is_string());
    let app = summary.oauth_client_id.split('-').next().expect("an app id");
    let url = format!("{}/oauth/installed-locations?companyId={}&appId={app}&pageSize=1", summary.crm, summary.company);
    let listed = caller.call("GET", &url, &headers, String::new()).await.expect("an answer").2;
    assert_eq!(
        (&listed["pagination"]["hasNextPage"], &listed["pagination"]["nextPageToken"]),
        (&json!(true), &json!("1"))
    );
    let (status, body) = caller.form(&summary, "/oauth/token", &[], "client_id=x").await;
    assert_eq!((status, &body["message"]), (400, &json!("Missing parameter: clientSecret")));
}

#[tokio::test]
async fn the_app_may_be_told_before_the_code_is_used_and_the_state_may_be_lost() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let receiver = Receiver::default();
    let url = receiver.listen().await;
    caller.control(&summary, "PUT", "/subscription", &json!({ "url": url })).await;
    sandbox.set_quirks(Quirks { install_before_code: true, drop_state: true, ..Quirks::default() });
    let (code, rest) = choose(&caller, &summary, "&state=kept").await;
    assert_eq!(rest, "");
    assert_eq!(receiver.come(1).await[0]["locationId"], summary.location.as_str());
    assert_eq!(redeem(&caller, &summary, &code).await.0, 200);
    caller.control(&summary, "POST", "/oauth/uninstall", &json!({ "company": true })).await;
    let told = receiver.come(2).await;
    // Nothing but these two: the code was not told of a second time.
    assert_eq!(
        (told.len(), &told[1]["type"], &told[1]["companyId"]),
        (2, &json!("UNINSTALL"), &json!(summary.company))
    );
    for wrong in
        ["client_id=x", "client_id=x&response_type=token", "client_id=x&response_type=code&redirect_uri=/&scope=a"]
    {
        let url = format!("{}/oauth/chooselocation?{wrong}", summary.crm);
        assert_eq!(caller.call("GET", &url, &[], String::new()).await.expect("an answer").0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_private_token_opens_one_location_for_its_scopes() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let asked = json!({ "location": summary.locations[1], "scopes": ["locations.readonly"] });
    let token = caller.control(&summary, "POST", "/tokens", &asked).await.1["token"].take();
    assert!(text(&token).starts_with("pit-"));
    let path = |at: usize| format!("/locations/{}", summary.locations[at]);
    assert_eq!(caller.ask(&summary, text(&token), &path(1)).await.0, 200);
    assert_eq!(caller.ask(&summary, text(&token), &path(0)).await.0, 403);
    let contacts = format!("/control/{}", summary.locations[1]);
    assert_eq!(caller.ask(&summary, text(&token), &contacts).await.0, 404);
    let known = caller.control(&summary, "GET", "/contacts", &Value::Null).await.1["contacts"][0].take();
    let (status, _, body) = caller.ask(&summary, text(&token), &format!("/contacts/{}", text(&known))).await;
    assert_eq!((status, &body["message"]), (401, &json!("The token is not authorized for this scope.")));
    sandbox.set_faults(Faults { crm: Some(Fault { unauthorized: 1, ..Fault::default() }), ads: None });
    let (status, _, body) = caller.ask(&summary, text(&token), &path(1)).await;
    assert_eq!((status, &body["message"]), (401, &json!("Invalid JWT")));
    assert_eq!(caller.ask(&summary, text(&token), &path(1)).await.0, 200);
}
