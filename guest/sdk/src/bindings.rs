//! The contract's types and exports, generated from `wit/`.
#![expect(missing_docs, reason = "generated: the contract carries the documentation")]
#![cfg_attr(
    target_family = "wasm",
    allow(unsafe_code, reason = "generated: how a component's memory is read and written")
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "mapper-component",
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "convey_sdk::bindings",
});
