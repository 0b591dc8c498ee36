//! convey carries people's changes out of a CRM and into an ad platform as conversion events.
//!
//! Three kinds of WebAssembly components do the vendor-specific and business-specific work: a *contact-source*, a *mapper* and a
//! *conversions-sink*. This host runs them and owns everything dangerous: sockets, secrets, clocks, queues.
//!
//! The modules are floors, and imports only go down:
//!
//! | floor | modules |
//! |---|---|
//! | 7 | `main`, [`cli`] |
//! | 6 | [`app`] |
//! | 5 | [`ingress`], [`admin`], [`sandbox`] |
//! | 4 | [`flow`] |
//! | 3 | [`engine`] |
//! | 2 | [`egress`] |
//! | 1 | [`config`], [`store`], [`vault`] |
//! | 0 | [`contract`], [`builtin`], [`clock`], [`blame`], [`crash`], [`metrics`] |

pub mod admin;
pub mod app;
pub mod blame;
pub mod builtin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod crash;
pub mod egress;
pub mod engine;
pub mod flow;
pub mod ingress;
pub mod metrics;
pub mod sandbox;
pub mod store;
pub mod vault;
