//! Compiled code on disk, by what it was compiled from and with: a start or a swap takes milliseconds instead of a compile.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::Component;

use super::compile::compile;
use crate::contract::Digest;

/// A directory only its owner can write.
#[derive(Clone, Debug)]
pub struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// A cache in `folder`, made (0700) when it is missing.
    pub fn new(folder: PathBuf) -> std::io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// The component, from the cache or compiled and put there. A cache that cannot be read or written costs time, nothing else.
    pub(super) fn component(
        &self,
        engine: &wasmtime::Engine,
        digest: Digest,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let path = self.path(engine, digest);
        if let Some(component) = load(engine, &path) {
            return Ok(component);
        }
        let component = compile(engine, bytes)?;
        if let Err(error) = self.keep(&path, &component.serialize()?) {
            tracing::debug!(path = %path.display(), %error, "compiled code is not kept");
        }
        Ok(component)
    }

    /// The name holds everything the code depends on: the bytes, the engine's version and settings, the processor.
    fn path(&self, engine: &wasmtime::Engine, digest: Digest) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    /// Written beside and renamed, so that no reader sees half a file. Two threads that keep the same code write two files: a shared one
    /// would be cut short by the second after the first has renamed it.
    fn keep(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let beside =
            path.with_extension(format!("{}-{}.part", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

fn load(engine: &wasmtime::Engine, path: &Path) -> Option<Component> {
    let written = match fs::metadata(path) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "compiled code cannot be read");
            return None;
        }
    };
    let mine = written.uid() == rustix::process::geteuid().as_raw() && written.mode() & 0o022 == 0;
    if !mine {
        tracing::warn!(path = %path.display(), "compiled code that others could have written is left alone");
        return None;
    }
    #[expect(unsafe_code, reason = "the file was written by this user's convey from a component it compiled itself")]
    let loaded = unsafe { Component::deserialize_file(engine, path) };
    loaded.inspect_err(|error| tracing::debug!(%error, "compiled code is compiled anew")).ok()
}
