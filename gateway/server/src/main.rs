//! The `cambist` program.

/// Gives back to the system what connections and password hashes held: glibc keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cambist::cli::main()
}
