//! Lists and searches: their pages, their filters, and how late they are.

use serde_json::json;

use super::{ids, rig};
use crate::sandbox::Quirks;

#[tokio::test]
async fn a_list_turns_its_pages_only_with_both_cursors() {
    let rig = rig(45, Quirks::default()).await;
    let list = format!("/contacts/?locationId={}", rig.location);
    let first = rig.get(&list).await;
    assert_eq!(
        json!([first["meta"]["total"], first["meta"]["currentPage"], first["meta"]["prevPage"]]),
        json!([45, 1, null])
    );
    let half = format!("{list}&startAfter={}", first["meta"]["startAfter"]);
    assert_eq!(ids(&rig.get(&half).await["contacts"]), ids(&first["contacts"]));
    let mut seen = ids(&first["contacts"]);
    let mut page = first;
    while let Some(url) = page["meta"]["nextPageUrl"].as_str().map(str::to_owned) {
        page = rig.get(url.strip_prefix(&rig.sandbox.summary().crm).expect("here")).await;
        seen.extend(ids(&page["contacts"]));
    }
    let added = |id: &String| rig.sandbox.world.crm.lock().expect("whole").person(id).map(|person| person.added);
    assert!(seen.len() == 45 && seen.is_sorted_by_key(|id| std::cmp::Reverse(added(id))));
    assert!(page["contacts"][0]["attributions"].is_array() && page["contacts"][0].get("attributionSource").is_none());
    let business = rig.sandbox.world.crm.lock().expect("whole").locations[0].businesses[0].id.clone();
    let path = format!("/contacts/business/{business}?locationId={}", rig.location);
    let all = rig.get(&path).await;
    let (count, rows) = (all["count"].as_u64().expect("a count"), ids(&all["contacts"]));
    assert!(count > 1 && rows.len() as u64 == count, "{count}");
    assert_eq!(ids(&rig.get(&format!("{path}&skip=1&limit=1")).await["contacts"]), rows[1..2]);
}

#[tokio::test]
async fn a_search_filters_sorts_and_goes_on() {
    let rig = rig(60, Quirks::default()).await;
    let filters = json!([{ "group": "OR", "filters": [
        { "field": "email", "operator": "exists" }, { "field": "phone", "operator": "not_exists" },
    ]}]);
    let sort =
        json!([{ "field": "firstNameLowerCase", "direction": "asc" }, { "field": "dateAdded", "direction": "desc" }]);
    let (all, whole) = rig.search(json!({ "pageLimit": 500, "filters": filters, "sort": sort })).await;
    assert!(all.len() > 30 && whole["total"] == all.len());
    assert!(whole["contacts"][0].get("attributionSource").is_none() && whole["contacts"][0].get("address1").is_none());
    let (mut seen, mut page) = rig.search(json!({ "pageLimit": 7, "filters": filters, "sort": sort })).await;
    loop {
        let after = page["contacts"].as_array().expect("rows").last().expect("a row")["searchAfter"].clone();
        let more = json!({ "pageLimit": 7, "filters": filters, "sort": sort, "searchAfter": after });
        let (ids, next) = rig.search(more).await;
        if ids.is_empty() {
            break;
        }
        seen.extend(ids);
        page = next;
    }
    assert_eq!(seen, all);
    let (third, _) = rig.search(json!({ "pageLimit": 7, "page": 3, "filters": filters, "sort": sort })).await;
    assert_eq!(third, all[14..21]);
    let names: Vec<&str> = whole["contacts"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["firstNameLowerCase"].as_str())
        .collect();
    assert!(names.is_sorted());
}

#[tokio::test]
async fn lists_and_searches_lag_behind_and_a_fetch_does_not() {
    let rig = rig(2, Quirks { search_lag_ms: 5_000, ..Quirks::default() }).await;
    let world = rig.sandbox.world.clone();
    world.time.set_ms(1_800_000_000_000);
    let id = rig.create(json!({ "firstName": "Ada" })).await["id"].as_str().expect("an id").to_owned();
    let list = format!("/contacts/?locationId={}", rig.location);
    assert_eq!(rig.get(&list).await["meta"]["total"], 2);
    assert_eq!(rig.get(&format!("/contacts/{id}")).await["contact"]["firstName"], "Ada");
    world.time.advance_ms(60_000);
    assert_eq!(ids(&rig.get(&list).await["contacts"])[0], id);
    let since = json!([{ "field": "dateUpdated", "operator": "range", "value": { "gte": world.time.now_ms() } }]);
    rig.ask("PUT", &format!("/contacts/{id}"), json!({ "city": "Graz" })).await;
    assert!(rig.search(json!({ "pageLimit": 10, "filters": since })).await.0.is_empty());
    world.time.advance_ms(60_000);
    assert_eq!(rig.search(json!({ "pageLimit": 10, "filters": since })).await.0, [id]);
}
