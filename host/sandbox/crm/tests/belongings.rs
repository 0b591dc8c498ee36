//! What belongs to a contact or to its location.

use serde_json::{Value, json};

use super::{listen, rig};
use crate::sandbox::{Kind, Locations, Play, Quirks};

#[tokio::test]
async fn tasks_and_notes_come_and_go() {
    let mut rig = rig(1, Quirks { task_without_contact: true, ..Quirks::default() }).await;
    let id = rig.create(json!({ "firstName": "Ada" })).await["id"].take();
    rig.told(&["ContactCreate"]).await;
    let id = id.as_str().expect("an id").to_owned();
    let tasks = format!("/contacts/{id}/tasks");
    let body = json!({ "title": "Call", "body": "#1", "dueDate": "2026-12-01T10:00:00Z", "completed": false, "assignedTo": "u1" });
    let (status, made) = rig.ask("POST", &tasks, body).await;
    assert_eq!((status, &made["task"]["dueDate"]), (201, &json!("2026-12-01T10:00:00.000Z")));
    let sparse = rig.told(&["TaskCreate"]).await.remove(0);
    assert!(sparse.get("contactId").is_none() && sparse.get("body").is_none());
    let task = format!("{tasks}/{}", made["task"]["id"].as_str().expect("an id"));
    assert_eq!(rig.get(&task).await["task"], made["task"]);
    let search = format!("/locations/{}/tasks/search", rig.location);
    let wanted = json!({ "contactId": [id], "completed": false, "assignedTo": ["u1"], "query": "CALL", "limit": 5 });
    assert_eq!(rig.ask("POST", &search, wanted.clone()).await.1["tasks"], json!([made["task"]]));
    assert_eq!(rig.ask("PUT", &task, json!({ "title": "Call again" })).await.1["task"]["title"], "Call again");
    assert_eq!(
        rig.ask("PUT", &format!("{task}/completed"), json!({ "completed": true })).await.1["task"]["completed"],
        true
    );
    assert_eq!(rig.told(&["TaskComplete"]).await[0]["contactId"], id);
    assert_eq!(rig.ask("POST", &search, wanted).await.1["tasks"], json!([]));
    assert_eq!(rig.ask("DELETE", &task, Value::Null).await.1["succeded"], true);
    rig.told(&["TaskDelete"]).await;
    assert_eq!(rig.get(&tasks).await["tasks"], json!([]));

    let notes = format!("/contacts/{id}/notes");
    let (status, made) = rig.ask("POST", &notes, json!({ "body": "one", "userId": "u1", "pinned": true })).await;
    assert_eq!((status, &made["note"]["pinned"]), (201, &json!(true)));
    let said = rig.told(&["NoteCreate"]).await.remove(0);
    assert!(said["body"] == "one" && said.get("userId").is_none());
    let note = format!("{notes}/{}", made["note"]["id"].as_str().expect("an id"));
    assert_eq!(rig.ask("PUT", &note, json!({ "body": "two" })).await.1["note"]["userId"], "u1");
    assert_eq!(rig.told(&["NoteUpdate"]).await[0]["body"], "two");
    assert_eq!(rig.get(&notes).await["notes"], json!([rig.get(&note).await["note"]]));
    assert_eq!(rig.spoken("v3", "DELETE", &note, &Value::Null).await.1["succeeded"], true);
    rig.told(&["NoteDelete"]).await;
    assert!(rig.silent());
}

#[tokio::test]
async fn the_rest_of_a_location() {
    let rig = rig(40, Quirks { create_answers_422: true, ..Quirks::default() }).await;
    let at = rig.location.clone();
    let (target, _told) = listen().await;
    let kinds = vec![Kind::OpportunityCreated];
    let play = Play { changes: 30, kinds, target, locations: Some(Locations::First(1)), ..Default::default() };
    let contact = rig.sandbox.play(play).await.expect("played").fired[0].contact_id.clone();
    let found = rig.get(&format!("/opportunities/search?location_id={at}&contact_id={contact}")).await;
    assert!(found["opportunities"].as_array().expect("rows").iter().all(|row| row["contactId"] == contact.as_str()));
    let found = rig.get(&format!("/opportunities/search?location_id={at}&limit=20&page=2&status=open")).await;
    assert_eq!(found["meta"], json!({ "total": 30, "currentPage": 2, "nextPage": null, "prevPage": 1 }));
    assert_eq!(found["opportunities"].as_array().map(Vec::len), Some(10));
    let fields = |model: &str| format!("/locations/{at}/customFields?model={model}");
    assert_eq!(rig.get(&fields("all")).await["customFields"][1]["picklistOptions"][0], "Consultation");
    assert_eq!(rig.get(&fields("opportunity")).await["customFields"], json!([]));
    assert_eq!(rig.refused("GET", &fields("task"), Value::Null).await.0, 422);
    assert_eq!(rig.get(&format!("/locations/{at}")).await["location"]["settings"]["allowDuplicateContact"], false);
    let mut made = 0;
    let seeded = rig.sandbox.world.crm.lock().expect("whole").locations[0].seeded.clone();
    for id in &seeded {
        let events = rig.get(&format!("/contacts/{id}/appointments")).await["events"].take();
        for event in events.as_array().expect("events") {
            made += 1;
            assert_eq!(event["startTime"].as_str().map(str::len), Some("2021-07-16 11:00:00".len()));
        }
    }
    assert!((1..20).contains(&made), "{made}");
    let body = json!({ "locationId": at, "email": "late@example.com" });
    assert_eq!(rig.refused("POST", "/contacts/", body).await.0, 422);
    let path = format!("/contacts/search/duplicate?locationId={at}&email=late@example.com");
    assert!(rig.get(&path).await["contact"]["id"].is_string());
}
