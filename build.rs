//! Builds the guests that ship with convey and encodes them as components, so that one binary is enough.

#![expect(clippy::disallowed_methods, reason = "a build script is told what to do by its environment")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sha2::{Digest as _, Sha256};

/// A guest crate, what it is, the target it is built for, and the flags of that target.
struct Guest {
    name: &'static str,
    world: &'static str,
    target: &'static str,
}

/// Hashing and reading JSON are faster with it, and every runtime of components has it.
const RUSTFLAGS: &str = "-C target-feature=+simd128";

/// Sources and sinks speak HTTP and so need WASI; a mapper imports nothing.
const GUESTS: [Guest; 3] = [
    Guest { name: "highlevel", world: "source", target: "wasm32-wasip2" },
    Guest { name: "meta", world: "sink", target: "wasm32-wasip2" },
    Guest { name: "rules", world: "mapper", target: "wasm32-unknown-unknown" },
];

/// Folders whose text files ship inside the binary: what a mapper's author starts from, and the mappings to start with.
const FOLDERS: [(&str, &str); 4] =
    [("SDK", "guest/sdk"), ("WIT", "wit"), ("EXAMPLES", "examples"), ("TEMPLATES", "guest/rules/templates")];

/// What building an example leaves behind, as its `.gitignore` says.
const LEFT_BEHIND: [&str; 4] = ["target", "node_modules", ".venv", "__pycache__"];

fn main() {
    for watched in ["guest", "wit", "examples", "Cargo.toml", "Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // A directory of the guests' own: the outer build holds the lock of the usual one.
    let target_dir = out.join("guests");
    for target in ["wasm32-wasip2", "wasm32-unknown-unknown"] {
        let guests: Vec<&Guest> = GUESTS.iter().filter(|guest| guest.target == target).collect();
        build(&guests, target, &target_dir);
        for guest in guests {
            let module = target_dir.join(target).join("guest").join(format!("convey_{}.wasm", guest.name));
            let component = out.join(format!("{}.wasm", guest.name));
            encode(&module, &component);
        }
    }
    let row = |guest: &Guest| {
        let component = out.join(format!("{}.wasm", guest.name));
        let digest = Sha256::digest(fs::read(&component).expect("it was written"));
        format!(
            "Builtin {{ name: {:?}, world: {:?}, bytes: include_bytes!({component:?}), digest: {:?} }},",
            guest.name,
            guest.world,
            <[u8; 32]>::from(digest)
        )
    };
    let rows: String = GUESTS.iter().map(row).collect();
    fs::write(out.join("builtin.rs"), format!("&[{rows}]")).expect("OUT_DIR can be written");
    for (name, folder) in FOLDERS {
        let mut files = Vec::new();
        collect(Path::new(folder), &mut files);
        files.sort();
        let row = |file: &PathBuf| {
            let path = file.strip_prefix(folder).expect("it was found there");
            let whole = fs::canonicalize(file).expect("it was found there");
            format!("Text {{ path: {:?}, text: include_str!({whole:?}) }},", path.to_str().expect("paths are UTF-8"))
        };
        let rows: String = files.iter().map(row).collect();
        fs::write(out.join(format!("{name}.rs")), format!("&[{rows}]")).expect("OUT_DIR can be written");
    }
}

/// All files below a folder that somebody wrote.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        let built = path.extension().is_some_and(|extension| extension == "wasm");
        if built || LEFT_BEHIND.iter().any(|left| path.ends_with(left)) {
            continue;
        }
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn build(guests: &[&Guest], target: &str, target_dir: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo.args(["build", "--locked", "--profile", "guest", "--target", target, "--target-dir"]).arg(target_dir);
    for guest in guests {
        cargo.args(["--package", &format!("convey-{}", guest.name)]);
    }
    // What the outer build was told about its own compiler flags and lints is not about the guests.
    for outer in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "RUSTC"] {
        cargo.env_remove(outer);
    }
    cargo.env("RUSTFLAGS", RUSTFLAGS);
    let built = cargo.status().expect("cargo can be started");
    assert!(
        built.success(),
        "the guests for {target} did not build; if the target is missing, run: rustup toolchain install"
    );
}

fn encode(module: &Path, component: &Path) {
    let bytes = fs::read(module).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
    // wasm32-wasip2 links a component already; wasm32-unknown-unknown leaves a module.
    let encoded = if bytes.get(4..8) == Some(&[0x0d, 0x00, 0x01, 0x00]) {
        bytes
    } else {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(&bytes)
            .and_then(|encoder| encoder.encode())
            .unwrap_or_else(|error| panic!("{} is not a component: {error:#}", module.display()))
    };
    fs::write(component, encoded).unwrap_or_else(|error| panic!("{}: {error}", component.display()));
}
