//! What can be changed while the sandbox runs and goes back to what the options say with a reset.

use super::Options;
use super::crm::limits::Allowance;
use super::quirks::Quirks;
use super::subscription::Subscription;

/// The switches as they stand.
#[derive(Clone, Debug)]
pub struct Switches {
    /// The vendor's oddities.
    pub quirks: Quirks,
    /// How much each location may be asked.
    pub allowance: Allowance,
    /// How long a new access token is good, in seconds.
    pub token_life_s: u64,
    /// Where webhooks go that nobody named a target for.
    pub subscription: Option<Subscription>,
}

impl Switches {
    /// As the options say.
    pub fn new(options: &Options) -> Self {
        Self {
            quirks: options.quirks,
            allowance: options.allowance,
            token_life_s: options.token_life_s,
            subscription: options.webhooks.clone().map(Subscription::plain),
        }
    }
}
