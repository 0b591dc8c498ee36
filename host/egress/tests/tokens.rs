//! One grant: refreshed in time, once, durably; refused; asleep; and the request that was in the way of it.

use std::sync::Arc;

use http::StatusCode;

use super::{LIFE_S, NOW, Place, no_secret_in};
use crate::egress::{Credential, EgressError};
use crate::store::GrantState;

const SHOP: &str = "connection:shop";

#[tokio::test]
async fn fifty_callers_on_a_token_that_ran_out_make_one_refresh() {
    let place = Arc::new(Place::new().await);
    place.connect(SHOP).await;
    let holder = place.holder(SHOP, None);
    place.clock.advance_ms(LIFE_S * 1_000);
    let callers = (0..50).map(|_| {
        let (place, holder) = (place.clone(), holder.clone());
        tokio::spawn(async move { place.get(&place.ticket(Credential::Held(holder))).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(place.vendor.refreshes(), 1);
    assert!(place.vendor.heard().calls.iter().all(|token| token == "access-token-2"));
    let form = place.vendor.heard().forms[0].1.clone();
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("app-1", "the-client-secret"));
    assert_eq!((form["grant_type"].as_str(), form["user_type"].as_str()), ("refresh_token", "Location"));
    let stands = place.stands(SHOP).await;
    assert_eq!((stands.access.expose(), stands.refresh.unwrap().expose()), ("access-token-2", "refresh-token-2"));
    assert_eq!(stands.scopes, ["a.read", "b.write"]);
}

#[tokio::test]
async fn a_token_is_refreshed_before_its_end_and_found_by_the_next_holder() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.clock.set_ms(NOW + LIFE_S * 1_000 - 300_001);
    place.holder(SHOP, None).bearer().await.unwrap();
    assert_eq!(place.vendor.refreshes(), 0);
    place.clock.advance_ms(1);
    place.holder(SHOP, None).bearer().await.unwrap();
    place.holder(SHOP, None).bearer().await.unwrap();
    assert_eq!(place.vendor.refreshes(), 1);
}

#[tokio::test]
async fn the_right_401_is_cured_and_its_request_sent_once_more() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.vendor.heard().good.clear();
    let ticket = place.ticket(Credential::Held(place.holder(SHOP, None)));
    let answer = place.get(&ticket).await.unwrap();
    assert_eq!((answer.status(), ticket.sent(), place.vendor.refreshes()), (StatusCode::OK, 2, 1));
    assert_eq!(answer.body().as_ref(), br#"{"id":"1","you_sent":"[secret]"}"#);
    assert!(ticket.trouble().is_none());
}

#[tokio::test]
async fn another_401_is_the_guests_to_read() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.vendor.heard().good.clear();
    place.vendor.heard().no = r#"{"message":"The token is not authorized for this scope."}"#;
    let ticket = place.ticket(Credential::Held(place.holder(SHOP, None)));
    let answer = place.get(&ticket).await.unwrap();
    assert_eq!((answer.status(), ticket.sent(), place.vendor.refreshes()), (StatusCode::UNAUTHORIZED, 1, 0));
}

#[tokio::test]
async fn a_vendor_that_refuses_every_token_is_not_asked_for_ever() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    let holder = place.holder(SHOP, None);
    place.clock.advance_ms(60_000);
    for _ in 0..5 {
        place.vendor.heard().good.clear();
        let ticket = place.ticket(Credential::Held(holder.clone()));
        drop(place.get(&ticket).await);
        assert!(ticket.trouble().is_none(), "the grant itself is sound");
    }
    assert_eq!(place.vendor.refreshes(), 1);
    place.clock.advance_ms(1_000);
    assert!(place.get(&place.ticket(Credential::Held(holder))).await.is_ok());
    assert_eq!(place.vendor.refreshes(), 2);
}

#[tokio::test]
async fn a_grant_that_is_gone_names_the_line_to_type() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.vendor.heard().refreshes.clear();
    place.clock.advance_ms(LIFE_S * 1_000);
    let ticket = place.ticket(Credential::Held(place.holder(SHOP, None)));
    let error = place.get(&ticket).await.unwrap_err();
    assert!(matches!(&error, EgressError::Grant { state: GrantState::Reconnect, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "connection shop: the vendor answered \"refresh token is invalid\"; to connect it anew: convey auth login shop"
    );
    let trouble = ticket.trouble().unwrap();
    assert_eq!((trouble.state, trouble.text), (GrantState::Reconnect, error.to_string()));
    assert_eq!((ticket.sent(), place.stands(SHOP).await.state), (0, GrantState::Reconnect));
    assert!(place.holder(SHOP, None).bearer().await.is_err());
    assert_eq!(place.vendor.refreshes(), 1, "nobody asks again for what is gone");
    place.connect(SHOP).await;
    assert!(place.get(&place.ticket(Credential::Held(place.holder(SHOP, None)))).await.is_ok());
}

#[tokio::test]
async fn a_401_that_nothing_cures_reaches_the_guest_and_the_ticket_tells_why() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.vendor.heard().good.clear();
    place.vendor.heard().refreshes.clear();
    let ticket = place.ticket(Credential::Held(place.holder(SHOP, None)));
    assert_eq!(place.get(&ticket).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ticket.trouble().unwrap().state, GrantState::Reconnect);
}

#[tokio::test]
async fn a_sleeping_location_wakes_with_the_refresh_token_it_had() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.clock.advance_ms(LIFE_S * 1_000);
    place.vendor.refuses(Some((400, r#"{"statusCode":400,"message":["Location is not active"]}"#)));
    let holder = place.holder(SHOP, None);
    for _ in 0..3 {
        let error = holder.bearer().await.err().unwrap();
        assert!(matches!(error, EgressError::Grant { state: GrantState::Suspended, .. }), "{error}");
    }
    assert_eq!((place.vendor.refreshes(), place.stands(SHOP).await.state), (1, GrantState::Suspended));
    place.vendor.refuses(None);
    place.clock.advance_ms(60_000);
    holder.bearer().await.unwrap();
    assert_eq!((place.vendor.refreshes(), place.stands(SHOP).await.state), (2, GrantState::Live));
}

#[tokio::test]
async fn while_no_refresh_is_to_be_had_a_living_token_serves_and_failures_are_shared() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    let holder = place.holder(SHOP, None);
    place.vendor.refuses(Some((503, "access-token-1 refresh-token-1 is down")));
    place.clock.set_ms(NOW + LIFE_S * 1_000 - 100_000);
    for _ in 0..10 {
        holder.bearer().await.unwrap();
    }
    assert_eq!(place.vendor.refreshes(), 1);
    place.clock.advance_ms(100_000);
    for _ in 0..10 {
        let error = holder.bearer().await.err().unwrap();
        assert!(matches!(error, EgressError::Tokenless { after_ms: 2_000, .. }), "{error:?}");
        no_secret_in(&format!("{error} {error:?}"));
    }
    assert_eq!((place.vendor.refreshes(), place.stands(SHOP).await.state), (2, GrantState::Live));
    place.vendor.refuses(None);
    place.clock.advance_ms(2_000);
    holder.bearer().await.unwrap();
}

#[tokio::test]
async fn what_another_one_got_meanwhile_is_used() {
    let place = Arc::new(Place::new().await);
    place.connect(SHOP).await;
    place.clock.advance_ms(LIFE_S * 1_000);
    place.vendor.heard().refreshes.clear();
    place.vendor.gate.forget_permits(usize::MAX);
    let asking = tokio::spawn({
        let holder = place.holder(SHOP, None);
        async move { holder.bearer().await.map(|_| ()) }
    });
    while place.vendor.refreshes() == 0 {
        tokio::task::yield_now().await;
    }
    let other = place.connect(SHOP).await;
    place.vendor.gate.add_permits(1);
    asking.await.unwrap().unwrap();
    let stands = place.stands(SHOP).await;
    assert_eq!((stands.state, stands.access.expose()), (GrantState::Live, other.access.expose()));
}

#[tokio::test]
async fn a_caller_that_gives_up_loses_no_token() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.clock.advance_ms(LIFE_S * 1_000);
    place.vendor.gate.forget_permits(usize::MAX);
    let holder = place.holder(SHOP, None);
    let asking = tokio::spawn({
        let holder = holder.clone();
        async move { drop(holder.bearer().await) }
    });
    while place.vendor.refreshes() == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    place.vendor.gate.add_permits(1);
    holder.bearer().await.unwrap();
    assert_eq!(
        (place.vendor.refreshes(), place.stands(SHOP).await.access.expose().to_owned()),
        (1, "access-token-2".into())
    );
}

#[tokio::test]
async fn a_wrong_client_secret_is_the_operators_and_the_grant_stays_sound() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.clock.advance_ms(LIFE_S * 1_000);
    place.vendor.refuses(Some((401, r#"{"error":"invalid_client","error_description":"the-client-secret is wrong"}"#)));
    let error = place.holder(SHOP, None).bearer().await.err().unwrap();
    assert!(error.to_string().ends_with("answered 401 Unauthorized, invalid_client"), "{error}");
    no_secret_in(&error.to_string());
    assert_eq!(place.stands(SHOP).await.state, GrantState::Live);
}
