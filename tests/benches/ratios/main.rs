//! What the gateway costs, as ratios of CPU time to a reference measured in the same run.
//!
//! Everything runs on one CPU, server, load and reference alike: on a shared machine that is what makes
//! ratios repeatable. `cargo bench` runs all sections; `cargo bench -- engine proxy` some.

#![expect(clippy::print_stdout, reason = "it is a program that prints a table")]

mod cpu;
mod engine;
mod http;
mod load;
mod plugin;
mod proxy;
mod raw;
mod rest;
mod scale;
mod swaps;

use tests::http::Failure;

/// As the program has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A measured ratio beside what was promised.
pub struct Row {
    /// What was measured.
    pub work: String,
    /// CPU microseconds per operation.
    pub cost: f64,
    /// The same of the reference.
    pub reference: f64,
    /// What is compared: a ratio to the reference, or microseconds over it.
    pub limit: Limit,
}

/// What was promised of a row.
pub enum Limit {
    /// At most this many times the reference.
    Times(f64),
    /// At most this many microseconds more than the reference.
    Over(f64),
}

fn print(row: &Row) {
    let (measured, limit, holds) = match row.limit {
        Limit::Times(limit) => (
            format!("{:.2} x", row.cost / row.reference),
            format!("{limit:.2} x"),
            row.cost / row.reference <= limit,
        ),
        Limit::Over(limit) => (
            format!("{:+.1} us", row.cost - row.reference),
            format!("{limit:+.1} us"),
            row.cost - row.reference <= limit,
        ),
    };
    println!(
        "{:<62} {:>9.2} us {:>9.2} us {:>10} {:>10}  {}",
        row.work,
        row.cost,
        row.reference,
        measured,
        limit,
        if holds { "holds" } else { "MISSED" }
    );
}

type Section = (&'static str, fn() -> Result<Vec<Row>, Failure>);

fn main() -> Result<(), Failure> {
    let sections: [Section; 8] = [
        ("engine", engine::rows),
        ("http", http::rows),
        ("plugin", plugin::rows),
        ("interpreters", plugin::interpreters),
        ("swaps", swaps::rows),
        ("proxy", proxy::rows),
        ("rest", rest::rows),
        ("scale", scale::rows),
    ];
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    cpu::pin_to_one()?;
    println!(
        "{:<62} {:>12} {:>12} {:>10} {:>10}",
        "work (CPU us per operation, or CPU-ms per 1,000)",
        "cost",
        "reference",
        "measured",
        "promised"
    );
    for (name, rows) in sections {
        if wanted.is_empty() || wanted.iter().any(|section| section == name) {
            rows()?.iter().for_each(print);
        }
    }
    Ok(())
}
