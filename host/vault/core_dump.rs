//! No core dump of a program that holds people and secrets: what would be written is all of its memory.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Switches core dumps of this process off. The limit goes to its children too, and cannot be raised again. On Linux the process is also no more
/// dumpable, so that no program which the kernel hands dumps to gets one, limit or not, and nobody but root attaches a debugger.
///
/// # Errors
/// As the system has it; a limit that could be set stays.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Linux asks no limit where dumps go to a program (core(5)).
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::forbid_core_dumps;

    #[test]
    fn neither_a_file_nor_a_program_gets_a_dump() {
        forbid_core_dumps().unwrap();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        // Twice is once.
        forbid_core_dumps().unwrap();
    }
}
