//! From bytes to code. A module that carries the contract, as wit-bindgen leaves one for wasm32-unknown-unknown, is encoded as the component it
//! describes: the author of a mapper needs no tool beside the compiler.

use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

/// How a module begins that is no component.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Compiles a component, or a module that can become one.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    if !bytes.starts_with(MODULE) {
        return Component::from_binary(engine, bytes);
    }
    // The encoder takes sections at their word, and panics where a file breaks off in the middle of one.
    Module::validate(engine, bytes)?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| wasmtime::Error::msg(format!("it is a module that holds no component: {error:#}")))?;
    Component::from_binary(engine, &encoded)
}
