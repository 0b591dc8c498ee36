//! The mapper as any embedder runs it in Rust: wasmtime, the contract's bindings, and nothing of convey's own engine.

use convey::contract::Change;
use convey::engine::Translation;
use convey::engine::worlds::mapper::MapperComponent;
use convey::engine::worlds::mapper::exports::convey::pipeline::mapper::{Problem, Understanding};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// A mapper, compiled.
pub struct Plain {
    engine: Engine,
    component: Component,
}

impl Plain {
    pub fn new(bytes: &[u8]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "another host than convey, so another engine than convey's")]
        let engine = Engine::new(&Config::new()).unwrap();
        let component = Component::from_binary(&engine, bytes).unwrap();
        Self { engine, component }
    }

    /// What a new instance says of the settings and, if it takes them, of the changes. Nothing is linked: there is nothing it may import.
    pub async fn answers(
        &self,
        settings: &str,
        changes: &[Change],
    ) -> (Result<Understanding, Vec<Problem>>, Vec<Translation>) {
        let mut store = Store::new(&self.engine, ());
        let linker = Linker::new(&self.engine);
        let instance = MapperComponent::instantiate_async(&mut store, &self.component, &linker).await.unwrap();
        let mapper = instance.convey_pipeline_mapper();
        let configured = mapper.call_configure(&mut store, settings).await.unwrap();
        let told = match configured {
            Ok(_) => mapper.call_translate(&mut store, changes).await.unwrap(),
            Err(_) => Vec::new(),
        };
        (configured, told)
    }
}
