//! What integration tests, the demonstration and the benchmarks stand on: the real gateway, and stand-ins for
//! everything around it.

pub mod access_manager;
pub mod documents;
pub mod gateway;
pub mod guests;
pub mod http;
pub mod issuer;
pub mod mirror;
pub mod plugins;
pub mod raw;
pub mod server;
pub mod sts;
pub mod ticket;
pub mod tls;
pub mod upstream;
