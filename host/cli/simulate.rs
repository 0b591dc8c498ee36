//! `convey simulate`: one webhook of a contact somebody wrote down, signed and sent by a sandbox. Nothing of it leaves this machine.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use http::Uri;
use serde_json::{Map, Value, json};

use super::Context;
use super::client::post_to;
use super::output::Exit;
use crate::config::{self, Config, is_loopback};

/// What happened, and what the sandbox's CRM calls it.
const TYPES: [(&str, &str); 21] = [
    ("contact.created", "ContactCreate"),
    ("contact.updated", "ContactUpdate"),
    ("contact.deleted", "ContactDelete"),
    ("tags.changed", "ContactTagUpdate"),
    ("consent.changed", "ContactDndUpdate"),
    ("task.created", "TaskCreate"),
    ("task.completed", "TaskComplete"),
    ("task.deleted", "TaskDelete"),
    ("note.created", "NoteCreate"),
    ("note.updated", "NoteUpdate"),
    ("note.deleted", "NoteDelete"),
    ("appointment.created", "AppointmentCreate"),
    ("appointment.changed", "AppointmentUpdate"),
    ("appointment.deleted", "AppointmentDelete"),
    ("opportunity.created", "OpportunityCreate"),
    ("opportunity.changed", "OpportunityUpdate"),
    ("opportunity.deleted", "OpportunityDelete"),
    ("opportunity.stage", "OpportunityStageUpdate"),
    ("opportunity.status", "OpportunityStatusUpdate"),
    ("opportunity.value", "OpportunityMonetaryValueUpdate"),
    ("opportunity.assigned", "OpportunityAssignedToUpdate"),
];

#[derive(Args)]
pub(super) struct Simulate {
    /// What happens: contact.created, contact.updated, tags.changed, task.completed …, or the vendor's own name of it
    #[arg(value_name = "TYPE", value_parser = vendor_type)]
    kind: &'static str,
    /// The contact as the CRM writes it, JSON
    #[arg(long, value_name = "FILE")]
    contact: PathBuf,
    /// Where the webhook goes, on loopback; the configuration's ingress when left out
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The sandbox's control door; when left out, two ports above the CRM that the configuration names, as `convey sandbox --listen` opens it
    #[arg(long, value_name = "URL")]
    sandbox: Option<String>,
}

impl Simulate {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let config = match (&self.to, &self.sandbox) {
            (Some(_), Some(_)) => None,
            _ => Some(config::load(&context.config)?),
        };
        let target = match (&self.to, &config) {
            (Some(to), _) => to.clone(),
            (None, config) => config.as_ref().map_or_else(|| Err(nowhere("--to")), hook)?,
        };
        let sandbox = match (&self.sandbox, &config) {
            (Some(sandbox), _) => sandbox.clone(),
            (None, config) => config.as_ref().and_then(control).ok_or_else(|| nowhere("--sandbox"))?,
        };
        for address in [&target, &sandbox] {
            local(address)?;
        }
        let path = &self.contact;
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let contact: Map<String, Value> =
            serde_json::from_slice(&text).with_context(|| format!("{} is no JSON object", path.display()))?;
        let url = format!("{}/simulate", sandbox.trim_end_matches('/'));
        let body = json!({"type": self.kind, "contact": contact, "target": target});
        let answer: Value = post_to(&url, &body, "the sandbox's control door").await?;
        let (id, status) = (answer["webhookId"].as_str().unwrap_or_default(), answer["status"].as_u64());
        let value = json!({"webhook_id": id, "status": status, "type": self.kind, "target": target});
        context.print(&value, || {
            let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            format!("webhook {id} ({}) to {target}: {status}", self.kind)
        })?;
        if status.is_some_and(|status| (200..300).contains(&status)) { Ok(()) } else { Err(Exit::Said) }
    }
}

/// The vendor's name of what happens; contract's names (`contact-updated`) and the vendor's own are understood too.
fn vendor_type(written: &str) -> Result<&'static str, String> {
    let dotted = written.replace('-', ".");
    let found = TYPES.iter().find(|(name, vendors)| *name == dotted || *vendors == written);
    found.map(|(_, vendors)| *vendors).ok_or_else(|| {
        let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Where the configuration's first source takes webhooks.
fn hook(config: &Config) -> Result<String, Exit> {
    let source = config.sources.keys().next();
    source.and_then(|source| hook_of(config, source)).ok_or_else(|| nowhere("--to"))
}

/// Where a source takes webhooks on this machine; `None` where the configuration leaves the port open.
pub(super) fn hook_of(config: &Config, source: &str) -> Option<String> {
    let mut listen = config.ingress.listen;
    // An address that means every one means this machine's own as well.
    if listen.ip().is_unspecified() {
        listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    (listen.port() != 0).then(|| format!("http://{listen}/hooks/{source}"))
}

/// The control door of the sandbox that a source's `base_url` names.
fn control(config: &Config) -> Option<String> {
    config.sources.values().filter_map(|source| source.base_url.as_ref()).find_map(beside)
}

fn beside(crm: &Uri) -> Option<String> {
    let (host, port) = (crm.host()?, crm.port_u16()?.checked_add(2)?);
    is_loopback(host).then(|| format!("http://{host}:{port}"))
}

fn nowhere(flag: &str) -> Exit {
    Exit::Asked(format!("the configuration does not say where that is: {flag} http://127.0.0.1:PORT"))
}

/// Refuses an address off this machine, before any request.
fn local(address: &str) -> Result<(), Exit> {
    let uri = address.parse::<Uri>().ok();
    let here = uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(is_loopback));
    let refused = || Exit::Asked(format!("{address} is not on this machine: what is simulated never leaves it"));
    if here { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::{TYPES, beside, local, vendor_type};
    use crate::contract::TRIGGERS;

    #[test]
    fn what_happens_is_named_in_three_ways() {
        for name in ["contact.updated", "contact-updated", "ContactUpdate"] {
            assert_eq!(vendor_type(name), Ok("ContactUpdate"), "{name}");
        }
        assert!(vendor_type("contact.exploded").is_err_and(|text| text.contains("contact.created")));
    }

    #[test]
    fn every_trigger_that_a_webhook_brings_can_be_simulated() {
        // A reported conversion is no webhook of the CRM.
        for trigger in TRIGGERS.iter().filter(|trigger| **trigger != "conversion-reported") {
            assert!(vendor_type(trigger).is_ok(), "{trigger}");
        }
        assert!(TYPES.iter().all(|(name, _)| vendor_type(name).is_ok()));
    }

    #[test]
    fn nothing_leaves_this_machine() {
        for here in ["http://127.0.0.1:1/hooks/x", "http://[::1]:9", "http://localhost:80/"] {
            assert!(local(here).is_ok(), "{here}");
        }
        for away in ["http://10.0.0.1:1", "https://127.0.0.1:1", "http://127.0.0.1.example.com", "ftp://localhost", "x"]
        {
            assert!(local(away).is_err(), "{away}");
        }
    }

    #[test]
    fn the_control_door_is_two_ports_above() {
        let of = |crm: &str| beside(&crm.parse().expect("an address"));
        assert_eq!(of("http://127.0.0.1:9001").as_deref(), Some("http://127.0.0.1:9003"));
        assert_eq!(of("https://services.example.com:443"), None);
        assert_eq!(of("http://127.0.0.1:65535"), None);
    }
}
