//! Setting up the pair convey ships with: what is asked, where the answers are found, and the commented file they become. The floors below
//! know no vendor's name.

pub mod asking;
mod template;

pub use template::{Answers, SandboxAnswers, template};
