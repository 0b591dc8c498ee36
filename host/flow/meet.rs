//! Installs and removals: what the CRM says of the app itself makes connections, pauses them and takes them away.

use super::Flow;
use super::read::as_word;
use crate::engine::{Installation, Lifecycle};
use crate::store::{Installed, Met, Pause, PauseScope, StoreError, StoredDelivery};

/// Deliveries of unknown locations that are looked at in one go.
const BATCH: usize = 256;

impl Flow {
    /// Looks at deliveries of locations nobody knows: an install is heeded, the rest is held until its location is connected.
    pub(super) async fn meet_once(&self) -> Result<usize, StoreError> {
        let held = self.store.claim_unmet(BATCH).await?;
        let count = held.len();
        let plan = self.plan();
        let mut by_source: std::collections::BTreeMap<String, Vec<StoredDelivery>> = std::collections::BTreeMap::new();
        for delivery in held {
            by_source.entry(delivery.source.clone()).or_default().push(delivery);
        }
        for (origin, deliveries) in by_source {
            let mut met = Vec::new();
            for delivery in &deliveries {
                // One by one: they are few, and one that breaks the source must not hold the others.
                let identity = match plan.crms.get(&origin) {
                    Some(crm) => {
                        crm.source.identify(&[as_word(delivery)], &mut None).await.ok().and_then(|mut one| one.pop())
                    }
                    None => None,
                };
                let identity = identity.and_then(Result::ok);
                let kind = identity.as_ref().map_or_else(|| "unknown".to_owned(), |identity| identity.kind.clone());
                let installation = identity.and_then(|identity| identity.installation);
                if let Some(installation) = &installation {
                    self.heed(&origin, installation).await?;
                }
                met.push(Met { id: delivery.id.clone(), kind, lifecycle: installation.is_some() });
            }
            self.store.settle_met(met).await?;
        }
        Ok(count)
    }

    /// Does what a word about the app asks for. Idempotent: the vendor may say it again.
    pub(super) async fn heed(&self, origin: &str, installation: &Installation) -> Result<(), StoreError> {
        let (location, company) = (installation.location.as_deref(), installation.company.as_deref());
        match installation.lifecycle {
            Lifecycle::Installed => match location {
                Some(location) => self.installed(origin, location, company).await,
                None => {
                    tracing::info!(source = origin, "the app was installed for a company: its locations will follow");
                    Ok(())
                }
            },
            Lifecycle::Removed => self.removed(origin, location, company).await,
            Lifecycle::Suspended | Lifecycle::Resumed => {
                tracing::info!(source = origin, lifecycle = ?installation.lifecycle, "the CRM speaks of the app");
                Ok(())
            }
        }
    }

    /// A location that is known already goes on as its operator left it; another one becomes a connection that rests until a person looked at it.
    pub(super) async fn installed(
        &self,
        origin: &str,
        location: &str,
        company: Option<&str>,
    ) -> Result<(), StoreError> {
        let plan = self.plan();
        if let Some(known) = plan.of_location(origin, location) {
            tracing::info!(connection = %known.name, "the app was installed again");
            return Ok(());
        }
        if plan.crms.get(origin).is_none_or(|crm| !crm.installs) {
            tracing::warn!(
                source = origin,
                location,
                "the app was installed in a location that no connection has, and [source.{origin}.install] is not configured"
            );
            return Ok(());
        }
        let at = self.clock.now_ms();
        let name = connection_name(origin, location);
        let pause = Pause {
            scope: PauseScope::Connection(name.clone()),
            reason: format!("made by an install; when its mapping is right: convey resume --connection {name}"),
            at,
            by: "install".to_owned(),
            heals: false,
        };
        let installed = Installed {
            name: name.clone(),
            source: origin.to_owned(),
            location: location.to_owned(),
            company: company.map(str::to_owned),
            at,
            removed_at: None,
        };
        if self.store.install(installed, Some(pause)).await? {
            tracing::info!(connection = %name, "the app was installed: a connection was made and rests");
        }
        self.look_at_pauses().await?;
        self.wake.replan.notify_one();
        Ok(())
    }

    /// Every connection of the location, or of the company, is paused and its grant is gone.
    async fn removed(&self, origin: &str, location: Option<&str>, company: Option<&str>) -> Result<(), StoreError> {
        let at = self.clock.now_ms();
        let mut names = self.store.uninstall(origin, location, company, at).await?;
        let plan = self.plan();
        let of_company = |name: &str| company.is_some() && location.is_none() && names.contains(&name.to_owned());
        let mut gone: Vec<String> = plan
            .connections
            .values()
            .filter(|known| known.origin == origin)
            .filter(|known| location == Some(known.location.as_str()) || of_company(&known.name))
            .map(|known| known.name.clone())
            .collect();
        for known in plan.connections.values().filter(|known| known.origin == origin && location.is_none()) {
            // A connection of the configuration belongs to a company by its token.
            let token = self.store.token(&holder_name(&known.name)).await?;
            if company.is_some() && token.is_some_and(|token| token.company.as_deref() == company) {
                gone.push(known.name.clone());
            }
        }
        names.append(&mut gone);
        names.sort();
        names.dedup();
        for name in &names {
            let reason = "the app was removed from the location; connect it anew: convey auth login ".to_owned() + name;
            self.store.drop_token(&holder_name(name)).await?;
            let scope = PauseScope::Connection(name.clone());
            self.pause(Pause { scope, reason, at, by: "uninstall".to_owned(), heals: false }).await?;
            if let Some(holder) = plan.connections.get(name).and_then(|known| known.holder()) {
                holder.forget();
            }
            tracing::warn!(connection = %name, "the app was removed: the connection rests");
        }
        if let (Some(company), None) = (company, location) {
            self.store.drop_token(&company_holder(origin, company)).await?;
        }
        self.wake.replan.notify_one();
        Ok(())
    }
}

/// The name a connection gets that nobody named: plain letters only, and still one for each location.
fn connection_name(origin: &str, location: &str) -> String {
    let plain: String = location
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .take(24)
        .collect();
    let mark = crate::contract::Digest::of(location.as_bytes()).short();
    format!("{}-{plain}-{}", &origin[..origin.len().min(24)], &mark[..6])
}

/// Under which name a connection's token is kept.
pub fn holder_name(connection: &str) -> String {
    format!("connection:{connection}")
}

/// Under which name a company's token is kept.
pub fn company_holder(origin: &str, company: &str) -> String {
    format!("company:{origin}:{company}")
}

#[cfg(test)]
mod tests {
    use super::connection_name;

    #[test]
    fn a_location_names_its_connection() {
        let name = connection_name("highlevel", "ve9EPM428h8vShlRW1KT");
        assert!(name.starts_with("highlevel-ve9epm428h8vshlrw1kt-"), "{name}");
        assert_ne!(name, connection_name("highlevel", "VE9EPM428h8vShlRW1KT"), "ids that differ in case only");
        assert!(connection_name(&"x".repeat(64), &"y".repeat(90)).len() <= 64);
    }
}
