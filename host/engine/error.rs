//! Why a component does not load.

use super::{Placed, World};

/// Variants by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no component, or the compiler refuses them.
    #[error(
        "`{name}` is not a WebAssembly component of convey's: {text}. `convey mapper new` writes a project that makes one"
    )]
    NotAComponent {
        /// The component's name.
        name: String,
        /// What the engine says.
        text: String,
    },
    /// The component exports another world.
    #[error("`{name}` is not a {wanted}: it exports {exports}. A {wanted} exports {}", wanted.interface())]
    WrongWorld {
        /// The component's name.
        name: String,
        /// What was asked for.
        wanted: World,
        /// What it exports.
        exports: String,
    },
    /// The component was built for a version of the contract that this host does not speak.
    #[error(
        "`{name}` exports {exports}, and this host speaks {}. Take a component and a convey of one release, or build it against this one's wit/",
        world.interface()
    )]
    OtherVersion {
        /// The component's name.
        name: String,
        /// Its world.
        world: World,
        /// The interface it exports, with its version.
        exports: String,
    },
    /// The component wants an import it may not have.
    #[error("`{name}` imports {imports}, which a {world} may not. {}", world.import_hint())]
    Forbidden {
        /// The component's name.
        name: String,
        /// Its world.
        world: World,
        /// The imports, by name.
        imports: String,
    },
    /// The component broke while it was tried.
    #[error("{}", .0.whole())]
    Fault(#[from] super::Fault),
    /// The component refuses its settings.
    #[error("mapper `{name}` refuses its settings:\n{problems}")]
    Settings {
        /// The component's name.
        name: String,
        /// One problem a line, with line and column where the component gives them.
        problems: String,
        /// The same one by one.
        placed: Vec<Placed>,
    },
    /// The component comes from elsewhere, and the engine is one that stops no guest.
    #[error("`{0}` does not ship with convey, and this engine could not stop it")]
    Unstoppable(String),
    /// The engine itself cannot be set up.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
}
