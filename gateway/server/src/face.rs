//! Protocol faces: each turns one wire protocol into exchanges or published instances, and back.

pub mod rest_publish;
pub mod rest_sts;
