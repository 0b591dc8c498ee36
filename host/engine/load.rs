//! From bytes to a checked component: digest, world, imports. What asks for more than its world may have is refused here, by name.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::Component;

use super::compile::compile;
use super::{Engine, LoadError};
use crate::builtin::Builtin;
use crate::contract::Digest;

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Reads a CRM.
    Source,
    /// Decides what is said.
    Mapper,
    /// Speaks to an ad platform.
    Sink,
}

/// Every world there is.
const WORLDS: [World; 3] = [World::Source, World::Mapper, World::Sink];

const TYPES: &str = "convey:pipeline/types@0.1.0";

/// What the standard library and an HTTP crate need. Files and sockets are not among it.
const WASI: [&str; 6] =
    ["wasi:http/types@0.2", "wasi:http/outgoing-handler@0.2", "wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:cli/"];

impl World {
    /// The interface that makes a component one of this world.
    pub fn interface(self) -> &'static str {
        match self {
            World::Source => "convey:pipeline/contact-source@0.1.0",
            World::Mapper => "convey:pipeline/mapper@0.1.0",
            World::Sink => "convey:pipeline/conversions-sink@0.1.0",
        }
    }

    /// The world of a component that exports `names`.
    fn of<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Self> {
        names.find_map(|name| WORLDS.into_iter().find(|world| world.interface() == name))
    }

    /// The world that `name` is the interface of in another version of the contract.
    fn of_another_version(name: &str) -> Option<Self> {
        let unversioned = |name: &str| name.split_once('@').map(|(interface, _)| interface.to_owned());
        WORLDS.into_iter().find(|world| unversioned(world.interface()) == unversioned(name))
    }

    fn allows(self, import: &str) -> bool {
        import == TYPES || (self != World::Mapper && WASI.iter().any(|prefix| import.starts_with(prefix)))
    }

    /// What to do about a forbidden import.
    pub(super) fn import_hint(self) -> &'static str {
        match self {
            World::Mapper => "A mapper is pure: build it for wasm32-unknown-unknown, not for a WASI target",
            World::Source | World::Sink => {
                "It may use wasi:http/outgoing-handler, wasi:io, wasi:clocks, wasi:random and wasi:cli of WASI 0.2"
            }
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::Source => "source",
            World::Mapper => "mapper",
            World::Sink => "sink",
        })
    }
}

/// A component that was compiled and may run. Cheap to clone.
#[derive(Clone)]
pub struct Loaded {
    /// The name people gave it.
    pub name: Arc<str>,
    /// The name of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: usize,
    /// What it is for.
    pub world: World,
    /// What it imports, by name.
    pub imports: Vec<String>,
    pub(super) component: Component,
}

impl Loaded {
    /// How a Fault or a log names it.
    pub fn label(&self) -> String {
        format!("{} `{}` ({})", self.world, self.name, self.digest.short())
    }

    /// The same component, or the error that says it is of another world.
    pub fn expect(self, wanted: World) -> Result<Self, LoadError> {
        if self.world == wanted {
            return Ok(self);
        }
        Err(LoadError::WrongWorld { name: self.name.to_string(), wanted, exports: self.world.interface().to_owned() })
    }
}

impl Engine {
    /// Compiles `bytes` (or takes the code from the cache) and checks what it exports and imports. Takes up to seconds of CPU time: call
    /// it where that is nobody's turn.
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<Loaded, LoadError> {
        if !self.interrupts {
            return Err(LoadError::Unstoppable(name.to_owned()));
        }
        self.load_known(name, bytes, Digest::of(bytes))
    }

    /// The same for one that ships with convey.
    pub fn load_builtin(&self, builtin: &Builtin) -> Result<Loaded, LoadError> {
        self.load_known(builtin.name, builtin.bytes, Digest::known(builtin.digest))
    }

    fn load_known(&self, name: &str, bytes: &[u8], digest: Digest) -> Result<Loaded, LoadError> {
        let compiled = match &self.cache {
            Some(cache) => cache.component(&self.wasm, digest, bytes),
            None => compile(&self.wasm, bytes),
        };
        let no_component = |error: wasmtime::Error| {
            let text = if bytes.starts_with(b"\0asm") {
                format!("{error:#}")
            } else {
                "it does not begin as WebAssembly does".to_owned()
            };
            LoadError::NotAComponent { name: name.to_owned(), text }
        };
        let component = compiled.map_err(no_component)?;
        let kind = component.component_type();
        let exports: Vec<&str> = kind.exports(&self.wasm).map(|(name, _)| name).collect();
        let imports: Vec<String> = kind.imports(&self.wasm).map(|(name, _)| name.to_owned()).collect();
        let Some(world) = World::of(exports.iter().copied()) else {
            for export in &exports {
                if let Some(world) = World::of_another_version(export) {
                    return Err(LoadError::OtherVersion {
                        name: name.to_owned(),
                        world,
                        exports: (*export).to_owned(),
                    });
                }
            }
            let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(LoadError::NotAComponent {
                name: name.to_owned(),
                text: format!("it exports {exports}, none of convey's interfaces"),
            });
        };
        let forbidden: Vec<&str> = imports.iter().map(String::as_str).filter(|import| !world.allows(import)).collect();
        if !forbidden.is_empty() {
            return Err(LoadError::Forbidden { name: name.to_owned(), world, imports: forbidden.join(", ") });
        }
        Ok(Loaded { name: name.into(), digest, size: bytes.len(), world, imports, component })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::egress::{Egress, Limits};
    use crate::engine::GuestLimits;

    #[test]
    fn an_engine_that_stops_no_guest_takes_none_from_elsewhere() {
        let requests = Limits { request_timeout_ms: 1, response_max_bytes: 1, request_max_bytes: 1 };
        let second = Duration::from_secs(1);
        let limits = GuestLimits {
            memory_bytes: 1 << 20,
            call_cpu: second,
            call_wall: second,
            mapper_cpu: second,
            calls_in_flight: 1,
        };
        let engine = Engine::of_builtins(limits, Egress::new(requests), None).expect("it starts");
        assert!(matches!(engine.load("theirs", b"\0asm"), Err(LoadError::Unstoppable(name)) if name == "theirs"));
    }
}
