//! The operator's page: who comes in and who does not, over every route there is; and what a person does on it, in a real browser.

pub mod browser;
mod doors;
mod journey;
mod looks;

use browser::Window;
use convey::admin::{Needs, Role, Route, Token, read_address, routes};
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::rig::Convey;
use crate::wire::{self, Answer};

/// The door of a running convey, as a browser or a program sees it.
pub struct Door {
    pub base: String,
    operator: String,
    viewer: String,
}

impl Door {
    pub fn of(convey: &Convey) -> Self {
        let base = format!("http://{}", read_address(&convey.state()).unwrap());
        let header = |role| Token::read_of(&convey.state(), role).unwrap().header();
        Self { base, operator: header(Role::Operator), viewer: header(Role::Viewer) }
    }

    /// What a program sends as.
    pub fn header(&self, role: Role) -> &str {
        match role {
            Role::Operator => &self.operator,
            Role::Viewer => &self.viewer,
        }
    }

    pub fn token(&self, role: Role) -> &str {
        self.header(role).strip_prefix("Bearer ").unwrap()
    }

    /// Asks, and does not wait for all of the answer: one never ends.
    pub async fn status(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
        let answer = client.request(request.body(Full::new(body.to_owned().into())).unwrap()).await.unwrap();
        answer.status().as_u16()
    }

    /// Sends a form.
    pub async fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
        wire::deliver(&format!("{}{path}", self.base), &[&kind[..], headers].concat(), body.to_owned().into())
            .await
            .unwrap()
    }

    /// A view as its browser gets it.
    pub async fn view(&self, path: &str, cookie: &str) -> Answer {
        let headers = [("cookie", cookie), ("accept", "text/html")];
        wire::get(&format!("{}{path}", self.base), &headers).await.unwrap()
    }

    /// Signs in with a token: the cookie, and what forms must bring.
    pub async fn session(&self, role: Role) -> (String, String) {
        let answer = self.form("/sign-in", &[], &format!("key={}&by=Ann", self.token(role))).await;
        assert_eq!((answer.status, answer.headers["location"].to_str().unwrap()), (303, "/"), "{answer:?}");
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(set.contains("; HttpOnly; SameSite=Strict; Max-Age="), "{set}");
        let cookie = set.split(';').next().unwrap().to_owned();
        let view = text(&self.view("/", &cookie).await);
        let (_, rest) = view.split_once("name=\"csrf\" content=\"").unwrap_or_else(|| panic!("{view}"));
        (cookie, rest.split('"').next().unwrap().to_owned())
    }
}

/// A path that the route has.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| match part {
        "{file}" => "style.css",
        "{connection}" | "{target}" => "acme",
        part if part.starts_with('{') => "default",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Where every view is that this role may see, as the door lists them. The first event's story is told, so there must be one.
fn views(role: Role) -> Vec<String> {
    let all = routes();
    let seen = all.iter().filter(|route| route.is_view && matches!(route.needs, Needs::Role(needed) if needed <= role));
    let views = seen.flat_map(|route| match route.path {
        "/why" => vec!["/why?id=e1".to_owned()],
        "/parked" => vec!["/parked".to_owned(), "/parked?state=dead&kind=event&lane=ads".to_owned()],
        _ => vec![path(route)],
    });
    views.collect()
}

/// Signs a browser in as `convey page` has it.
pub async fn signed_in(window: &Window<'_>, convey: &Convey, role: Role) {
    let printed = convey.command(&["page", "--as", &role.to_string()]).await.json();
    window.open(printed["url"].as_str().unwrap()).await;
    window.says("h1", "Overview").await;
    let address = window.eval("location.href").await;
    assert!(!address.as_str().unwrap().contains('#'), "{address}: the code is gone from the address");
}

pub fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}
