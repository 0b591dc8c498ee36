//! A stage for the demo and for previews: a sandbox, and a convey that is set up for it as a person would, in a folder of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::setup::{self, Answers, SandboxAnswers};
use crate::app::{App, AppError, Never};
use crate::clock::Clock;
use crate::config;
use crate::flow::Flow;
use crate::sandbox::{Allowance, Options, Sandbox};
use crate::vault::SecretRef;

/// Everything that runs on it.
pub(super) struct Stage {
    /// Both vendors.
    pub sandbox: Sandbox,
    /// The running convey's steps.
    pub flow: Arc<Flow>,
    /// Where webhooks go.
    pub hook: String,
    folder: PathBuf,
    stop: CancellationToken,
    app: JoinHandle<Result<(), AppError>>,
}

/// Requests in ten seconds that the demo's location allows.
const ALLOWANCE: u32 = 100_000;

impl Stage {
    /// Starts the sandbox, writes the configuration `convey init` would write, and runs it on free ports.
    pub(super) async fn set(seed: u64, contacts: usize) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(Options {
            locations: 1,
            datasets: 1,
            contacts: contacts.clamp(10, 1_000),
            seed,
            // What a demo shows in seconds takes a location's usual allowance a minute.
            allowance: Allowance { requests: ALLOWANCE, ..Allowance::default() },
            ..Options::default()
        })
        .await?;
        let summary = sandbox.summary();
        let folder = std::env::temp_dir().join(format!("convey-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let token = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            anyhow::Ok(SecretRef::File(path))
        };
        let answers = Answers {
            location: summary.location.clone(),
            location_token: token("location.token", &summary.crm_token)?,
            dataset: summary.dataset.clone(),
            dataset_token: token("dataset.token", &summary.ads_token)?,
            country: Some("US".to_owned()),
            currency: Some("USD".to_owned()),
            sandbox: Some(SandboxAnswers {
                crm_url: summary.crm,
                ads_url: summary.ads,
                webhook_public_key: summary.webhook_public_key,
            }),
        };
        // The same file `convey init` writes, on free ports.
        let text = setup::template(&answers);
        let path = folder.join("convey.toml");
        std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let mut config = config::load(&path).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        // A demo plays in seconds what a location says in months: no hour of it is usual.
        config.destinations.values_mut().for_each(|destination| destination.brake_times = 0);
        for listen in [&mut config.ingress.listen, &mut config.admin.listen] {
            listen.set_port(0);
        }
        for connection in config.connections.values_mut() {
            connection.terms.rate_limit = Some(config::RateLimit { requests: ALLOWANCE, per_ms: 10_000, daily: None });
        }
        let app = App::build(config, Clock::system(), None).await?;
        let hook = format!("http://{}/hooks/highlevel", app.ingress_address()?);
        let (flow, stop) = (app.flow(), app.stop());
        let app = tokio::spawn(app.run(Never));
        Ok(Self { sandbox, flow, hook, folder, stop, app })
    }

    /// Waits until nothing waits any more.
    pub(super) async fn settled(&self) -> anyhow::Result<()> {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            look.tick().await;
            let status = self.flow.store.status(self.flow.clock.now_ms()).await?;
            let reading: u64 = status.connections.values().map(|connection| connection.waiting).sum();
            let shipping = |destination: &crate::store::DestinationStatus| {
                destination.waiting + destination.retrying + destination.in_flight
            };
            let shipping: u64 = status.destinations.values().map(shipping).sum();
            if reading + status.changes.waiting + shipping == 0 {
                return Ok(());
            }
        }
    }

    /// Where everything is, for who wants to look around.
    pub(super) fn addresses(&self) -> String {
        let summary = self.sandbox.summary();
        format!(
            "It goes on until Ctrl-C.\n  webhooks      {}\n  CRM           {}\n  ad platform   {}\n  control door  {}\n  folder        {}\n\
             Try:  convey --config {} status",
            self.hook,
            summary.crm,
            summary.ads,
            summary.control,
            self.folder.display(),
            self.folder.join("convey.toml").display()
        )
    }

    /// Stops everything; the folder goes unless it is to be kept.
    pub(super) async fn clear(self, keep: bool) {
        self.stop.cancel();
        match self.app.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "convey did not stop well"),
            Err(error) => tracing::error!(%error, "convey broke"),
        }
        self.sandbox.stop().await;
        if !keep && let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the demo's folder stays");
        }
    }
}
