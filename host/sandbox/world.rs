//! Everything the three doors of the sandbox see.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::ads::Platform;
use super::crm::limits::Allowance;
use super::crm::oauth::grants::{Grants, Names};
use super::crm::state::Crm;
use super::error::SandboxError;
use super::faults::{FaultBook, Faults};
use super::play::Fired;
use super::quirks::Quirks;
use super::requests::Requests;
use super::sender::Sender;
use super::signer::Signer;
use super::subscription::Subscription;
use super::switches::Switches;
use super::time::Time;
use super::{Options, Summary, ids};

/// The app whose webhooks these are; every webhook names it.
pub struct App {
    /// `appId` of every webhook.
    pub id: String,
    /// `versionId` of every webhook.
    pub version: String,
}

/// The state behind the doors.
pub struct World {
    /// What was asked for.
    pub options: Options,
    /// What people are told: addresses, tokens, ids.
    pub summary: Summary,
    /// The time on the platforms' walls.
    pub time: Time,
    /// The CRM's state.
    pub crm: Mutex<Crm>,
    /// The ad platform's state.
    pub platform: Platform,
    /// The faults in force.
    pub faults: FaultBook,
    /// What was asked of the platforms.
    pub requests: Requests,
    /// Every webhook whose sending has ended, in the order it ended.
    pub fired: Mutex<Vec<Fired>>,
    /// Every webhook that was lost on purpose, in the order it happened.
    pub dropped: Mutex<Vec<Fired>>,
    /// Every token of the CRM.
    pub grants: Mutex<Grants>,
    /// What can be changed while all this runs.
    pub switches: Mutex<Switches>,
    /// The app the webhooks name.
    pub app: App,
    /// Signs webhooks.
    pub signer: Signer,
    /// Sends webhooks.
    pub sender: Sender,
    /// Announced webhooks that are open at once.
    pub gate: Semaphore,
    plays: AtomicU64,
    traces: AtomicU64,
}

/// Streams of the seed: each part draws from its own.
mod stream {
    pub const IDENTITY: u64 = 1;
    pub const FAULTS: u64 = 2;
    pub const PLAY: u64 = 1 << 20;
    pub const TRACE: u64 = 1 << 40;
}

/// Announced webhooks open at once.
const ANNOUNCED_AT_ONCE: usize = 64;

impl World {
    /// A world as the seed makes it, told where its doors are.
    pub fn new(options: Options, crm: String, ads: String, control: String) -> Result<Arc<Self>, SandboxError> {
        let mut rng = ids::seeded(options.seed, stream::IDENTITY);
        let signer = Signer::from_rng(&mut rng)?;
        let app = App { id: ids::hex(&mut rng, 24), version: ids::hex(&mut rng, 24) };
        let crm_token = format!("pit-{}", ids::uuid(&mut rng));
        let ads_token = format!("EAAG{}", ids::alphanumeric(&mut rng, 180));
        let datasets: Vec<String> = (0..options.datasets).map(|_| ids::digits(&mut rng, 16)).collect();
        let names = Names {
            client_id: format!("{}-{}", app.id, ids::alphanumeric(&mut rng, 8).to_lowercase()),
            client_secret: ids::uuid(&mut rng),
            company: ids::alphanumeric(&mut rng, 20),
            user: ids::alphanumeric(&mut rng, 20),
            plan: ids::hex(&mut rng, 24),
            locations: Vec::new(),
        };
        // Drawn last, so that one seed keeps giving the names it gave before these were there.
        let ads_app_secret = ids::hex(&mut rng, 32);
        let ad_account = format!("act_{}", ids::digits(&mut rng, 15));
        let audience = ids::digits(&mut rng, 17);
        let time = Time::new();
        let state = Crm::seeded(&options, time.now_ms());
        let locations: Vec<String> = state.locations.iter().map(|location| location.id.clone()).collect();
        let summary = Summary {
            crm,
            ads,
            control,
            location: locations[0].clone(),
            locations,
            crm_token,
            company: names.company.clone(),
            oauth_client_id: names.client_id.clone(),
            oauth_client_secret: names.client_secret.clone(),
            dataset: datasets[0].clone(),
            datasets,
            ads_token,
            ads_app_secret,
            ad_account,
            audience,
            webhook_public_key: signer.public_pem(),
        };
        let names = Names { locations: summary.locations.clone(), ..names };
        let grants = Grants::new(names, &summary.crm_token);
        Ok(Arc::new(Self {
            faults: FaultBook::new(ids::seeded(options.seed, stream::FAULTS)),
            switches: Mutex::new(Switches::new(&options)),
            platform: Platform::new(&summary.audience),
            options,
            summary,
            time,
            crm: Mutex::new(state),
            requests: Requests::default(),
            fired: Mutex::default(),
            dropped: Mutex::default(),
            grants: Mutex::new(grants),
            app,
            signer,
            sender: Sender::new(),
            gate: Semaphore::new(ANNOUNCED_AT_ONCE),
            plays: AtomicU64::new(0),
            traces: AtomicU64::new(0),
        }))
    }

    /// The generator of the next play. Each play counts, across resets too: no webhook id comes twice.
    pub fn next_play(&self, seed: u64) -> fastrand::Rng {
        let turn = self.plays.fetch_add(1, Ordering::SeqCst);
        ids::seeded(self.options.seed ^ seed.rotate_left(17), stream::PLAY + turn)
    }

    /// A generator for the trace id of one reply.
    pub fn trace(&self) -> fastrand::Rng {
        ids::seeded(self.options.seed, stream::TRACE + self.traces.fetch_add(1, Ordering::Relaxed))
    }

    /// The vendor's oddities that are on.
    pub fn quirks(&self) -> Quirks {
        lock(&self.switches).quirks
    }

    /// How much each location may be asked now.
    pub fn allowance(&self) -> Allowance {
        if self.faults.rate_limit() { Allowance::default() } else { lock(&self.switches).allowance }
    }

    /// How long an access token made now is good, in seconds.
    pub fn token_life_s(&self) -> u64 {
        lock(&self.switches).token_life_s
    }

    /// Where webhooks go that nobody named a target for.
    pub fn subscription(&self) -> Option<Subscription> {
        lock(&self.switches).subscription.clone()
    }

    /// As it was at the start, faults and time included.
    pub fn reset(&self) {
        self.time.reset();
        self.faults.set(Faults::default());
        *lock(&self.switches) = Switches::new(&self.options);
        {
            let mut grants = lock(&self.grants);
            let names = std::mem::take(&mut grants.names);
            *grants = Grants::new(names, &self.summary.crm_token);
        }
        *lock(&self.crm) = Crm::seeded(&self.options, self.time.now_ms());
        self.platform.reset();
        self.requests.reset();
        lock(&self.fired).clear();
        lock(&self.dropped).clear();
    }
}

/// The lock, also after a holder panicked: every holder leaves the state whole between two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
