//! One contact through its life, what is refused, and how the third version spells it.

use serde_json::{Value, json};

use super::rig;
use crate::sandbox::Quirks;

#[tokio::test]
async fn a_contact_lives_and_its_webhooks_tell() {
    let mut rig = rig(3, Quirks::default()).await;
    let made = rig.create(json!({ "name": "Ada Lovelace", "email": "Ada@example.com", "dateOfBirth": "09/25/1950", "tags": ["a", "a"] })).await;
    assert_eq!(
        json!([made["birthMonth"], made["birthDay"], made["tags"], made["deleted"]]),
        json!([9, 25, ["a"], false])
    );
    let id = made["id"].as_str().expect("an id");
    let said = rig.told(&["ContactCreate"]).await.remove(0);
    assert_eq!(json!([said["id"], said["email"]]), json!([id, "Ada@example.com"]));
    let path = format!("/contacts/{id}");
    let shown = rig.get(&path).await["contact"].take();
    assert_eq!(
        json!([shown["dateOfBirth"], shown["lastName"], shown["createdBy"]["source"]]),
        json!(["1950-09-25", "Lovelace", "INTEGRATION"])
    );

    let (status, body) = rig.ask("PUT", &path, json!({ "city": "Graz", "tags": ["b"] })).await;
    assert_eq!((status, &body["succeded"], &body["contact"]["tags"]), (200, &json!(true), &json!(["b"])));
    let said = rig.told(&["ContactTagUpdate", "ContactUpdate"]).await;
    assert!(said.iter().all(|body| body["city"] == "Graz" && body["tags"] == json!(["b"])));
    let (status, again) = rig.ask("PUT", &path, json!({ "city": "Graz", "tags": ["b"] })).await;
    assert_eq!((status, &again["contact"]["dateUpdated"]), (200, &body["contact"]["dateUpdated"]));

    let (status, body) = rig.ask("POST", &format!("{path}/tags"), json!({ "tags": ["b", "c"] })).await;
    assert_eq!((status, &body["tags"], &body["tagsAdded"]), (201, &json!(["b", "c"]), &json!(["c"])));
    rig.told(&["ContactTagUpdate"]).await;
    let (status, body) = rig.ask("DELETE", &format!("{path}/tags"), json!({ "tags": ["b", "x"] })).await;
    assert_eq!((status, &body["tags"], &body["tagsRemoved"]), (200, &json!(["c"]), &json!(["b"])));
    rig.told(&["ContactTagUpdate"]).await;
    assert_eq!(rig.ask("DELETE", &format!("{path}/tags"), json!({ "tags": ["x"] })).await.0, 200);
    let (status, body) = rig.ask("POST", &format!("{path}/followers"), json!({ "followers": ["u"] })).await;
    assert_eq!((status, &body["followers"], &body["followersAdded"]), (201, &json!(["u"]), &json!(["u"])));
    let (status, body) = rig.ask("DELETE", &format!("{path}/followers"), json!({ "followers": ["u"] })).await;
    assert_eq!((status, &body["followers"], &body["followersRemoved"]), (200, &json!([]), &json!(["u"])));

    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.1["succeded"], true);
    // Neither what changed nothing nor the followers were told of: the next webhook is already the last one.
    assert_eq!(rig.told(&["ContactDelete"]).await[0]["id"], id);
    assert_eq!(rig.refused("GET", &path, Value::Null).await, (400, json!(format!("Contact with id {id} not found"))));
    assert!(rig.silent());
}

#[tokio::test]
async fn nobody_is_there_twice() {
    let mut rig = rig(0, Quirks::default()).await;
    let location = rig.location.clone();
    let first = rig.create(json!({ "firstName": "Ada", "email": "ada@example.com" })).await["id"].take();
    let second = rig.create(json!({ "firstName": "Bob", "phone": "+12125550199" })).await["id"].take();
    rig.told(&["ContactCreate"; 2]).await;
    for (body, id, name, field) in [
        (json!({ "email": " ADA@example.com" }), &first, "Ada", "email"),
        (json!({ "phone": "(212) 555-0199" }), &second, "Bob", "phone"),
    ] {
        let mut body = body;
        body["locationId"] = location.as_str().into();
        let (status, answer) = rig.ask("POST", "/contacts/", body).await;
        assert_eq!((status, &answer["message"]), (400, &json!("This location does not allow duplicated contacts.")));
        assert_eq!(answer["meta"], json!({ "contactId": id, "contactName": name, "matchingField": field }));
    }
    let path = format!("/contacts/{}", second.as_str().expect("an id"));
    assert_eq!(rig.refused("PUT", &path, json!({ "email": "ada@example.com" })).await.0, 400);
    let body = json!({ "locationId": location, "email": "ada@example.com", "phone": "+12125550199", "city": "Graz" });
    let (status, answer) = rig.ask("POST", "/contacts/upsert", body).await;
    assert_eq!((status, &answer["new"], &answer["contact"]["id"]), (200, &json!(false), &first));
    assert_eq!((answer["contact"].get("phone"), &answer["contact"]["city"]), (None, &json!("Graz")));
    let body = json!({ "locationId": location, "email": "new@example.com", "createNewIfDuplicateAllowed": true });
    assert_eq!(rig.ask("POST", "/contacts/upsert", body).await.1["new"], true);
    rig.told(&["ContactCreate", "ContactUpdate"]).await;
    let duplicate = |query: &str| format!("/contacts/search/duplicate?locationId={location}&{query}");
    assert_eq!(rig.get(&duplicate("number=%2B12125550199")).await["contact"]["id"], second);
    assert_eq!(rig.get(&duplicate("email=nobody@example.com")).await["contact"], Value::Null);
}

#[tokio::test]
async fn requests_are_refused_as_the_vendor_refuses_them() {
    let rig = rig(1, Quirks::default()).await;
    let id = rig.sandbox.world.crm.lock().expect("whole").locations[0].seeded[0].clone();
    let contact = format!("/contacts/{id}");
    let at = &rig.location;
    for (method, path, body, status, message) in [
        ("PUT", contact.clone(), json!({ "locationId": at }), 422, json!(["property locationId should not exist"])),
        (
            "POST",
            format!("{contact}/notes"),
            json!({}),
            422,
            json!(["body should not be empty", "body must be a string"]),
        ),
        (
            "POST",
            "/contacts/".to_owned(),
            json!({ "email": 1 }),
            422,
            json!(["locationId should not be empty", "locationId must be a string", "email must be an email"]),
        ),
        (
            "POST",
            "/contacts/".to_owned(),
            json!({ "locationId": "other" }),
            403,
            json!("The token does not have access to this location."),
        ),
        (
            "POST",
            "/contacts/search".to_owned(),
            json!({ "locationId": at }),
            422,
            json!(["pageLimit must be a number conforming to the specified constraints"]),
        ),
        (
            "POST",
            "/contacts/search".to_owned(),
            json!({ "locationId": at, "pageLimit": 501 }),
            422,
            json!(["pageLimit must not be greater than 500"]),
        ),
        (
            "POST",
            "/contacts/search".to_owned(),
            json!({ "locationId": at, "pageLimit": 1, "page": 1, "searchAfter": [1, "a"] }),
            422,
            json!(["page should not exist together with searchAfter"]),
        ),
        (
            "GET",
            format!("/contacts/?locationId={at}&limit=101"),
            Value::Null,
            422,
            json!(["limit must not be greater than 100"]),
        ),
        (
            "GET",
            format!("/contacts/?locationId={at}&order=up"),
            Value::Null,
            422,
            json!(["property order should not exist"]),
        ),
        (
            "GET",
            format!("/opportunities/search?locationId={at}"),
            Value::Null,
            422,
            json!([
                "property locationId should not exist",
                "location_id should not be empty",
                "location_id must be a string"
            ]),
        ),
        ("GET", format!("{contact}/tasks/none"), Value::Null, 400, json!("Task with id none not found")),
        ("GET", "/contacts/search".to_owned(), Value::Null, 404, json!("Cannot GET /contacts/search")),
    ] {
        assert_eq!(rig.refused(method, &path, body).await, (status, message), "{method} {path}");
    }
}

#[tokio::test]
async fn the_third_version_has_its_own_spelling() {
    let rig = rig(0, Quirks::default()).await;
    let field = rig.sandbox.world.crm.lock().expect("whole").locations[0].fields[0].id.clone();
    let body = json!({
        "locationId": rig.location, "firstName": "Ada", "dndSettings": { "whatsApp": { "status": "active" } },
        "customFields": [{ "id": field, "fieldValue": 5 }],
    });
    let (status, made) = rig.spoken("v3", "POST", "/contacts/", &body).await;
    assert_eq!((status, made["contact"].get("deleted")), (201, None));
    assert_eq!(made["contact"]["customFields"], json!([{ "id": field, "value": 5 }]));
    assert_eq!(made["contact"]["dndSettings"]["whatsApp"]["status"], "active");
    let path = format!("/contacts/{}", made["contact"]["id"].as_str().expect("an id"));
    assert_eq!(rig.get(&path).await["contact"]["dndSettings"]["WhatsApp"]["status"], "active");
    let changed = rig.spoken("v3", "PUT", &path, &json!({ "city": "Graz" })).await.1;
    assert_eq!((changed.get("succeeded"), changed.get("succeded")), (Some(&json!(true)), None));
    assert_eq!(rig.spoken("v3", "DELETE", &path, &Value::Null).await.1["succeded"], true);
}
