//! A company's token that stands in for its locations' own, and how an application asks a person.

use http::StatusCode;

use super::{LIFE_S, Place};
use crate::egress::oauth::OauthError;
use crate::egress::{Credential, EgressError};
use crate::store::GrantState;

const SHOP: &str = "connection:shop";
const COMPANY: &str = "company:crm:c1";

#[tokio::test]
async fn a_location_without_a_token_gets_one_through_its_company() {
    let place = Place::new().await;
    place.connect(COMPANY).await;
    let company = place.holder(COMPANY, None);
    let ticket = place.ticket(Credential::Held(place.holder(SHOP, Some(company))));
    for _ in 0..3 {
        assert_eq!(place.get(&ticket).await.unwrap().status(), StatusCode::OK);
    }
    let forms = place.vendor.heard().forms.clone();
    assert_eq!(forms.len(), 1);
    assert_eq!((forms[0].1["companyId"].as_str(), forms[0].1["locationId"].as_str()), ("c1", "location-of-shop"));
    let stands = place.stands(SHOP).await;
    assert_eq!((stands.location.as_deref(), stands.company.as_deref()), (Some("location-of-shop"), Some("c1")));
}

#[tokio::test]
async fn the_companys_own_token_is_made_fresh_first() {
    let place = Place::new().await;
    place.connect(COMPANY).await;
    place.vendor.heard().good.clear();
    let company = place.holder(COMPANY, None);
    place.holder(SHOP, Some(company.clone())).bearer().await.unwrap();
    let paths: Vec<String> = place.vendor.heard().forms.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["/oauth/locationToken", "/oauth/token", "/oauth/locationToken"]);
    assert_eq!(place.vendor.heard().forms[1].1["user_type"], "Company");
    place.clock.advance_ms(LIFE_S * 1_000);
    place.holder("connection:other", Some(company)).bearer().await.unwrap();
    let paths: Vec<String> = place.vendor.heard().forms[3..].iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["/oauth/token", "/oauth/locationToken"]);
}

#[tokio::test]
async fn a_location_that_lost_its_grant_falls_back_to_its_company() {
    let place = Place::new().await;
    place.connect(SHOP).await;
    place.vendor.heard().refreshes.clear();
    place.clock.advance_ms(LIFE_S * 1_000);
    place.connect(COMPANY).await;
    let holder = place.holder(SHOP, Some(place.holder(COMPANY, None)));
    let ticket = place.ticket(Credential::Held(holder));
    assert_eq!(place.get(&ticket).await.unwrap().status(), StatusCode::OK);
    let stands = place.stands(SHOP).await;
    assert_eq!((stands.state, stands.access.expose()), (GrantState::Live, "access-token-3"));
}

#[tokio::test]
async fn the_companys_trouble_names_the_connection() {
    let place = Place::new().await;
    let error = place.holder(SHOP, Some(place.holder(COMPANY, None))).bearer().await.err().unwrap();
    assert!(matches!(&error, EgressError::Grant { connection, .. } if connection == "shop"), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("its company's grant: it was never connected; to connect it anew: convey auth login shop")
    );
}

#[tokio::test]
async fn a_code_becomes_a_token_and_a_wrong_one_does_not() {
    let place = Place::new().await;
    let url = place.client.authorize_url(&["a.read".into(), "b.write".into()], "st&te");
    assert_eq!(
        url,
        "https://crm.example/agree?response_type=code&client_id=app-1&redirect_uri=https%3A%2F%2Fconvey.example%2Fback&scope=a.read%20b.write&state=st%26te"
    );
    place.vendor.refuses(Some((
        200,
        r#"{"access_token":"access-token-9","expires_in":60,"userType":"Company","companyId":"c1"}"#,
    )));
    let token = place.client.exchange_code(&place.egress, "the code").await.unwrap();
    assert_eq!(
        (token.access.expose(), token.kind.as_deref(), token.company.as_deref()),
        ("access-token-9", Some("Company"), Some("c1"))
    );
    let form = place.vendor.heard().forms[0].1.clone();
    assert_eq!((form["code"].as_str(), form["redirect_uri"].as_str()), ("the code", "https://convey.example/back"));
    assert_eq!(form["user_type"], "Location");
    place
        .vendor
        .refuses(Some((401, r#"{"error":"UnAuthorized!","error_description":"Authorization code not found"}"#)));
    let error = place.client.exchange_code(&place.egress, "the code").await.unwrap_err();
    assert!(matches!(&error, OauthError::Invalid(text) if !text.contains("code")), "{error}");
}
