//! A program that compiles, as the server's own does when it is told to.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(2).collect();
    cambist_plugin::compile_child(&arguments)
}
