//! What the tests of a plugin need: a bench that stands in for the gateway, so that a plugin is tested as
//! plain Rust in `cargo test`; and the gateway itself, for its golden cases.

pub(crate) mod bench;
mod host;
pub(crate) mod key;
pub(crate) mod store;

pub use bench::Bench;
pub use host::in_the_host;

#[cfg(test)]
mod tests;
