//! The OAuth 2.0 face: token exchange (RFC 8693), JWK set, server metadata (RFC 8414).

pub mod client_authentication;
pub mod form;
pub mod metadata;
pub mod refusal;
pub mod resource;
pub mod saml_bearer;
pub mod token;
