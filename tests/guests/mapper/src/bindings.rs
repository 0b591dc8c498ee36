//! The contract as Rust types, made from `wit/`.
#![expect(missing_docs, reason = "generated from wit/, where every item is documented")]
#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "generated: a component's exports are raw functions"))]

wit_bindgen::generate!({ path: "../../../wit", world: "mapper-component" });

#[cfg(target_family = "wasm")]
use crate::Misbehaving;

#[cfg(target_family = "wasm")]
export!(Misbehaving);
