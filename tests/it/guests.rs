//! The misbehaving components, built when a test first asks for them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What a mapper is built for.
pub const PURE: &str = "wasm32-unknown-unknown";
/// What a sink is built for.
pub const WASI: &str = "wasm32-wasip2";

type Built = Mutex<HashMap<(String, String), Vec<u8>>>;

/// The component of a guest's package, built for a target. A module is encoded as a component.
pub fn component(package: &str, target: &str) -> Vec<u8> {
    let module = module(package, target);
    if module.get(4..8) == Some(&[0x0d, 0x00, 0x01, 0x00]) {
        return module;
    }
    let encoded =
        wit_component::ComponentEncoder::default().validate(true).module(&module).and_then(|encoder| encoder.encode());
    encoded.unwrap()
}

/// What the compiler leaves: a module for a target without WASI, a component for one with.
pub fn module(package: &str, target: &str) -> Vec<u8> {
    static BUILT: OnceLock<Built> = OnceLock::new();
    // Held while it builds: another test that wants the same waits here instead of at cargo's lock.
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let key = (package.to_owned(), target.to_owned());
    built.entry(key).or_insert_with(|| build(package, target)).clone()
}

/// A mapper as the next version of the contract would have it: the same code, under interfaces of another version.
pub fn of_next_version(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    for interface in [b"convey:pipeline/mapper@0.1.0".as_slice(), b"convey:pipeline/types@0.1.0"] {
        let places: Vec<usize> = memchr::memmem::find_iter(component, interface).collect();
        assert!(!places.is_empty(), "it names the interface");
        places.into_iter().for_each(|at| bytes[at + interface.len() - 3] = b'2');
    }
    bytes
}

fn build(package: &str, target: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--profile", "guest", "--target", target, "--package", package]);
    cargo
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder);
    // What the outer build was told about its own compiler flags and lints is not about the guests.
    for outer in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "RUSTC"] {
        cargo.env_remove(outer);
    }
    let built = cargo.env("RUSTFLAGS", "").status().unwrap();
    assert!(built.success(), "{package} did not build for {target}");
    let file = format!("{}.wasm", package.replace('-', "_"));
    std::fs::read(folder.join(target).join("guest").join(file)).unwrap()
}
