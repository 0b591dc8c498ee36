//! The `convey` program: see `convey --help`.

/// Contacts cross the border as dozens of short texts each, made and freed by the thousand: a tenth of the time goes to the system's allocator.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    convey::cli::main()
}
