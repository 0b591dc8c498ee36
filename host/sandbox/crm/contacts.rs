//! One contact: fetched, created, changed, deleted, upserted, and looked for by its addresses.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::world::{World, lock};
use super::auth::Version;
use super::desk::{Answer, Asked, Desk, READ, WRITE};
use super::news::News;
use super::state::Crm;
use super::{edit, schema, shape};

/// `GET /contacts/:id`: 200 `{"contact":{…}}`, attribution included; an id that is not known is a 400 there, not a 404.
pub async fn by_id(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let shown = lock(&desk.world.crm).person(&id).map(|person| shape::contact(&person.fields, desk.version));
    desk.ok(json!({ "contact": shown.ok_or_else(|| desk.unknown("Contact", &id))? }))
}

/// `GET /contacts/search/duplicate`: who has this e-mail address, or else this number; null: nobody.
pub async fn duplicate(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let (desk, said) = Desk::query(world, &headers, READ, asked, "locationId", schema::DUPLICATE_QUERY)?;
    let contact = {
        let crm = lock(&desk.world.crm);
        let found = crm.matching(desk.at, text(&said, "email"), text(&said, "number"), "");
        found.and_then(|(id, _)| crm.person(id)).map(|person| shape::contact(&person.fields, desk.version))
    };
    desk.ok(json!({ "contact": contact }))
}

/// `POST /contacts/`: 201, or 400 with whom it would duplicate.
pub async fn create(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Answer {
    let (desk, said) = Desk::body(world, &headers, WRITE, &body, schema::CREATE_CONTACT)?;
    let mut news = News::new(&desk);
    let shown = {
        let mut crm = lock(&desk.world.crm);
        refuse_duplicate(&desk, &crm, &said, "")?;
        let id = born(&desk, &mut crm, &said, &mut news)?;
        crm.person(&id).map(|person| shape::created(&person.fields, desk.version))
    };
    news.announce();
    desk.created(json!({ "contact": shown }))
}

/// `PUT /contacts/:id`: 200; tags are replaced, custom fields and consents are merged.
pub async fn update(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, schema::UPDATE_CONTACT)?;
    let mut news = News::new(&desk);
    let shown = {
        let mut crm = lock(&desk.world.crm);
        refuse_duplicate(&desk, &crm, &said, &id)?;
        changed(&desk, &mut crm, &id, &said, &mut news)?
    };
    news.announce();
    // The third version renamed it here without keeping the old spelling.
    let word = if desk.version == Version::V3 { "succeeded" } else { "succeded" };
    desk.ok(json!({ word: true, "contact": shown }))
}

/// `DELETE /contacts/:id`: 200; what belonged to the contact goes with it, untold.
pub async fn delete(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let mut news = News::new(&desk);
    {
        let mut crm = lock(&desk.world.crm);
        news.contact(&crm, "ContactDelete", &id);
        crm.remove(&id, desk.now);
    }
    news.announce();
    desk.deleted()
}

/// `POST /contacts/upsert`: 200 `{"new":…,"contact":{…}}`. Whoever has the e-mail address is changed, or else whoever has the number; where the
/// two are different people the number is passed over. The location allows no duplicates, so `createNewIfDuplicateAllowed` changes nothing.
pub async fn upsert(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Answer {
    let (desk, mut said) = Desk::body(world, &headers, WRITE, &body, schema::UPSERT_CONTACT)?;
    let mut news = News::new(&desk);
    let (new, shown) = {
        let mut crm = lock(&desk.world.crm);
        let known = crm.matching(desk.at, text(&said, "email"), text(&said, "phone"), "").map(|(id, _)| id.to_owned());
        match known {
            Some(id) => {
                if crm.matching(desk.at, None, text(&said, "phone"), &id).is_some() {
                    said.remove("phone");
                }
                (false, changed(&desk, &mut crm, &id, &said, &mut news)?)
            }
            None => {
                let id = born(&desk, &mut crm, &said, &mut news)?;
                (true, crm.person(&id).map(|person| shape::contact(&person.fields, desk.version)))
            }
        }
    };
    news.announce();
    desk.ok(json!({ "new": new, "contact": shown }))
}

fn text<'a>(said: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    said.get(key).and_then(Value::as_str)
}

fn refuse_duplicate(desk: &Desk, crm: &Crm, said: &Map<String, Value>, except: &str) -> Result<(), Response> {
    let Some((id, field)) = crm.matching(desk.at, text(said, "email"), text(said, "phone"), except) else {
        return Ok(());
    };
    let name = crm.person(id).and_then(|person| shape::name(&person.fields));
    let meta = json!({ "contactId": id, "contactName": name, "matchingField": field });
    let extra = Map::from_iter([("meta".to_owned(), meta)]);
    Err(desk.refuse_with("This location does not allow duplicated contacts.", extra))
}

fn born(desk: &Desk, crm: &mut Crm, said: &Map<String, Value>, news: &mut News<'_>) -> Result<String, Response> {
    let location = &crm.locations[desk.at];
    let changes =
        edit::changes(&Map::new(), location, said, desk.version).map_err(|word| desk.refuse_with(&word, Map::new()))?;
    let fields = edit::newborn(desk, location, changes);
    let id = crm.admit(desk.at, fields, desk.now, true);
    news.contact(crm, "ContactCreate", &id);
    Ok(id)
}

fn changed(
    desk: &Desk,
    crm: &mut Crm,
    id: &str,
    said: &Map<String, Value>,
    news: &mut News<'_>,
) -> Result<Option<Value>, Response> {
    let Some(person) = crm.person(id) else { return Err(desk.unknown("Contact", id)) };
    let changes = edit::changes(&person.fields, &crm.locations[desk.at], said, desk.version)
        .map_err(|word| desk.refuse_with(&word, Map::new()))?;
    let changed = edit::apply(crm, desk, id, changes);
    for (kind, happened) in
        [("ContactUpdate", changed.fields), ("ContactTagUpdate", changed.tags), ("ContactDndUpdate", changed.consent)]
    {
        if happened {
            news.contact(crm, kind, id);
        }
    }
    Ok(crm.person(id).map(|person| shape::contact(&person.fields, desk.version)))
}
