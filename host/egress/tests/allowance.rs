//! Requests that count against a location's allowance: sent with a slot, or answered by the host.

use std::sync::Arc;

use http::{HeaderName, StatusCode};

use super::{NOW, Place};
use crate::egress::{
    Credential, Egress, EgressError, Grant, Limiter, Limiters, Limits, RateHeaders, RateLimit, Ticket,
};

fn limiter(place: &Place, requests: u32) -> Arc<Limiter> {
    let name = |text: &'static str| Some(HeaderName::from_static(text));
    let headers =
        RateHeaders { interval_ms: name("x-interval"), remaining: name("x-remaining"), ..RateHeaders::default() };
    let limit = RateLimit { requests, per_ms: 10_000, daily: None, headers };
    Limiters::new(place.clock.clone()).of("crm", "l1", &limit)
}

#[tokio::test]
async fn a_request_without_a_slot_is_answered_by_the_host() {
    let place = Place::new().await;
    let mut ticket = place.ticket(None);
    ticket.allowance = Some(limiter(&place, 1));
    assert_eq!(place.get(&ticket).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    place.clock.advance_ms(2_500);
    let answer = place.get(&ticket).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (answer.headers()["retry-after"].as_bytes(), answer.headers()["x-interval"].as_bytes()),
        (&b"8"[..], &b"10000"[..])
    );
    assert_eq!((ticket.sent(), ticket.held_back(), place.vendor.heard().calls.len()), (1, 1, 1));
}

#[tokio::test]
async fn what_was_set_aside_is_used_first_and_the_rest_goes_back() {
    let place = Place::new().await;
    let limiter = limiter(&place, 3);
    let mut ticket = place.ticket(None);
    ticket.allowance = Some(limiter.clone());
    ticket.reservation = limiter.reserve(2);
    place.get(&ticket).await.unwrap();
    assert_eq!(limiter.room(), 1);
    drop(ticket);
    assert_eq!(limiter.room(), 2);
}

#[tokio::test]
async fn a_replay_takes_a_slot_of_its_own() {
    let place = Place::new().await;
    place.connect("connection:shop").await;
    place.vendor.heard().good.clear();
    let mut ticket = place.ticket(Credential::Held(place.holder("connection:shop", None)));
    ticket.allowance = Some(limiter(&place, 1));
    assert_eq!(place.get(&ticket).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((ticket.sent(), ticket.held_back(), place.vendor.refreshes()), (1, 1, 1));
}

#[tokio::test]
async fn somebody_else_on_the_same_allowance_is_noticed() {
    let place = Place::new().await;
    place.vendor.heard().headers.insert("x-remaining", "4".parse().unwrap());
    let limiter = limiter(&place, 10);
    let mut ticket = place.ticket(None);
    ticket.allowance = Some(limiter.clone());
    place.get(&ticket).await.unwrap();
    assert_eq!((limiter.room(), limiter.free_at(5)), (4, NOW + 10_001));
}

#[tokio::test]
async fn a_connection_that_was_never_made_uses_no_slot_and_a_slow_answer_does() {
    let place = Place::new().await;
    let limiter = limiter(&place, 2);
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let operation = crate::contract::Operation {
        name: "c".into(),
        method: "GET".into(),
        path: "/contacts/{id}".into(),
        scope: None,
    };
    let upstream = Some(format!("http://{nobody}").parse().unwrap());
    let grant = Grant::new("https://api.crm.example", &[operation], upstream, Vec::new()).unwrap();
    let mut ticket = Ticket::new("source.crm".into(), Arc::new(grant), None, http::HeaderMap::new());
    ticket.allowance = Some(limiter.clone());
    assert!(matches!(place.get(&ticket).await, Err(EgressError::Unreachable { .. })));
    assert_eq!((limiter.room(), ticket.sent()), (2, 0));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let operation = crate::contract::Operation {
        name: "c".into(),
        method: "GET".into(),
        path: "/contacts/{id}".into(),
        scope: None,
    };
    let upstream = Some(format!("http://{}", silent.local_addr().unwrap()).parse().unwrap());
    let grant = Grant::new("https://api.crm.example", &[operation], upstream, Vec::new()).unwrap();
    let mut ticket = Ticket::new("source.crm".into(), Arc::new(grant), None, http::HeaderMap::new());
    ticket.allowance = Some(limiter.clone());
    let hasty = Egress::new(Limits { request_timeout_ms: 50, response_max_bytes: 1_024, request_max_bytes: 1_024 });
    let request = http::Request::get("https://api.crm.example/contacts/1").body(bytes::Bytes::new()).unwrap();
    assert!(matches!(hasty.send(&ticket, request, None).await, Err(EgressError::TimedOut { limit_ms: 50 })));
    assert_eq!((limiter.room(), ticket.sent()), (1, 1));
}
