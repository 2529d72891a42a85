//! The OAuth 2.0 face: token exchange (RFC 8693), introspection (RFC 7662), revocation (RFC 7009), JWK set,
//! metadata (RFC 8414, RFC 9728).

pub mod client_authentication;
pub mod form;
pub mod grant;
pub mod introspect;
mod issued;
pub mod metadata;
pub mod protected_resource;
pub mod refusal;
pub mod resource;
pub mod revoke;
pub mod saml_bearer;
pub mod token;
