//! Installing and uninstalling: what the app may use from then on, and the webhooks that tell of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::ids;
use super::super::super::time::iso;
use super::super::super::webhook::Webhook;
use super::super::super::world::{World, lock};
use super::grants::Holder;

/// Notes where the app is installed and tells the app: one INSTALL for each location, of an agency's choice as well.
pub fn install(world: &Arc<World>, holder: Holder) {
    let now = world.time.now_ms();
    let (told, company, user, plan) = {
        let mut grants = lock(&world.grants);
        let chosen: Vec<usize> = match holder {
            Holder::Location(at) => vec![at],
            Holder::Company | Holder::Everywhere => (0..grants.names.locations.len()).collect(),
        };
        grants.installed.extend(chosen.iter().map(|at| (*at, now)));
        let names = &grants.names;
        let told: Vec<String> = chosen.iter().filter_map(|at| names.locations.get(*at).cloned()).collect();
        (told, names.company.clone(), names.user.clone(), names.plan.clone())
    };
    for location in told {
        let fields = json!({
            "installType": "Location", "locationId": location, "companyId": company, "userId": user, "planId": plan,
            "isWhitelabelCompany": false, "trial": { "onTrial": false },
        });
        world.announce(webhook(world, "INSTALL", location, fields));
    }
}

/// Takes everything away that was granted and tells the app, of an agency once.
pub fn uninstall(world: &Arc<World>, holder: Holder) {
    let (location, fields) = {
        let mut grants = lock(&world.grants);
        match holder {
            Holder::Location(at) => {
                grants.revoke(Some(holder));
                grants.installed.remove(&at);
                let location = grants.names.locations.get(at).cloned().unwrap_or_default();
                (location.clone(), json!({ "locationId": location }))
            }
            Holder::Company | Holder::Everywhere => {
                grants.revoke(None);
                grants.installed.clear();
                (String::new(), json!({ "companyId": grants.names.company }))
            }
        }
    };
    world.announce(webhook(world, "UNINSTALL", location, fields));
}

fn webhook(world: &World, kind: &'static str, location: String, mut body: Value) -> Webhook {
    let id = ids::uuid(&mut world.trace());
    body["type"] = kind.into();
    body["timestamp"] = iso(world.time.now_ms()).into();
    body["webhookId"] = id.as_str().into();
    body["appId"] = world.app.id.as_str().into();
    body["versionId"] = world.app.version.as_str().into();
    Webhook { id, kind, location, contact: String::new(), body: body.to_string().into() }
}
