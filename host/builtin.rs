//! The components and texts that ship inside the binary. Their names come from the build: the host knows no vendor.

/// One component inside the binary.
pub struct Builtin {
    /// Its name: `builtin:<name>` in the configuration.
    pub name: &'static str,
    /// What it is: `source`, `mapper` or `sink`.
    pub world: &'static str,
    /// The component.
    pub bytes: &'static [u8],
    /// The SHA-256 of the component, made when it was built: a command that starts for a moment need not read megabytes for it.
    pub digest: [u8; 32],
}

/// All of them.
pub const BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The one of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// One text file inside the binary.
pub struct Text {
    /// Where it stood in its folder, `src/lib.rs` say.
    pub path: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// The crate a mapper's author imports.
pub const SDK: &[Text] = include!(concat!(env!("OUT_DIR"), "/SDK.rs"));

/// The contract.
pub const WIT: &[Text] = include!(concat!(env!("OUT_DIR"), "/WIT.rs"));

/// Mappers to start from, a folder a language, and the cases they all pass.
pub const EXAMPLES: &[Text] = include!(concat!(env!("OUT_DIR"), "/EXAMPLES.rs"));

/// Mappings to start from, a folder each: the settings, cases, and when to use it.
pub const TEMPLATES: &[Text] = include!(concat!(env!("OUT_DIR"), "/TEMPLATES.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_bytes() {
        for builtin in BUILTINS {
            let digest = ring::digest::digest(&ring::digest::SHA256, builtin.bytes);
            assert_eq!(builtin.digest, digest.as_ref(), "{}", builtin.name);
        }
    }
}
