//! The rig: both vendors played by a sandbox in this process, convey as a process of its own, real sockets between them.

mod book;
mod config;
mod convey;
mod patience;

use ::convey::sandbox::{Allowance, Options, Sandbox};

use crate::wire;

pub use self::book::Book;
pub use self::config::{ROOM, connect, second_connection};
pub use self::convey::{Convey, Said};
pub use self::patience::{PATIENCE, eventually, skipped};

/// A sandbox on free ports whose CRM may be asked as often as anybody likes.
pub async fn sandbox(locations: usize, datasets: usize) -> Sandbox {
    Sandbox::start(Options { locations, datasets, ..options() }).await.unwrap()
}

/// What [`sandbox`] is made of: the vendor's allowance only where a test asks for it.
pub fn options() -> Options {
    let allowance = Allowance { requests: 1_000_000, per_ms: 1_000, daily: u32::MAX };
    Options { contacts: 20, seed: 7, allowance, ..Options::default() }
}

/// The ids the ad platform accepted for a dataset, in order, repeats included.
pub fn accepted_ids(sandbox: &Sandbox, dataset: &str) -> Vec<String> {
    let all = sandbox.accepted(0);
    let of_it = all.iter().filter(|accepted| accepted.dataset == dataset);
    of_it.map(|accepted| accepted.event["event_id"].as_str().unwrap().to_owned()).collect()
}

/// How often the sandbox answered this operation, named by platform, method and route.
pub async fn asked(sandbox: &Sandbox, side: &str, operation: &str) -> u64 {
    let book = wire::get(&format!("{}/requests", sandbox.summary().control), &[]).await.unwrap().json();
    book["counts"][side][operation].as_u64().unwrap_or_default()
}
