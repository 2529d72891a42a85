//! The `cambist` program.

use std::process::ExitCode;

use cambist::{Cli, run};
use clap::Parser;

fn main() -> ExitCode {
    run(Cli::parse())
}
