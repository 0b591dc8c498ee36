//! Every route of the door, in one table with what it asks of who comes: a route that is not in it does not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::gate::{Gate, guard};
use super::role::Role;
use super::{
    Admin, Failed, alerts, auth, crm, follow, health, mapper, metrics, operate, page, preview, replay, shadow,
    test_mode, trial, verify,
};

/// Settings and components are sent to this door, in bytes.
const BODY_BYTES: usize = 64 * 1024 * 1024;

/// What a route asks of who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it shows nothing and does nothing but begin a session.
    Nothing,
    /// Nothing of the gate's: it is for machines, which know the door by any name, and looks for a token itself where it needs one.
    Itself,
    /// At least this role.
    Role(Role),
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path; a part in braces stands for any one.
    pub path: &'static str,
    /// What it asks of who comes.
    pub needs: Needs,
    /// Whether it shows a browser a whole view.
    pub is_view: bool,
}

const NOBODY: Needs = Needs::Nothing;
const VIEWER: Needs = Needs::Role(Role::Viewer);
const OPERATOR: Needs = Needs::Role(Role::Operator);

type Served = (Route, MethodRouter<Arc<Admin>>);

/// Every route, for who wants to try them all.
pub fn routes() -> Vec<Route> {
    commands().into_iter().chain(pages()).map(|(route, _)| route).collect()
}

impl Admin {
    /// The routes, each behind the gate.
    pub fn router(self: Arc<Self>) -> Router {
        let gate = |needs, path| from_fn_with_state(Gate { admin: self.clone(), needs, path }, guard);
        let mut router = Router::new();
        for (route, served) in commands().into_iter().chain(pages()) {
            router = router.route(route.path, served.layer(gate(route.needs, route.path)));
        }
        let nothing = get(nothing).post(nothing).layer(gate(VIEWER, "nothing"));
        router
            .fallback_service(nothing.with_state(self.clone()))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(self)
    }
}

async fn nothing() -> Failed {
    Failed(StatusCode::NOT_FOUND, "there is nothing here".to_owned())
}

fn looks<H, T>(needs: Needs, path: &'static str, handler: H) -> Served
where
    H: axum::handler::Handler<T, Arc<Admin>>,
    T: 'static,
{
    (Route { method: Method::GET, path, needs, is_view: false }, get(handler))
}

fn shows<H, T>(needs: Needs, path: &'static str, handler: H) -> Served
where
    H: axum::handler::Handler<T, Arc<Admin>>,
    T: 'static,
{
    let (route, served) = looks(needs, path, handler);
    (Route { is_view: true, ..route }, served)
}

fn does<H, T>(needs: Needs, path: &'static str, handler: H) -> Served
where
    H: axum::handler::Handler<T, Arc<Admin>>,
    T: 'static,
{
    (Route { method: Method::POST, path, needs, is_view: false }, post(handler))
}

/// What programs ask, the command line above all: JSON in, JSON out.
fn commands() -> Vec<Served> {
    vec![
        looks(VIEWER, "/status", super::status),
        does(OPERATOR, "/pause", super::pause),
        does(OPERATOR, "/resume", super::resume),
        does(OPERATOR, "/test-mode/on", test_mode::on),
        does(OPERATOR, "/test-mode/off", test_mode::off),
        looks(VIEWER, "/mapper/{name}/history", mapper::history),
        does(OPERATOR, "/mapper/{name}/test", mapper::test),
        does(OPERATOR, "/mapper/{name}/preview", preview::preview),
        does(OPERATOR, "/mapper/{name}/swap", mapper::swap),
        does(OPERATOR, "/mapper/{name}/rollback", mapper::roll_back),
        looks(VIEWER, "/shadow/{name}", shadow::report),
        does(OPERATOR, "/shadow/{name}/start", shadow::start),
        does(OPERATOR, "/shadow/{name}/promote", shadow::promote),
        does(OPERATOR, "/shadow/{name}/stop", shadow::stop),
        does(OPERATOR, "/crm/{connection}/ask", crm::ask),
        does(OPERATOR, "/crm/{connection}/supposed", crm::supposed),
        does(OPERATOR, "/crm/{connection}/execute", crm::execute),
        does(OPERATOR, "/crm/{connection}/probe", crm::probe),
        does(OPERATOR, "/crm/{connection}/look", crm::look),
        does(OPERATOR, "/trial/webhook", trial::webhook),
        does(OPERATOR, "/trial/destination", trial::destination),
        does(OPERATOR, "/replay", replay::replay),
        does(OPERATOR, "/replay/{name}", replay::replay_with),
        does(OPERATOR, "/verify", verify::verify),
        does(OPERATOR, "/operate", operate::take),
        looks(VIEWER, "/auth", auth::status),
        does(OPERATOR, "/auth/{target}/login", auth::login),
        does(OPERATOR, "/auth/{target}/redirected", auth::redirected),
        does(OPERATOR, "/auth/{target}/refresh", auth::refresh),
        does(OPERATOR, "/auth/{target}/revoke", auth::revoke),
        does(OPERATOR, "/sign-in/code", page::sign_in_code),
        looks(VIEWER, "/happenings", follow::happenings),
        looks(VIEWER, "/alerts", alerts::open),
        does(OPERATOR, "/alerts/test", alerts::test),
        looks(Needs::Itself, "/metrics", metrics::metrics),
        looks(Needs::Itself, "/healthz", health::alive),
        looks(Needs::Itself, "/readyz", health::ready),
    ]
}

/// What people look at and press in a browser: pages out, forms in.
fn pages() -> Vec<Served> {
    vec![
        looks(NOBODY, "/sign-in", page::sign_in),
        does(NOBODY, "/sign-in", page::signed_in),
        looks(NOBODY, "/assets/{file}", page::asset),
        does(VIEWER, "/sign-out", page::sign_out),
        looks(VIEWER, "/live", page::live),
        shows(VIEWER, "/", page::overview),
        shows(VIEWER, "/connections", page::connections),
        does(OPERATOR, "/connections/pause", page::pause),
        does(OPERATOR, "/connections/resume", page::resume),
        does(OPERATOR, "/connections/look", page::look),
        does(OPERATOR, "/connections/reconnect", page::reconnect),
        shows(VIEWER, "/deliveries", page::deliveries),
        shows(VIEWER, "/why", page::why),
        does(OPERATOR, "/why/content", page::content),
        shows(VIEWER, "/parked", page::parked),
        does(OPERATOR, "/parked/retry", page::retry),
        does(OPERATOR, "/parked/drop", page::drop_parked),
        shows(VIEWER, "/mapping", page::mappings),
        shows(VIEWER, "/mapping/{name}", page::mapping),
        does(OPERATOR, "/mapping/{name}/preview", page::mapping_preview),
        does(OPERATOR, "/mapping/{name}/act", page::mapping_act),
        shows(OPERATOR, "/mapping/{name}/build", page::build),
        does(OPERATOR, "/mapping/{name}/build/preview", page::build_preview),
        does(OPERATOR, "/mapping/{name}/build/live", page::build_live),
        shows(VIEWER, "/audiences", page::audiences),
        shows(VIEWER, "/tests", page::tests_view),
        does(OPERATOR, "/tests/on", page::tests_on),
        does(OPERATOR, "/tests/off", page::tests_off),
        shows(VIEWER, "/audit", page::audit),
        shows(VIEWER, "/health", page::health),
    ]
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::{Needs, OPERATOR, VIEWER, routes};

    #[test]
    fn what_changes_something_takes_an_operator() {
        let mut seen = Vec::new();
        for route in routes() {
            let written = (route.method.clone(), route.path);
            assert!(!seen.contains(&written), "{written:?} stands twice");
            seen.push(written);
            let wanted = match (&route.method, route.path) {
                (_, "/sign-in" | "/assets/{file}") => Needs::Nothing,
                (_, "/metrics" | "/healthz" | "/readyz") => Needs::Itself,
                (_, "/sign-out") => VIEWER,
                (method, _) if *method == Method::POST => OPERATOR,
                // It asks the CRM.
                (_, "/mapping/{name}/build") => OPERATOR,
                _ => VIEWER,
            };
            assert_eq!(route.needs, wanted, "{} {}", route.method, route.path);
        }
    }
}
