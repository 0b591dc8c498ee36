//! The contract as Rust types, made from `wit/`.
#![expect(missing_docs, reason = "generated from wit/, where every item is documented")]
#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "generated: a component's exports are raw functions"))]

wit_bindgen::generate!({
    path: "../../wit",
    world: "sink-component",
    additional_derives: [PartialEq],
});

#[cfg(target_family = "wasm")]
use crate::component::Meta;

#[cfg(target_family = "wasm")]
export!(Meta);
