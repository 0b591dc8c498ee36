//! A believable CRM and a believable ad platform on loopback, with a third door to play changes, cause faults and look at what arrived.
//! Everything is made from one seed: the same seed gives the same people, tokens and keys. None of it protects anything.

mod ads;
mod control;
mod crm;
mod door;
mod error;
mod faults;
mod ids;
mod people;
mod play;
mod quirks;
mod requests;
mod sender;
mod signer;
mod story;
mod subscription;
mod switches;
mod time;
mod webhook;
mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use ads::{Accepted, AudienceShown, Count, Repeated};
pub use crm::limits::{Allowance, Tally};
pub use crm::oauth::grants::TokenCall;
pub use error::SandboxError;
pub use faults::{Fault, Faults};
pub use play::{Fired, Kind, Locations, Play, Played};
pub use quirks::Quirks;
pub use subscription::Subscription;

use door::{Cut, Door};
use world::World;

/// How long `stop` waits for requests that are still open.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// What to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// CRM locations, at least 1.
    pub locations: usize,
    /// Datasets of the ad platform, at least 1.
    pub datasets: usize,
    /// Contacts every location starts with.
    pub contacts: usize,
    /// Everything is made from this number.
    pub seed: u64,
    /// Where the CRM listens; the ad platform and the control door take the next two ports. None: free ports on 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// Where webhooks go that nobody named a target for: an http URL on loopback. None: nowhere.
    pub webhooks: Option<String>,
    /// How much each location may be asked.
    pub allowance: Allowance,
    /// The vendor's oddities that are on.
    pub quirks: Quirks,
    /// How long an access token is good, in seconds.
    pub token_life_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            locations: 1,
            datasets: 1,
            contacts: 20,
            seed: 7,
            listen: None,
            webhooks: None,
            allowance: Allowance::default(),
            quirks: Quirks::default(),
            token_life_s: 86_399,
        }
    }
}

/// What a person or a test needs to use the sandbox. The tokens are made up and open nothing but the sandbox.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The CRM's base URL.
    pub crm: String,
    /// The ad platform's base URL.
    pub ads: String,
    /// The control door's base URL.
    pub control: String,
    /// The first location's id.
    pub location: String,
    /// Every location's id.
    pub locations: Vec<String>,
    /// A private integration token for all locations.
    pub crm_token: String,
    /// The agency that owns every location.
    pub company: String,
    /// The app's OAuth client id.
    pub oauth_client_id: String,
    /// The app's OAuth client secret.
    pub oauth_client_secret: String,
    /// The first dataset's id.
    pub dataset: String,
    /// Every dataset's id.
    pub datasets: Vec<String>,
    /// The ad platform's access token.
    pub ads_token: String,
    /// The secret of the ad platform's app: the key of `appsecret_proof`.
    pub ads_app_secret: String,
    /// The ad account, `act_` and digits: where audiences are made.
    pub ad_account: String,
    /// A custom audience that is there from the start.
    pub audience: String,
    /// The key that verifies webhooks: Ed25519, SPKI as PEM.
    pub webhook_public_key: String,
}

/// A running sandbox. Dropping it closes its doors as well; `stop` also waits for that.
pub struct Sandbox {
    world: Arc<World>,
    shutdown: watch::Sender<bool>,
    doors: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Listens and serves.
    ///
    /// # Errors
    /// `Asked` for an address or a webhook URL that is not loopback or for a sandbox without a location or dataset, `Listen` for a port
    /// that is taken.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        if options.locations == 0 || options.datasets == 0 {
            return Err(SandboxError::Asked("a sandbox has at least one location and one dataset".to_owned()));
        }
        if let Some(url) = &options.webhooks {
            subscription::loopback(url)?;
        }
        let [crm, ads, control] = addresses(options.listen)?;
        let (crm, crm_url) = open(crm).await?;
        let (ads, ads_url) = open(ads).await?;
        let (control, control_url) = open(control).await?;
        let world = World::new(options, crm_url, ads_url, control_url)?;
        let shutdown = watch::Sender::new(false);
        let doors = vec![
            serve(crm, crm::router(world.clone()), shutdown.subscribe()),
            serve(ads, ads::router(world.clone()), shutdown.subscribe()),
            serve(control, control::router(world.clone()), shutdown.subscribe()),
        ];
        Ok(Self { world, shutdown, doors })
    }

    /// Addresses, tokens and ids.
    pub fn summary(&self) -> Summary {
        self.world.summary.clone()
    }

    /// Invents changes and fires their webhooks; returns when each was delivered or given up.
    ///
    /// # Errors
    /// `Asked` when the play cannot be played: a target off loopback, a location that does not exist, a share outside 0 to 1.
    pub async fn play(&self, play: Play) -> Result<Played, SandboxError> {
        play::run(&self.world, play).await
    }

    /// Replaces all faults and lets go of every request that was held.
    pub fn set_faults(&self, faults: Faults) {
        self.world.faults.set(faults);
    }

    /// Replaces the fault of one dataset or audience, which it meets in place of the ad platform's; none: the platform's again. A new set of
    /// faults ends these too.
    pub fn set_fault_of(&self, object: &str, fault: Option<Fault>) {
        self.world.faults.set_of(object, fault);
    }

    /// The events the ad platform accepted, in order, without the first `after`.
    pub fn accepted(&self, after: usize) -> Vec<Accepted> {
        self.world.platform.accepted(after, usize::MAX)
    }

    /// How many events the ad platform accepted, repeats among them.
    pub fn accepted_count(&self) -> usize {
        self.world.platform.accepted_count()
    }

    /// The events the ad platform accepted more than once within 48 hours, by dataset, name and id.
    pub fn repeated(&self) -> Vec<Repeated> {
        self.world.platform.repeated()
    }

    /// The people an audience holds, each by key; none when there is no such audience.
    pub fn members(&self, audience: &str) -> Option<Vec<BTreeMap<String, String>>> {
        self.world.platform.members(audience, 0, usize::MAX)
    }

    /// Where webhooks go from now on that nobody named a target for; none: nowhere.
    ///
    /// # Errors
    /// `Asked` for a URL that is not loopback or a share outside 0 to 1.
    pub fn subscribe(&self, subscription: Option<Subscription>) -> Result<(), SandboxError> {
        subscription.as_ref().map_or(Ok(()), Subscription::check)?;
        world::lock(&self.world.switches).subscription = subscription;
        Ok(())
    }

    /// How much each location may be asked from now on.
    pub fn set_allowance(&self, allowance: Allowance) {
        world::lock(&self.world.switches).allowance = allowance;
    }

    /// Which of the vendor's oddities are on from now on.
    pub fn set_quirks(&self, quirks: Quirks) {
        world::lock(&self.world.switches).quirks = quirks;
    }

    /// What each location has been asked, in the order of the summary.
    pub fn limits(&self) -> Vec<Tally> {
        world::lock(&self.world.crm).locations.iter().map(|location| location.usage.tally()).collect()
    }

    /// Every call for a token, oldest first.
    pub fn token_calls(&self) -> Vec<TokenCall> {
        world::lock(&self.world.grants).log.clone()
    }

    /// The contact a webhook spoke of, as the CRM knows it now. None for a webhook that was not fired, or a contact that is gone.
    pub fn contact_of(&self, webhook_id: &str) -> Option<serde_json::Value> {
        let contact =
            world::lock(&self.world.fired).iter().find(|fired| fired.webhook_id == webhook_id)?.contact_id.clone();
        world::lock(&self.world.crm).person(&contact).map(|person| person.fields.clone().into())
    }

    /// Puts everything back as it was at the start. Webhook ids still never come twice.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Closes the doors. Requests that are open after two seconds are given up.
    pub async fn stop(self) {
        self.world.faults.set(Faults::default());
        self.shutdown.send_replace(true);
        for mut door in self.doors {
            if tokio::time::timeout(STOP_WAIT, &mut door).await.is_err() {
                door.abort();
            }
        }
    }
}

fn addresses(listen: Option<SocketAddr>) -> Result<[SocketAddr; 3], SandboxError> {
    let Some(first) = listen else { return Ok([SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0); 3]) };
    if !first.ip().is_loopback() {
        return Err(SandboxError::Asked(format!("the sandbox listens on loopback only: {} is not", first.ip())));
    }
    if first.port() == 0 {
        return Ok([first; 3]);
    }
    match first.port().checked_add(2) {
        Some(last) => Ok([first.port(), last - 1, last].map(|port| SocketAddr::new(first.ip(), port))),
        None => {
            Err(SandboxError::Asked(format!("three ports are needed from {} on: choose a lower one", first.port())))
        }
    }
}

async fn open(address: SocketAddr) -> Result<(Door, String), SandboxError> {
    let failed = |source| SandboxError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((Door(listener), format!("http://{bound}")))
}

fn serve(door: Door, router: Router, mut shutdown: watch::Receiver<bool>) -> JoinHandle<()> {
    // A dropped sender ends the wait as well: the sandbox is gone.
    let stopped = async move { while !*shutdown.borrow_and_update() && shutdown.changed().await.is_ok() {} };
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Cut>();
        // `serve` ends by the shutdown only; it never returns an error.
        let _ = axum::serve(door, service).with_graceful_shutdown(stopped).await;
    })
}
