//! The `cambist` program.

fn main() {}
