//! `convey sandbox`: both vendors on loopback, until stopped.

use std::net::SocketAddr;

use clap::Args;
use serde_json::{Map, Value};

use super::Context;
use super::output::Exit;
use crate::clock::Millis;
use crate::config::span;
use crate::sandbox::{Allowance, Options, Quirks, Sandbox};

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
    /// How much each location may be asked, as in 100/10s
    #[arg(long, value_name = "N/TIME", value_parser = rate)]
    rate: Option<(u32, Millis)>,
    /// Where webhooks of everything that changes go, on loopback
    #[arg(long, value_name = "URL")]
    webhooks: Option<String>,
    /// One of the vendor's oddities to turn on, as in task-without-contact or search-lag-ms=500
    #[arg(long = "quirk", value_name = "QUIRK")]
    quirks: Vec<String>,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let Self { locations, datasets, contacts, seed, listen, rate, webhooks, quirks } = self;
        let quirks = read_quirks(&quirks).map_err(Exit::Asked)?;
        let whole = Allowance::default();
        let allowance = rate.map_or(whole, |(requests, per_ms)| Allowance { requests, per_ms, ..whole });
        let options =
            Options { locations, datasets, contacts, seed, listen, webhooks, allowance, quirks, ..Options::default() };
        let sandbox = Sandbox::start(options).await.map_err(anyhow::Error::from)?;
        let summary = sandbox.summary();
        context.print(&summary, || {
            format!(
                "A CRM at        {}\nan ad platform  {}\ncontrol door    {}\n\nlocation   {}\ndataset    {}\nad account {} (audience {})\nCRM token  {}\nads token  {}\napp        {} (secret {})\n\nwebhook public key\n{}\n\
                 Fire webhooks:  curl {}/play -d '{{\"changes\":10,\"target\":\"http://127.0.0.1:8480/hooks/highlevel\"}}'\n\
                 See what came:  curl '{}/accepted?after=0'",
                summary.crm, summary.ads, summary.control, summary.location, summary.dataset, summary.ad_account, summary.audience, summary.crm_token, summary.ads_token,
                summary.oauth_client_id, summary.oauth_client_secret,
                summary.webhook_public_key, summary.control, summary.control
            )
        })?;
        tokio::signal::ctrl_c().await.map_err(anyhow::Error::from)?;
        sandbox.stop().await;
        Ok(())
    }
}

/// `100/10s`: so many requests in any such time.
fn rate(written: &str) -> Result<(u32, Millis), String> {
    let (requests, per) = written.split_once('/').ok_or("write N/TIME, as in 100/10s")?;
    let requests = requests.parse().ok().filter(|requests| *requests > 0);
    let per_ms = span(per).filter(|per_ms| *per_ms > 0);
    requests.zip(per_ms).ok_or_else(|| "write N/TIME, as in 100/10s".to_owned())
}

/// Oddities by name, with dashes or underscores; one that is a number is given it after `=`.
fn read_quirks(written: &[String]) -> Result<Quirks, String> {
    let mut switches = Map::new();
    for quirk in written {
        let (name, value) = quirk.split_once('=').unwrap_or((quirk, "true"));
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        switches.insert(name.replace('-', "_"), value);
    }
    serde_json::from_value(switches.into()).map_err(|error| format!("--quirk: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Quirks, rate, read_quirks};

    #[test]
    fn a_rate_is_a_number_in_a_time() {
        assert_eq!(rate("100/10s"), Ok((100, 10_000)));
        for wrong in ["", "100", "0/10s", "100/0s", "100/10", "-1/1s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quirks_are_named() {
        let read = |names: &[&str]| read_quirks(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let wanted = Quirks { task_without_contact: true, search_lag_ms: 500, ..Quirks::default() };
        assert_eq!(read(&["task-without-contact", "search-lag-ms=500"]), Ok(wanted));
        assert!(read(&["tasks-without"]).is_err_and(|text| text.contains("task_without_contact")));
        assert!(read(&["drop-state=maybe"]).is_err());
    }
}
