//! `[alerts]`: what is said unasked, from when on, and to whom.

use std::collections::BTreeMap;

use super::section::Section;
use super::tables::small;
use crate::vault::SecretRef;

/// What the host says unasked, from when on, and to whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {
    /// To whom, by name; none: to the log.
    pub targets: BTreeMap<String, Target>,
    /// No delivery for so many minutes is worth saying; 0: it is not.
    pub quiet_minutes: u32,
    /// So many answers of 429 a minute are worth saying; 0: they are not.
    pub throttled_per_minute: u32,
    /// A refresh token that has not been used for so many days lapses, as the CRM has it.
    pub refresh_token_days: u32,
    /// Less room than this on the disk of the state directory is worth saying, in MiB; 0: it is not.
    pub disk_free_mib: u64,
    /// What still holds is said again after so many hours.
    pub repeat_hours: u32,
}

/// Where an alert goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One JSON object, posted to the address that is kept there.
    Webhook(SecretRef),
    /// A text, posted as Slack takes it to the address that is kept there.
    Slack(SecretRef),
    /// A program and its arguments; it is given the JSON object on its standard input.
    Command(Vec<String>),
    /// A line of the log.
    Log,
}

const EXAMPLE: &str = "webhook = { env = \"ALERT_WEBHOOK\" }\nor:\nslack = { env = \"SLACK_WEBHOOK\" }\nor:\ncommand = [\"/usr/local/bin/page\"]\nor:\nlog = true";

pub(super) fn alerts(section: &mut Section<'_, '_>) -> Alerts {
    Alerts {
        quiet_minutes: small(section, "quiet_minutes", 0, 0, 10_080, "minutes"),
        throttled_per_minute: small(section, "throttled_per_minute", 30, 0, 100_000, "answers"),
        refresh_token_days: small(section, "refresh_token_days", 365, 2, 3_650, "days"),
        disk_free_mib: section.count("disk_free_mib", 1_024, 0..=1_048_576, "MiB"),
        repeat_hours: small(section, "repeat_hours", 24, 1, 720, "hours"),
        targets: section.named("to", target),
    }
}

/// `[alerts.to.NAME]`: exactly one way.
fn target(section: &mut Section<'_, '_>) -> Target {
    let ways = ["webhook", "slack", "command", "log"];
    let there = ways.iter().filter(|way| section.has(way)).count();
    let webhook = section.secret("webhook", "ALERT_WEBHOOK").map(Target::Webhook);
    let slack = section.secret("slack", "SLACK_WEBHOOK").map(Target::Slack);
    let command = section.list("command", "command = [\"/usr/local/bin/page\"]");
    let command = (!command.is_empty()).then_some(Target::Command(command));
    let log = section.flag("log").then_some(Target::Log);
    if there != 1 {
        let message = format!("[{}] needs one of {}, and only one", section.path, ways.join(", "));
        let at = section.at.clone();
        section.found.wrong(at, message, Some(format!("add one of the lines:\n{EXAMPLE}")));
    }
    webhook.or(slack).or(command).or(log).unwrap_or(Target::Log)
}
