//! Tags by difference only: an update of the contact would replace the whole set.

use serde_json::json;

use super::attempt::attempt;
use super::written::Written;
use super::{Done, Errand, find};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::contact::tags as held;
use crate::path;
use crate::reply::Reply;

/// Adds those tags that the contact lacks.
pub async fn add<G>(errand: &Errand<'_>, contact: &str, tags: &[String], send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let added = missing(tags, &held(&find::contact(errand, contact, send).await?));
    if added.is_empty() {
        return Ok(Done::already(contact));
    }
    let call = Call::post(path::of_contact(contact, "tags"), errand.version, json!({"tags": added}));
    write(errand, contact, call, |now| missing(tags, now).is_empty(), send).await?;
    Ok(Done::now(contact, vec![Written::Tags { added, removed: Vec::new() }]))
}

/// Removes those tags that the contact has, as it spells them.
pub async fn remove<G>(errand: &Errand<'_>, contact: &str, tags: &[String], send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let removed = present(tags, &held(&find::contact(errand, contact, send).await?));
    if removed.is_empty() {
        return Ok(Done::already(contact));
    }
    let call = Call::delete_with(path::of_contact(contact, "tags"), errand.version, json!({"tags": removed}));
    write(errand, contact, call, |now| present(tags, now).is_empty(), send).await?;
    Ok(Done::now(contact, vec![Written::Tags { added: Vec::new(), removed }]))
}

/// Sends a change of the tags; where the answer leaves it open, the contact itself says whether `is_so`.
async fn write<G, S>(errand: &Errand<'_>, contact: &str, call: Call, is_so: S, send: &G) -> Result<(), SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
    S: Fn(&[String]) -> bool,
{
    match attempt(call, send).await {
        Ok(_) => Ok(()),
        Err(failed) if failed.open && is_so(&held(&find::contact(errand, contact, send).await?)) => Ok(()),
        Err(failed) => Err(failed.into()),
    }
}

fn missing(wanted: &[String], held: &[String]) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for tag in wanted.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()) {
        if !held.iter().chain(&missing).any(|known| same(known, tag)) {
            missing.push(tag.to_owned());
        }
    }
    missing
}

fn present(unwanted: &[String], held: &[String]) -> Vec<String> {
    held.iter().filter(|tag| unwanted.iter().any(|unwanted| same(unwanted.trim(), tag))).cloned().collect()
}

/// The API keeps tags in lower case, however they were written.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_difference() {
        let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let held = list(&["vip", "straße", "Old"]);
        assert_eq!(missing(&list(&["VIP", " new ", "New", "", "STRASSE"]), &held), ["new", "STRASSE"]);
        assert_eq!(present(&list(&["OLD", " vip", "none"]), &held), ["vip", "Old"]);
    }
}
