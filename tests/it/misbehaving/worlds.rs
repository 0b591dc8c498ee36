//! What is no component, of another world, or asks for more than its world may have, is refused by name.

use convey::builtin::{BUILTINS, builtin};
use convey::engine::{LoadError, Mapper, Sink, World};

use super::{LIMITS, engine};
use crate::guests;

#[tokio::test]
async fn a_component_of_another_world_is_refused_with_both_names() {
    let engine = engine(LIMITS);
    let sink = guests::component("convey-test-sink", guests::WASI);
    let refused =
        Mapper::new(&engine, engine.load("strange", &sink).unwrap(), String::new()).await.map(|_| ()).unwrap_err();
    let wanted = "`strange` is not a mapper: it exports convey:pipeline/conversions-sink@0.1.0. A mapper exports convey:pipeline/mapper@0.1.0";
    assert_eq!(refused.to_string(), wanted);
    let mapper = guests::component("convey-test-mapper", guests::PURE);
    let refused = Sink::new(&engine, engine.load("strange", &mapper).unwrap()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LoadError::WrongWorld { wanted: World::Sink, .. }), "{refused}");
}

#[test]
fn a_mapper_built_with_wasi_is_refused_with_its_imports_and_the_right_target() {
    let bytes = guests::component("convey-test-mapper", guests::WASI);
    let refused = engine(LIMITS).load("strange", &bytes).map(|_| ()).unwrap_err();
    let LoadError::Forbidden { world: World::Mapper, imports, .. } = &refused else { panic!("{refused}") };
    let imports: Vec<&str> = imports.split(", ").collect();
    assert!(imports.iter().all(|import| import.starts_with("wasi:")), "{imports:?}");
    assert!(imports.iter().any(|import| import.starts_with("wasi:cli/")), "{imports:?}");
    let text = refused.to_string();
    assert!(text.starts_with("`strange` imports wasi:") && text.contains("which a mapper may not"), "{text}");
    assert!(text.ends_with("build it for wasm32-unknown-unknown, not for a WASI target"), "{text}");
}

#[test]
fn what_is_no_component_is_refused_with_the_way_to_make_one() {
    let engine = engine(LIMITS);
    let module = guests::module("convey-test-mapper", guests::PURE);
    // The last one is a module, whole and empty.
    for bytes in [b"".as_slice(), b"hello", &module[..module.len() / 2], &module[..8]] {
        let refused = engine.load("strange", bytes).map(|_| ()).unwrap_err();
        assert!(matches!(refused, LoadError::NotAComponent { .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.starts_with("`strange` is not a WebAssembly component of convey's: "), "{text}");
        assert!(text.ends_with("`convey mapper new` writes a project that makes one"), "{text}");
    }
}

#[test]
fn a_component_of_another_version_of_the_contract_is_refused_with_both_versions() {
    let newer = guests::of_next_version(builtin("rules").unwrap().bytes);
    let refused = engine(LIMITS).load("newer", &newer).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LoadError::OtherVersion { world: World::Mapper, .. }), "{refused}");
    let text = refused.to_string();
    let wanted = "`newer` exports convey:pipeline/mapper@0.2.0, and this host speaks convey:pipeline/mapper@0.1.0. ";
    assert!(text.starts_with(wanted), "{text}");
}

/// What cargo leaves for wasm32-unknown-unknown holds the contract: no other tool is needed.
#[test]
fn a_module_that_holds_the_contract_is_encoded_as_the_component_it_describes() {
    let engine = engine(LIMITS);
    let module = engine.load("strange", &guests::module("convey-test-mapper", guests::PURE)).unwrap();
    let component = engine.load("strange", &guests::component("convey-test-mapper", guests::PURE)).unwrap();
    assert_eq!((module.world, &module.imports), (World::Mapper, &component.imports));
    assert_ne!(module.digest, component.digest, "a digest is of the file as it was given");
}

/// A change here is a change of what operators are asked to grant.
#[test]
fn the_built_in_components_import_what_their_world_needs_and_no_more() {
    const CONNECTED: [&str; 19] = [
        "convey:pipeline/types@0.1",
        "wasi:cli/environment@0.2",
        "wasi:cli/exit@0.2",
        "wasi:cli/stderr@0.2",
        "wasi:cli/stdin@0.2",
        "wasi:cli/stdout@0.2",
        "wasi:cli/terminal-input@0.2",
        "wasi:cli/terminal-output@0.2",
        "wasi:cli/terminal-stderr@0.2",
        "wasi:cli/terminal-stdin@0.2",
        "wasi:cli/terminal-stdout@0.2",
        "wasi:clocks/monotonic-clock@0.2",
        "wasi:clocks/wall-clock@0.2",
        "wasi:http/outgoing-handler@0.2",
        "wasi:http/types@0.2",
        "wasi:io/error@0.2",
        "wasi:io/poll@0.2",
        "wasi:io/streams@0.2",
        "wasi:random/insecure-seed@0.2",
    ];
    let engine = engine(LIMITS);
    let imports = |name: &str| {
        let loaded = engine.load(name, builtin(name).unwrap().bytes).unwrap();
        let release = |import: &String| import.rsplit_once('.').unwrap().0.to_owned();
        let mut imports: Vec<String> = loaded.imports.iter().map(release).collect();
        imports.sort();
        (loaded.world, imports)
    };
    assert_eq!(imports("rules"), (World::Mapper, vec!["convey:pipeline/types@0.1".to_owned()]));
    // A source dates its own writes and the beginning of a sweep; a sink knows what is too old for its platform.
    for (name, world) in [("highlevel", World::Source), ("meta", World::Sink)] {
        assert_eq!(imports(name), (world, CONNECTED.map(str::to_owned).to_vec()), "{name}");
    }
    assert_eq!(BUILTINS.len(), 3);
}
