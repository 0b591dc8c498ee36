//! The app's one webhook URL: where everything goes that happens in the CRM and was not played at a target of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::error::SandboxError;
use super::ids::happens;
use super::play::Fired;
use super::sender::{Letter, Patience};
use super::webhook::Webhook;
use super::world::{World, lock};

/// The first pause before a webhook is sent again, in milliseconds.
const RETRY_MS: u64 = 200;
/// How long a reordered webhook is held back at most, in milliseconds: long enough to be overtaken.
const HELD_MS: u64 = 500;

/// Where webhooks go, and what becomes of them on the way.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// An http URL on loopback.
    pub url: String,
    /// The share of webhooks that is never sent, 0 to 1.
    #[serde(default)]
    pub drop: f64,
    /// The share that comes twice under one id.
    #[serde(default)]
    pub duplicate: f64,
    /// The share that is held back for up to half a second, so that later ones overtake it.
    #[serde(default)]
    pub reorder: f64,
    /// How often a webhook is sent again when it was not taken.
    #[serde(default)]
    pub retries: u32,
}

impl Subscription {
    /// Everything arrives once.
    pub fn plain(url: String) -> Self {
        Self { url, drop: 0.0, duplicate: 0.0, reorder: 0.0, retries: 0 }
    }

    /// Refuses what could not be sent.
    pub fn check(&self) -> Result<(), SandboxError> {
        loopback(&self.url)?;
        shares(&[("duplicate", self.duplicate), ("drop", self.drop), ("reorder", self.reorder)])
    }
}

/// Refuses what is no share.
pub fn shares(named: &[(&str, f64)]) -> Result<(), SandboxError> {
    match named.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
        Some((name, _)) => Err(SandboxError::Asked(format!("{name} is a part of 1: use 0 to 1"))),
        None => Ok(()),
    }
}

/// The target as a URL; anything but plain http to this machine is refused.
pub fn loopback(target: &str) -> Result<Uri, SandboxError> {
    let refused = || {
        SandboxError::Asked(format!(
            "target must be an http URL on loopback, like http://127.0.0.1:8080/hooks/…: {target:?} is not"
        ))
    };
    let uri: Uri = target.parse().map_err(|_| refused())?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if here && uri.scheme_str() == Some("http") { Ok(uri) } else { Err(refused()) }
}

impl World {
    /// Sends a webhook to the subscription, if there is one, and does not wait for it. What became of it is listed with the fired ones.
    pub fn announce(self: &Arc<Self>, webhook: Webhook) {
        let Some(subscription) = self.subscription() else { return };
        // It was checked when it was set.
        let Ok(target) = loopback(&subscription.url) else { return };
        let now = self.time.now_ms();
        let mut rng = self.trace();
        if happens(&mut rng, subscription.drop) {
            lock(&self.dropped).push(Fired::planned(&webhook, now, 0));
            return;
        }
        let copies = if happens(&mut rng, subscription.duplicate) { 2 } else { 1 };
        let letter = Letter::signed(&self.signer, target, webhook.body.clone());
        let patience = Patience { retry_ms: RETRY_MS, tries: subscription.retries.saturating_add(1) };
        let mut fired = Fired::planned(&webhook, now, copies);
        let (world, held) =
            (self.clone(), (0..copies).map(|_| held(&mut rng, subscription.reorder)).collect::<Vec<_>>());
        tokio::spawn(async move {
            for held in held {
                tokio::time::sleep(held).await;
                fired.add(&world.sender.deliver(letter.clone(), patience, &world.gate, &world.time).await);
            }
            lock(&world.fired).push(fired);
        });
    }
}

fn held(rng: &mut Rng, share: f64) -> Duration {
    Duration::from_millis(if happens(rng, share) { rng.u64(1..=HELD_MS) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::{Subscription, loopback};

    #[test]
    fn webhooks_are_fired_at_this_machine_only() {
        for good in ["http://127.0.0.1:8080/hooks/crm", "http://localhost:1/", "http://[::1]:80/x"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/hooks",
            "https://127.0.0.1/",
            "http://example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
        ] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subscription_that_could_not_be_kept_is_refused() {
        let plain = Subscription::plain("http://127.0.0.1:1/".to_owned());
        assert!(plain.check().is_ok());
        assert!(Subscription { drop: 1.5, ..plain.clone() }.check().is_err());
        assert!(Subscription { url: "http://example.com/".to_owned(), ..plain }.check().is_err());
    }
}
