//! What the border costs: the mapper as a component in the host beside the same Rust code linked in, on the same changes in the same run. The ratio
//! is the figure; nanoseconds are this machine's. `cargo bench` runs it; `tests/README.md` says what it prints.

#![expect(clippy::print_stdout, reason = "a bench is run for what it prints")]

mod corpus;
mod native;
mod paired;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use convey::builtin::BUILTINS;
use convey::contract::Change;
use convey::egress::{Egress, Limits};
use convey::engine::{CodeCache, Engine, GuestLimits, Loaded, Mapper, Source, World};
use convey::flow::alone;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use native::Native;
use paired::Pair;

/// How many contacts are invented.
const CONTACTS: usize = 10_000;

/// How many changes cross the border in one call.
const BATCH: usize = 100;

/// How many batches one side translates before the other has its turn.
const TURN: usize = 5;

/// The settings that are measured, by name.
const MAPPINGS: [(&str, &str); 2] = [("default settings", ""), ("six rules", include_str!("six-rules.toml"))];

/// What may be said on the command line.
struct Options {
    /// How many times everything is done.
    rounds: usize,
    /// Only the figures, for a program to read.
    json: bool,
    /// Where to write the invented contacts, and measure nothing.
    write: Option<String>,
    /// Contacts instead of the invented ones: one JSON a line.
    corpus: Option<String>,
    /// Another build of the mapper, to compare it with the built-in one: a component or the core module of one.
    mapper: Option<String>,
    /// Further settings to measure.
    settings: Option<String>,
}

fn main() {
    let options = options();
    if let Some(path) = &options.write {
        let lines: String = corpus::lines(CONTACTS).iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(path, lines).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let runtime = Runtime::new().expect("a runtime starts");
    let _inside = runtime.enter();
    let engine = engine();
    let lines = match &options.corpus {
        Some(path) => read(path).lines().map(str::to_owned).collect(),
        None => corpus::lines(CONTACTS),
    };
    let changes = runtime.block_on(interpreted(&engine, &lines));
    let mapper = match &options.mapper {
        Some(path) => component(path),
        None => loaded(&engine, World::Mapper).1,
    };
    let further = options.settings.as_ref().map(|path| (path.as_str(), read(path)));
    let mappings = MAPPINGS.iter().copied().chain(further.iter().map(|(name, text)| (*name, text.as_str())));
    let measured = mappings.map(|(name, settings)| {
        let loaded = engine.load("measured", &mapper).expect("it loads");
        (name, border(&runtime, &engine, loaded, settings, &changes, options.rounds))
    });
    if options.json {
        let row = |(name, pair): (&str, Pair)| json!({"name": name, "native_ns": pair.reference.median(), "component_ns": pair.subject.median()});
        println!("{}", measured.map(row).collect::<Value>());
        return;
    }
    println!("{} changes, batches of {BATCH}, {} rounds\n", changes.len(), options.rounds);
    println!("{:<20} {:>10} {:>10}   ratio (least to most)", "CPU ns a change", "native", "component");
    for (name, pair) in measured {
        let ((least, most), ratio) = (pair.ratio.range(), pair.ratio.median());
        println!(
            "{name:<20} {:>10.0} {:>10.0}   {ratio:.2} ({least:.2} to {most:.2})",
            pair.reference.median(),
            pair.subject.median()
        );
    }
    start(&runtime, &mapper);
}

fn options() -> Options {
    let mut options = Options { rounds: 15, json: false, write: None, corpus: None, mapper: None, settings: None };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let slot = match word.as_str() {
            "--json" => {
                options.json = true;
                continue;
            }
            "--rounds" => {
                options.rounds = words.next().and_then(|word| word.parse().ok()).expect("a number follows");
                continue;
            }
            "--write" => &mut options.write,
            "--corpus" => &mut options.corpus,
            "--mapper" => &mut options.mapper,
            "--settings" => &mut options.settings,
            _ => panic!(
                "`{word}`: there are --corpus, --mapper, --settings and --write, each with a FILE, --rounds N and --json"
            ),
        };
        *slot = Some(words.next().expect("a file's name follows"));
    }
    options
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn component(path: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    if bytes.get(4..8) == Some(&[0x0d, 0x00, 0x01, 0x00]) {
        return bytes;
    }
    let encoded = wit_component::ComponentEncoder::default().module(&bytes).and_then(|encoder| encoder.encode());
    encoded.expect("a core module that was made for a component")
}

/// An engine as the host makes it, with a warm cache of compiled code.
fn engine() -> Engine {
    let egress = Egress::new(Limits { request_timeout_ms: 1_000, response_max_bytes: 1_024, request_max_bytes: 1_024 });
    let guests = GuestLimits {
        memory_bytes: 64 << 20,
        call_cpu: Duration::from_secs(5),
        call_wall: Duration::from_secs(60),
        mapper_cpu: Duration::from_secs(10),
        calls_in_flight: 4,
    };
    let cache = CodeCache::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")).ok();
    Engine::new(guests, egress, cache).expect("an engine starts")
}

/// The built-in component of a world, and its bytes.
fn loaded(engine: &Engine, world: World) -> (Loaded, Vec<u8>) {
    let all =
        BUILTINS.iter().map(|builtin| (engine.load(builtin.name, builtin.bytes).expect("it loads"), builtin.bytes));
    let (loaded, bytes) = all.into_iter().find(|(loaded, _)| loaded.world == world).expect("every world has one");
    (loaded, bytes.to_vec())
}

/// The contacts as the changes their source makes of them.
async fn interpreted(engine: &Engine, lines: &[String]) -> Vec<Change> {
    let source = Source::new(engine, loaded(engine, World::Source).0).expect("a source");
    let mut changes = Vec::with_capacity(lines.len());
    for lines in lines.chunks(BATCH) {
        let bodies: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
        let read = source.interpret(&alone(), None, &bodies).await.expect("no fault");
        changes.extend(read.into_iter().flat_map(|read| read.expect("a contact")));
    }
    changes
}

/// Lower, translate, lift and check, beside translating alone. Both must answer the same.
fn border(
    runtime: &Runtime,
    engine: &Engine,
    loaded: Loaded,
    settings: &str,
    changes: &[Change],
    rounds: usize,
) -> Pair {
    let component = runtime.block_on(Mapper::new(engine, loaded, settings.to_owned())).expect("it takes the settings");
    let native = Native::new(settings);
    let turns: Vec<Vec<(&[Change], Vec<_>)>> = changes
        .chunks(BATCH * TURN)
        .map(|turn| turn.chunks(BATCH).map(|batch| (batch, batch.iter().map(native::change).collect())).collect())
        .collect();
    for (batch, own) in turns.iter().flatten() {
        let answers = runtime.block_on(component.translate(batch)).expect("no fault");
        assert_eq!(format!("{answers:?}"), format!("{:?}", native.translate(own)), "both answer the same");
    }
    paired::pair(
        &turns,
        (changes.len(), rounds),
        |turn| {
            for (_, own) in turn {
                std::hint::black_box(native.translate(own));
            }
        },
        |turn| {
            for (batch, _) in turn {
                std::hint::black_box(runtime.block_on(component.translate(batch)).expect("no fault"));
            }
        },
    )
}

/// How large the component is, and how soon it translates, from the compiled cache in an engine of its own.
fn start(runtime: &Runtime, mapper: &[u8]) {
    let engine = engine();
    engine.load("measured", mapper).expect("it loads");
    let (mut load, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        let since = Instant::now();
        let loaded = engine.load("measured", mapper).expect("it loads");
        load.push(since.elapsed());
        let since = Instant::now();
        runtime.block_on(Mapper::new(&engine, loaded, String::new())).expect("it takes its defaults");
        ready.push(since.elapsed());
    }
    load.sort();
    ready.sort();
    println!("\nthe component has {:.2} MB", mapper.len() as f64 / 1e6);
    println!("loaded from the compiled cache in {:.2} ms", load[load.len() / 2].as_secs_f64() * 1e3);
    println!("an instance made and configured in {:.2} ms", ready[ready.len() / 2].as_secs_f64() * 1e3);
}
