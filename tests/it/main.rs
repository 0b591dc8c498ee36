//! One binary, so that the host is linked once: the real program over real sockets, its guests, its words and its own rules.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod audiences;
mod authoring;
mod canary;
mod catalogue;
mod cli;
mod conformance;
mod conversions;
mod crash;
mod crm;
mod crm_write;
mod demo;
mod docs;
mod doctor;
mod elsewhere;
mod floors;
mod full;
mod gaps;
mod grants;
mod guests;
mod happy;
mod installs;
mod limits;
mod load;
mod mapping;
mod misbehaving;
mod official;
mod once;
mod pause;
mod polls;
mod program;
mod rig;
mod signatures;
mod swap;
mod tap;
mod templates;
mod translate;
mod vendor;
mod wire;
mod words;
