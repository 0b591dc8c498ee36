//! One binary, so that the host is linked once: the real program over real sockets, its guests, its words and its own rules.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod canary;
mod cli;
mod crash;
mod demo;
mod docs;
mod floors;
mod full;
mod guests;
mod happy;
mod misbehaving;
mod once;
mod pause;
mod program;
mod rig;
mod signatures;
mod swap;
mod translate;
mod wire;
mod words;
