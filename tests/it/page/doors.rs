//! Who is let in, tried by script over every route that the door lists: a new route is tried as soon as it is there.

use convey::admin::{Needs, Role, routes};
use convey::sandbox::Kind;
use http::Method;
use serde_json::{Value, json};

use super::{Door, path, text, views};
use crate::rig::{Convey, sandbox};
use crate::shadow::{LEADS, started};
use crate::wire::{self, letters_of, send};

async fn stored(convey: &Convey) -> Value {
    let mut status = convey.status().await.unwrap();
    status["status"]["at"] = Value::Null;
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_refuses_whoever_may_not() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let door = Door::of(&convey);
    let before = stored(&convey).await;
    let (viewer, viewer_csrf) = door.session(Role::Viewer).await;
    let (operator, operator_csrf) = door.session(Role::Operator).await;
    let (of_viewer, of_operator) = (door.header(Role::Viewer), door.header(Role::Operator));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let mut tried = 0;
    // Those for machines look at who comes themselves, and are tried where they are tested.
    for route in routes().iter().filter(|route| route.needs != Needs::Itself) {
        let (path, method) = (path(route), &route.method);
        let said = async |headers: &[(&str, &str)], body: &str| door.status(method, &path, headers, body).await;
        let named = format!("{method} {path}");
        let changes = *method != Method::GET;
        // Another name that leads here, whatever is brought.
        assert_eq!(said(&[("host", "evil.example"), ("authorization", of_operator)], "").await, 421, "{named}");
        if changes {
            for foreign in [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("origin", "http://evil.example"),
                ("origin", "null"),
            ] {
                assert_eq!(said(&[foreign, ("authorization", of_operator)], "").await, 403, "{named} {foreign:?}");
                let with_cookie = [foreign, form, ("cookie", &operator), ("x-csrf-token", &operator_csrf)];
                assert_eq!(said(&with_cookie, "").await, 403, "{named} {foreign:?}");
            }
        }
        let Needs::Role(role) = route.needs else { continue };
        tried += 1;
        // Nobody, and whoever guesses.
        for strange in [
            vec![],
            vec![("authorization", "Bearer guess")],
            vec![("authorization", "Basic guess")],
            vec![("authorization", "Bearer ")],
            vec![("cookie", "convey_session=guess")],
            vec![("cookie", "convey_session=")],
            // A token that is wrong is not made good by a session.
            vec![("cookie", operator.as_str()), ("x-csrf-token", &operator_csrf), ("authorization", "Bearer guess")],
        ] {
            assert_eq!(said(&strange, "").await, 401, "{named} {strange:?}");
        }
        if role == Role::Operator {
            assert_eq!(said(&[("authorization", of_viewer)], "").await, 403, "{named}");
            assert_eq!(said(&[("cookie", &viewer), ("x-csrf-token", &viewer_csrf)], "").await, 403, "{named}");
        } else if !changes {
            for welcome in [("authorization", of_viewer), ("cookie", viewer.as_str())] {
                let status = said(&[welcome], "").await;
                assert!(!matches!(status, 401 | 403 | 421 | 500..), "{named}: {status}");
            }
        }
        if changes {
            // A session's form that does not bring what only our pages know.
            for (headers, body) in [
                (vec![("cookie", operator.as_str()), form], String::new()),
                (vec![("cookie", operator.as_str()), form], "csrf=guess".to_owned()),
                (vec![("cookie", operator.as_str()), form], format!("csrf={viewer_csrf}")),
                (vec![("cookie", operator.as_str()), ("content-type", "text/plain")], format!("csrf={operator_csrf}")),
                (
                    vec![("cookie", operator.as_str()), ("content-type", "application/json")],
                    json!({"csrf": operator_csrf}).to_string(),
                ),
                (vec![("cookie", operator.as_str()), ("x-csrf-token", &viewer_csrf)], String::new()),
            ] {
                assert_eq!(said(&headers, &body).await, 403, "{named} {headers:?} {body}");
            }
        }
    }
    assert!(tried > 40, "{tried} routes");
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(
            door.status(&method, "/no-such-route", &[], "").await,
            401,
            "{method}: who is not in learns nothing of what there is"
        );
    }
    assert_eq!(stored(&convey).await, before, "nothing of all this did anything");
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_signs_in_once_and_a_session_ends_when_it_is_left() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let door = Door::of(&convey);
    let printed = convey.command(&["page", "--as", "viewer"]).await.json();
    let (page, code) = printed["url"].as_str().unwrap().split_once("/sign-in#").unwrap();
    assert_eq!((page, &printed["role"]), (door.base.as_str(), &json!("viewer")));
    for role in [Role::Operator, Role::Viewer] {
        assert!(!printed.to_string().contains(door.token(role)), "no token stands in an address");
    }
    let answer = door.form("/sign-in", &[], &format!("key={code}")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let view = text(&door.view("/connections", &cookie).await);
    assert!(view.contains("acme") && view.contains("You are a viewer") && !view.contains(">Pause"), "{view}");
    assert_eq!(door.view("/mapping/default/build", &cookie).await.status, 403);
    let again = door.form("/sign-in", &[], &format!("key={code}")).await;
    assert!(again.status == 401 && text(&again).contains("a code works once"), "{again:?}");
    assert_eq!(door.form("/sign-in", &[], "key=").await.status, 401);

    let (_, rest) = view.split_once("name=\"csrf\" content=\"").unwrap();
    let csrf = rest.split('"').next().unwrap();
    let left = door.form("/sign-out", &[("cookie", &cookie)], &format!("csrf={csrf}")).await;
    assert_eq!((left.status, left.headers["location"].to_str().unwrap()), (303, "/sign-in"));
    assert_eq!(door.view("/connections", &cookie).await.status, 401, "the cookie is worth nothing any more");
    // A restart makes other tokens and knows no session.
    let (cookie, _) = door.session(Role::Operator).await;
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(Door::of(&convey).view("/", &cookie).await.status, 401);
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_there_and_keeps_to_its_own_files() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = started(&sandbox, LEADS).await;
    convey.take(&letters_of(&sandbox, Kind::ContactCreated, 4).await).await;
    let door = Door::of(&convey);
    let (cookie, csrf) = door.session(Role::Operator).await;
    let mut bytes = 0;
    for view in views(Role::Operator) {
        let answer = door.view(&view, &cookie).await;
        let text = text(&answer);
        assert_eq!(answer.status, 200, "{view}: {text}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe")
                && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
        for forbidden in ["http://", "https://", "style=\"", "<style", "onclick", "javascript:"] {
            assert!(!text.contains(forbidden), "{view} holds {forbidden}");
        }
        assert_eq!(text.matches("<script").count(), 1, "{view}: one script, and it is a file");
        bytes = bytes.max(text.len());
    }
    for file in ["style.css", "page.js", "mark.svg"] {
        let answer = wire::get(&format!("{}/assets/{file}", door.base), &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{file}");
        bytes += answer.body.len();
    }
    assert!(bytes < 200 * 1_024, "the page weighs {bytes} bytes");
    assert_eq!(door.view("/why?id=nothing", &cookie).await.status, 404);
    assert_eq!(door.view("/mapping/nobody", &cookie).await.status, 404);
    assert_eq!(door.view("/assets/../admin.token", &cookie).await.status, 404);

    // What is done is done in the name that was given at the door, and written down.
    let paused = door
        .form("/connections/pause", &[("cookie", &cookie)], &format!("csrf={csrf}&scope=connection&name=acme"))
        .await;
    assert_eq!(paused.status, 303);
    assert!(text(&door.view("/connections", &cookie).await).contains("Paused: connection acme."));
    assert_eq!(convey.paused().await["by"], "Ann");
    let audit = convey.command(&["audit"]).await.json();
    let acts: Vec<&str> =
        audit["rows"].as_array().unwrap().iter().filter_map(|row| row["operation"].as_str()).collect();
    assert!(acts.contains(&"POST /connections/pause") && acts.contains(&"signed in as operator"), "{acts:?}");

    let begun = format!("csrf={csrf}&destination=ads&code=TEST7&hours=24");
    door.form("/tests/on", &[("cookie", &cookie)], &begun).await;
    let modes = convey.status().await.unwrap()["status"]["test_modes"].clone();
    assert_eq!(
        (&modes[0]["code"], modes[0]["until"].as_u64().unwrap() - modes[0]["since"].as_u64().unwrap()),
        (&json!("TEST7"), 86_400_000)
    );
    door.form("/tests/on", &[("cookie", &cookie)], &begun.replace("hours=24", "hours=25")).await;
    assert!(text(&door.view("/tests", &cookie).await).contains("at most 24 h"));
    door.form("/tests/off", &[("cookie", &cookie)], &format!("csrf={csrf}&destination=ads")).await;
    assert_eq!(convey.status().await.unwrap()["status"]["test_modes"], json!([]));
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_only_its_own_name_is_answered_and_the_cookie_is_secure() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary())
        .configure(|text| *text = text.replace("[admin]\n", "[admin]\npublic_url = \"https://convey.example.com\"\n"));
    convey.start().await;
    let door = Door::of(&convey);
    let printed = convey.command(&["page"]).await.json();
    assert!(printed["url"].as_str().unwrap().starts_with("https://convey.example.com/sign-in#"), "{printed}");
    let through = async |host: &'static str| {
        let headers = [
            ("host", host),
            ("origin", "https://convey.example.com"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = format!("key={}", door.token(Role::Viewer));
        send(Method::POST, &format!("{}/sign-in", door.base), &headers, body.into()).await.unwrap()
    };
    let answer = through("convey.example.com").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"), "{answer:?}");
    assert_eq!(through("other.example.com").await.status, 421);
    assert_eq!(through("convey.example.com:81").await.status, 421);
    assert!(convey.stop().await.success());
}
