//! The gateway's own program, built here so that tests can start it as a process and kill it.

fn main() -> std::process::ExitCode {
    cambist::run(std::env::args_os())
}
