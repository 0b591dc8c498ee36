//! The contract's types, generated from `wit/`, and the export of the component.
#![expect(missing_docs, reason = "generated; the contract in wit/ documents every type")]
#![cfg_attr(
    target_family = "wasm",
    expect(unsafe_code, reason = "generated: the canonical ABI passes raw memory across the border")
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "source-component",
    additional_derives: [PartialEq],
});

// Here and not beside the component: the expansion is unsafe code, and this is the one module that may hold any.
#[cfg(target_family = "wasm")]
use crate::component::Highlevel;
#[cfg(target_family = "wasm")]
export!(Highlevel with_types_in self);
