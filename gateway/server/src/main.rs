//! The `cambist` program.

fn main() -> std::process::ExitCode {
    cambist::cli::main()
}
