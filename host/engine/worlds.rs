//! The three worlds as Rust, sharing the words of `contract`.

#![expect(missing_docs, reason = "generated from wit/, where every item is documented")]

pub mod mapper {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "mapper-component",
        exports: { default: async },
        with: { "convey:pipeline/types": crate::contract::types },
    });
}

pub mod source {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "source-component",
        exports: { default: async },
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        with: { "convey:pipeline/types": crate::contract::types },
    });
}

pub mod sink {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "sink-component",
        exports: { default: async },
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        with: { "convey:pipeline/types": crate::contract::types },
    });
}
