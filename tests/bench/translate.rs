//! What crossing the border costs: one live instance given batches of a hundred changes, beside an instance made for every change. Run it with
//! `cargo bench`; the ratio of the two medians is the figure.

use std::path::PathBuf;
use std::time::Duration;

use convey::builtin::BUILTINS;
use convey::contract::Change;
use convey::egress::{Egress, Limits};
use convey::engine::{CodeCache, Engine, GuestLimits, Loaded, Mapper, World};
use convey::flow::sample_changes;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// The built-in mapper, compiled, on an engine of its own.
fn mapper() -> (Runtime, Engine, Loaded) {
    let runtime = Runtime::new().expect("a runtime starts");
    let _inside = runtime.enter();
    let egress = Egress::new(Limits { request_timeout_ms: 1_000, response_max_bytes: 1_024, request_max_bytes: 1_024 });
    let guests = GuestLimits {
        memory_bytes: 64 << 20,
        call_cpu: Duration::from_secs(1),
        call_wall: Duration::from_secs(1),
        mapper_cpu: Duration::from_secs(10),
        calls_in_flight: 4,
    };
    let cache = CodeCache::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")).ok();
    let engine = Engine::new(guests, egress, cache).expect("an engine starts");
    let loaded = BUILTINS.iter().map(|builtin| engine.load(builtin.name, builtin.bytes).expect("it loads"));
    let loaded = loaded.into_iter().find(|loaded| loaded.world == World::Mapper).expect("a mapper is built in");
    drop(_inside);
    (runtime, engine, loaded)
}

/// A hundred of the changes that every mapper is tried on.
fn batch() -> Vec<Change> {
    sample_changes().into_iter().cycle().take(100).collect()
}

#[divan::bench]
fn hundred_changes_in_one_live_instance(bencher: divan::Bencher) {
    let (runtime, engine, loaded) = mapper();
    let changes = batch();
    let mapper = runtime.block_on(Mapper::new(&engine, loaded, String::new())).expect("it takes its defaults");
    bencher.bench_local(|| runtime.block_on(mapper.translate(&changes)).expect("no fault"));
}

#[divan::bench(sample_count = 10)]
fn hundred_changes_in_an_instance_each(bencher: divan::Bencher) {
    let (runtime, engine, loaded) = mapper();
    let changes = batch();
    bencher.bench_local(|| {
        for change in &changes {
            let made = runtime.block_on(Mapper::new(&engine, loaded.clone(), String::new()));
            let mapper = made.expect("it takes its defaults");
            runtime.block_on(mapper.translate(std::slice::from_ref(change))).expect("no fault");
        }
    });
}
