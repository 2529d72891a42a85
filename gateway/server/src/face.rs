//! Protocol faces: each turns its wire form into an exchange request and the outcome back.

pub mod oauth;
pub mod rest;
pub mod rest_publish;
pub mod rest_sts;
pub mod rest_tokens;
pub mod session;

use std::borrow::Cow;

use cambist_core::Token;

/// An issued token as text: itself, or in base64url where a plugin makes other bytes.
fn shown(token: &Token) -> Cow<'_, str> {
    token.as_str().map_or_else(
        || {
            base64_simd::URL_SAFE_NO_PAD
                .encode_to_string(token.as_bytes())
                .into()
        },
        Cow::Borrowed,
    )
}
