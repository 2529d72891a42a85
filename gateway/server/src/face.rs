//! Protocol faces: each turns its wire form into an exchange request and the outcome back.

pub mod oauth;
pub mod rest;
pub mod rest_publish;
pub mod rest_sts;
