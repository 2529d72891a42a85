//! Cambist's builtin token types over one strict JOSE module.

pub mod jose;
