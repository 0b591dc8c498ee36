//! The contract's types and exports, generated from `wit/`.
#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "generated: the component's exports"))]
#![expect(missing_docs, reason = "generated: the contract carries the documentation")]

#[cfg(target_family = "wasm")]
use super::Rules;

wit_bindgen::generate!({
    path: "../../wit",
    world: "mapper-component",
    additional_derives: [PartialEq],
});

#[cfg(target_family = "wasm")]
export!(Rules with_types_in self);
