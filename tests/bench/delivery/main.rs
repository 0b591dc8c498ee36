//! What a delivery costs: convey as a process of its own, everything durable, beside the barest axum handler, on the same webhooks in the same run. The
//! ratios are the figures; microseconds are this machine's. `cargo bench --bench delivery` runs it; `tests/README.md` says what it prints.

#![expect(clippy::print_stdout, reason = "a bench is run for what it prints")]
#![expect(clippy::unwrap_used, reason = "the rig of the integration tests is used here too")]

mod measured;
#[expect(dead_code, reason = "it serves the integration tests")]
#[path = "../../it/memory.rs"]
mod memory;
mod reference;
#[expect(dead_code, unused_imports, reason = "it serves the integration tests")]
#[path = "../../it/rig/mod.rs"]
mod rig;
#[expect(dead_code, reason = "it serves the integration tests")]
#[path = "../../it/wire.rs"]
mod wire;

use std::collections::HashMap;
use std::time::Instant;

use convey::contract::Digest;
use convey::sandbox::{Kind, Options, Play, Played, Sandbox};
use rustix::process::Pid;

use measured::{cpu_us, median, percentile};
use memory::resident_kib;
use reference::Reference;
use rig::{Convey, ROOM, connect, eventually, options};

/// Locations whose contacts are told.
const LOCATIONS: usize = 20;
/// Webhooks a second while CPU time is counted: what has to be sustained.
const RATE: f64 = 2_000.0;
/// How many times as many webhooks are fired to find out how many a second are sustained.
const LONGER: usize = 4;
/// The mapping: every new contact is told, whatever they think of being called.
const MAPPING: &str = "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n";

/// What may be said on the command line.
struct Asked {
    /// How many times each is measured.
    rounds: usize,
    /// Webhooks of one measurement.
    changes: usize,
    /// Deliveries in the smaller of the two stores that are compared; the other holds ten times as many.
    rows: usize,
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench").peekable();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    if words.next_if(|word| word == reference::WORD).is_some() {
        runtime.block_on(reference::serve(words.next()));
        return;
    }
    let mut asked = Asked { rounds: 9, changes: 4_000, rows: 4_000 };
    while let Some(word) = words.next() {
        let slot = match word.as_str() {
            "--rounds" => &mut asked.rounds,
            "--changes" => &mut asked.changes,
            "--rows" => &mut asked.rows,
            _ => panic!("`{word}`: there are --rounds, --changes and --rows, each with a number"),
        };
        *slot = words.next().and_then(|word| word.parse().ok()).filter(|number| *number > 0).expect("a number follows");
    }
    runtime.block_on(measure(&asked));
}

async fn measure(asked: &Asked) {
    let sandbox = Sandbox::start(Options { locations: LOCATIONS, contacts: 0, ..options() }).await.unwrap();
    costs(&sandbox, asked).await;
    sustained(&sandbox, asked).await;
    latency(&sandbox).await;
    rows(&sandbox, asked).await;
}

/// A convey for all locations. `enriched`: each contact is fetched, which is the default; else it is taken from its webhook.
async fn convey(sandbox: &Sandbox, enriched: bool) -> Convey {
    let summary = sandbox.summary();
    let from = if enriched { "api" } else { "webhook" };
    let terms = format!("{ROOM}\nsettings = {{ country = \"US\", contact_from = \"{from}\" }}");
    let mut convey = Convey::new(&summary).configure(|text| {
        *text = text.replace("builtin:rules\"", "builtin:rules\"\nsettings = \"mapping.toml\"");
        text.push_str(&format!("contact_from = \"{from}\"\n"));
        connect(text, &summary.locations[1..], &terms);
    });
    convey.file("mapping.toml", MAPPING);
    convey.start().await;
    convey
}

/// Fires so many webhooks of new contacts; all are taken.
async fn fire(sandbox: &Sandbox, hook: &str, changes: usize, rate: f64) -> Played {
    let kinds = vec![Kind::ContactCreated];
    let played = sandbox.play(Play { changes, rate, kinds, target: hook.to_owned(), ..Play::default() }).await.unwrap();
    assert_eq!(played.refused, 0, "a webhook was not taken");
    played
}

/// Fires, and waits until the ad platform has an event of each.
async fn tell(sandbox: &Sandbox, convey: &Convey, changes: usize, rate: f64) -> Played {
    let before = sandbox.accepted_count();
    let played = fire(sandbox, &convey.hook(), changes, rate).await;
    let all = before + played.fired.len();
    eventually("all is told", async || (sandbox.accepted_count() >= all).then_some(())).await;
    assert_eq!(sandbox.accepted_count(), all, "each once");
    played
}

/// CPU time a delivery of the process while `work` is done, in microseconds.
async fn cost(process: Pid, changes: usize, work: impl Future) -> f64 {
    let before = cpu_us(process);
    work.await;
    (cpu_us(process) - before) as f64 / changes as f64
}

/// What is resident of the process now, in MiB.
fn resident_mib(process: Pid) -> f64 {
    resident_kib(process).expect("it runs") as f64 / 1_024.0
}

/// CPU time a delivery against the bare handler's, by turns; and what is resident.
async fn costs(sandbox: &Sandbox, asked: &Asked) {
    let bare = Reference::start(None).await;
    let verifying = Reference::start(Some(&sandbox.summary().webhook_public_key)).await;
    let (plain, enriched) = (convey(sandbox, false).await, convey(sandbox, true).await);
    let idle = [resident_mib(plain.pid()), resident_mib(enriched.pid())];
    let mut loaded = [0.0_f64; 2];
    let (mut of_bare, mut of_verifying, mut of_convey) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..=asked.rounds {
        let bare = cost(bare.pid(), asked.changes, fire(sandbox, &bare.hook, asked.changes, RATE)).await;
        let verifying = cost(verifying.pid(), asked.changes, fire(sandbox, &verifying.hook, asked.changes, RATE)).await;
        let mut of_round = [0.0; 2];
        for (at, convey) in [&plain, &enriched].into_iter().enumerate() {
            of_round[at] = cost(convey.pid(), asked.changes, tell(sandbox, convey, asked.changes, RATE)).await;
            loaded[at] = loaded[at].max(resident_mib(convey.pid()));
        }
        // The first round warms up.
        if round > 0 {
            of_bare.push(bare);
            of_verifying.push(verifying);
            of_convey.iter_mut().zip(of_round).for_each(|(all, one)| all.push(one));
        }
    }
    println!("{} webhooks at {RATE} a second, {} rounds, medians\n", asked.changes, asked.rounds);
    println!(
        "{:<44} {:>8} {:>12} {:>12} {:>9} {:>9}",
        "CPU a delivery", "us", "of verifying", "of bare", "idle MiB", "load MiB"
    );
    println!("{:<44} {:>8.0}", "axum, believes anybody", median(of_bare.clone()));
    println!("{:<44} {:>8.0}", "axum, verifies the signature", median(of_verifying.clone()));
    let ratio = |of: &[f64], to: &[f64]| median(of.iter().zip(to).map(|(of, to)| of / to).collect());
    for (at, name) in
        ["convey, the contact as its webhook carries it", "convey, the contact fetched"].iter().enumerate()
    {
        println!(
            "{name:<44} {:>8.0} {:>11.1}x {:>11.1}x {:>9.0} {:>9.0}",
            median(of_convey[at].clone()),
            ratio(&of_convey[at], &of_verifying),
            ratio(&of_convey[at], &of_bare),
            idle[at],
            loaded[at]
        );
    }
    println!();
}

/// As many deliveries a second as it can, the contact fetched: the sender waits for nothing but answers. Time counts from the first webhook to the last event.
async fn sustained(sandbox: &Sandbox, asked: &Asked) {
    let verifying = Reference::start(Some(&sandbox.summary().webhook_public_key)).await;
    let convey = convey(sandbox, true).await;
    let changes = asked.changes * LONGER;
    let (mut rates, mut costs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=asked.rounds {
        let of_verifying = cost(verifying.pid(), changes, fire(sandbox, &verifying.hook, changes, 0.0)).await;
        let began = Instant::now();
        let of_convey = cost(convey.pid(), changes, tell(sandbox, &convey, changes, 0.0)).await;
        // The first round warms up.
        if round > 0 {
            rates.push(changes as f64 / began.elapsed().as_secs_f64());
            costs.push(of_convey);
            ratios.push(of_convey / of_verifying);
        }
    }
    println!(
        "{changes} webhooks as fast as they are taken, fetched: {:.0} deliveries a second, {:.0} us a delivery, {:.1}x of verifying\n",
        median(rates),
        median(costs),
        median(ratios)
    );
}

/// From a webhook's POST to its event at the ad platform, at a quarter of the rate, the contact fetched.
async fn latency(sandbox: &Sandbox) {
    let convey = convey(sandbox, true).await;
    let rate = RATE / 4.0;
    tell(sandbox, &convey, rate as usize, rate).await;
    let since = sandbox.accepted_count();
    let played = tell(sandbox, &convey, rate as usize * 10, rate).await;
    let sent: HashMap<String, u64> =
        played.fired.iter().map(|fired| (Digest::of(fired.contact_id.as_bytes()).to_string(), fired.at)).collect();
    let told = sandbox.accepted(since);
    let mut took: Vec<f64> = told
        .iter()
        .map(|accepted| {
            let id = &accepted.event["user_data"]["external_id"];
            let id = id.as_str().or_else(|| id[0].as_str()).expect("every event names its contact");
            (accepted.accepted_at - sent[id]) as f64
        })
        .collect();
    assert_eq!(took.len(), played.fired.len());
    let [half, most] = [0.5, 0.99].map(|share| percentile(&mut took, share));
    println!("at {rate} a second, from a webhook's POST to its event: p50 {half:.0} ms, p99 {most:.0} ms\n");
}

/// CPU time a delivery with ten times as much in the store, by turns.
async fn rows(sandbox: &Sandbox, asked: &Asked) {
    let (few, many) = (convey(sandbox, false).await, convey(sandbox, false).await);
    tell(sandbox, &few, asked.rows, 0.0).await;
    tell(sandbox, &many, asked.rows * 10, 0.0).await;
    let part = (asked.rows / 4).max(1);
    let (mut of_few, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..=asked.rounds {
        let of_round = [
            cost(few.pid(), part, tell(sandbox, &few, part, RATE)).await,
            cost(many.pid(), part, tell(sandbox, &many, part, RATE)).await,
        ];
        if round > 0 {
            of_few.push(of_round[0]);
            ratios.push(of_round[1] / of_round[0]);
        }
    }
    println!(
        "{} deliveries in the store: {:.0} us a delivery; ten times as many: {:.2}x",
        asked.rows,
        median(of_few),
        median(ratios)
    );
}
