//! The components that ship inside the binary. Their names come from the build: the host knows no vendor.

/// One component inside the binary.
pub struct Builtin {
    /// Its name: `builtin:<name>` in the configuration.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// All of them.
pub const BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The one of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
