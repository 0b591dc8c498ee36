//! What stands where, for whoever scrapes: read from the store and the plan when it is asked for, never a delivery at a time.

use super::{Flow, Plan};
use crate::clock::Millis;
use crate::metrics::Picture;
use crate::store::{Line, StoreError};

/// Events that the platform stops taking within this are expiring.
pub const EXPIRING_MS: Millis = 24 * 60 * 60 * 1_000;

/// So many connections have figures of their own, those that are worst off; the worst of the others stands for them.
const CONNECTIONS: usize = 20;

/// What stands for connections without a figure of their own.
const OTHER: &str = "other";

impl Flow {
    /// The levels of this moment.
    ///
    /// # Errors
    /// As the store has it.
    pub async fn picture(&self) -> Result<Picture, StoreError> {
        let now = self.clock.now_ms();
        let levels = self.store.levels(now + EXPIRING_MS).await?;
        let mut picture = Picture::default();
        let lines = [
            ("read", levels.read),
            ("translate", levels.translate),
            ("ship", levels.ship),
            ("execute", levels.execute),
            ("audience", levels.audience),
        ];
        for (stage, line) in lines {
            put_line(&mut picture, stage, line, now);
        }
        let plan = self.plan();
        for name in plan.destinations.keys() {
            let outgoing = levels.destinations.get(name).copied().unwrap_or_default();
            let label = [("destination", name.as_str())];
            let mut set = |name, help, value: u64| picture.set(name, help, &label, value as f64);
            set("convey_destination_queue_depth", "Events that wait or are on their way", outgoing.waiting);
            set(
                "convey_events_expiring",
                "Waiting events that the platform stops taking within a day",
                outgoing.expiring,
            );
            set("convey_destination_dead_events", "Events parked until a person decides", outgoing.dead);
            set("convey_destination_expired_events", "Events past their deadline, not told", outgoing.expired);
            let rests = self.pauses.stop(name).is_on();
            set("convey_destination_paused", "Whether nothing is sent there", rests.into());
        }
        for state in ["live", "suspended", "reconnect", "revoked"] {
            let count = levels.grants.get(state).copied().unwrap_or_default();
            picture.set("convey_grants", "Grants of a CRM, by how they stand", &[("state", state)], count as f64);
        }
        self.put_connections(&plan, &mut picture).await?;
        for sunset in self.sunsets() {
            let labels = [
                ("destination", sunset.destination.as_str()),
                ("used_for", sunset.used_for.as_str()),
                ("version", sunset.version.as_str()),
            ];
            let help = "When a version of a platform's API that is in use ends, if that is near";
            picture.set("convey_api_sunset_timestamp_seconds", help, &labels, seconds(sunset.ends_at));
        }
        for (mapper, generation) in self.live().iter() {
            let labels = [("mapper", mapper.as_str()), ("digest", &generation.mapper.loaded().digest.short())];
            let help = "The generation of each mapper that is live";
            picture.set("convey_generation", help, &labels, generation.id as f64);
        }
        let readiness = self.readiness();
        picture.set("convey_ready", "Whether /readyz says ready", &[], f64::from(readiness.unready().is_empty()));
        picture.set(
            "convey_store_writable",
            "Whether the last transaction found room",
            &[],
            f64::from(readiness.writable),
        );
        picture.set("convey_store_bytes", "Size of the store, without its log", &[], levels.store_bytes as f64);
        if readiness.free_bytes < u64::MAX {
            let help = "Room on the disk of the state directory";
            picture.set("convey_disk_free_bytes", help, &[], readiness.free_bytes as f64);
        }
        picture.set("convey_build", "Which convey this is", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        Ok(picture)
    }

    /// What is left of allowances, and when access tokens end: the lowest are told by name.
    async fn put_connections(&self, plan: &Plan, picture: &mut Picture) -> Result<(), StoreError> {
        let (mut rooms, mut days) = (Vec::new(), Vec::new());
        for (name, connection) in &plan.connections {
            let snapshot = connection.limiter.snapshot();
            rooms.push((f64::from(snapshot.room), name.clone()));
            days.extend(snapshot.daily_left.map(|left| (f64::from(left), name.clone())));
        }
        put_lowest(picture, "convey_rate_limit_remaining", "Requests that a location allows now", rooms);
        put_lowest(picture, "convey_rate_limit_daily_remaining", "Requests that a location allows today", days);
        let tokens = self.store.tokens().await?;
        let ends = tokens.into_iter().filter_map(|token| {
            // The part of a holder's name that says whose it is.
            let name = token.holder.rsplit_once(':').map_or(token.holder.as_str(), |(_, name)| name).to_owned();
            Some((seconds(token.expires_at?), name))
        });
        let help = "When the access token of a grant ends; it is refreshed before";
        put_lowest(picture, "convey_token_expiry_timestamp_seconds", help, ends.collect());
        Ok(())
    }
}

fn put_line(picture: &mut Picture, stage: &'static str, line: Line, now: Millis) {
    let label = [("stage", stage)];
    let age = line.oldest.map_or(0, |oldest| now.saturating_sub(oldest));
    picture.set("convey_queue_depth", "What waits, by the step it waits for", &label, line.waiting as f64);
    picture.set("convey_queue_oldest_seconds", "How long the oldest of it has waited", &label, age as f64 / 1_000.0);
    picture.set("convey_dlq_events", "What is parked until a person decides", &label, line.dead as f64);
}

/// The lowest by name, and the lowest of the rest as `other`.
fn put_lowest(picture: &mut Picture, name: &'static str, help: &'static str, mut levels: Vec<(f64, String)>) {
    levels.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
    for (at, (level, connection)) in levels.into_iter().enumerate().take(CONNECTIONS + 1) {
        let connection = if at < CONNECTIONS { connection.as_str() } else { OTHER };
        picture.set(name, help, &[("connection", connection)], level);
    }
}

fn seconds(at: Millis) -> f64 {
    at as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::{CONNECTIONS, put_lowest};
    use crate::metrics::{Metrics, Picture};

    #[test]
    fn however_many_connections_there_are_the_series_are_few() {
        let levels = (0..200).rev().map(|level| (f64::from(level), format!("c{level:03}"))).collect();
        let mut picture = Picture::default();
        put_lowest(&mut picture, "convey_rate_limit_remaining", "help", levels);
        let text = Metrics::default().text(picture);
        let told: Vec<&str> = text.lines().filter(|line| line.starts_with("convey_rate_limit_remaining{")).collect();
        assert_eq!(told.len(), CONNECTIONS + 1);
        assert!(text.contains("{connection=\"c000\"} 0.0") && text.contains("{connection=\"other\"} 20.0"), "{text}");
    }
}
