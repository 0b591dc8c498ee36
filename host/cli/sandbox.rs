//! `convey sandbox`: both vendors on loopback, until stopped.

use std::net::SocketAddr;

use clap::Args;

use super::Context;
use super::output::Exit;
use crate::sandbox::{Options, Sandbox};

#[derive(Args)]
pub(super) struct Serve {
    /// CRM locations
    #[arg(long, default_value_t = 1)]
    locations: usize,
    /// Datasets of the ad platform
    #[arg(long, default_value_t = 1)]
    datasets: usize,
    /// Contacts every location starts with
    #[arg(long, default_value_t = 50)]
    contacts: usize,
    /// The same number makes the same people, tokens and keys
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the CRM listens, on loopback; the ad platform and the control door take the next two ports. Free ports when left out
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let Self { locations, datasets, contacts, seed, listen } = self;
        let sandbox = Sandbox::start(Options { locations, datasets, contacts, seed, listen })
            .await
            .map_err(anyhow::Error::from)?;
        let summary = sandbox.summary();
        context.print(&summary, || {
            format!(
                "A CRM at        {}\nan ad platform  {}\ncontrol door    {}\n\nlocation   {}\ndataset    {}\nCRM token  {}\nads token  {}\n\nwebhook public key\n{}\n\
                 Fire webhooks:  curl {}/play -d '{{\"changes\":10,\"target\":\"http://127.0.0.1:8480/hooks/highlevel\"}}'\n\
                 See what came:  curl '{}/accepted?after=0'",
                summary.crm, summary.ads, summary.control, summary.location, summary.dataset, summary.crm_token, summary.ads_token,
                summary.webhook_public_key, summary.control, summary.control
            )
        })?;
        tokio::signal::ctrl_c().await.map_err(anyhow::Error::from)?;
        sandbox.stop().await;
        Ok(())
    }
}
