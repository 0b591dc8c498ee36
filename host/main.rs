//! The `convey` program: see `convey --help`.

fn main() -> std::process::ExitCode {
    convey::cli::main()
}
