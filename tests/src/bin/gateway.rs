//! The gateway's own program, built here so that tests can start it as a process and kill it.

fn main() -> std::process::ExitCode {
    cambist::cli::main()
}
