//! Tokens that a tree of an access manager checks: it reads them from a header of the login.

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Token, TokenType, ValidateError, Validator,
};
use hyper::header::HeaderName;
use zeroize::Zeroizing;

use super::AccessManager;

/// Longest token that is handed over, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Hands tokens of one type to an access manager.
pub struct HeaderValidator {
    access_manager: Arc<AccessManager>,
    header: HeaderName,
    token_type: TokenType,
    declared: Declared,
}

impl HeaderValidator {
    /// Hands tokens of `token_type` over in `header`.
    pub const fn new(
        access_manager: Arc<AccessManager>,
        header: HeaderName,
        token_type: TokenType,
        declared: Declared,
    ) -> Self {
        Self {
            access_manager,
            header,
            token_type,
            declared,
        }
    }

    /// The token as the tree reads it.
    fn text(&self, token: &Token, call: &Call<'_>) -> Result<Zeroizing<String>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        // A certificate is no secret: it counts only for whoever proved to hold its key.
        if self.token_type == TokenType::X509 {
            let own = crate::x509::proven(token, call)?;
            return Ok(Zeroizing::new(base64_simd::STANDARD.encode_to_string(own)));
        }
        let text = token.as_str().ok_or(Rejection::Malformed)?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Rejection::Malformed);
        }
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl Validator for HeaderValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(async move {
            let text = self.text(token, call)?;
            let headers = vec![(self.header.clone(), text)];
            let made = self.access_manager.log_in(headers).await?;
            // Without a session nobody says whose token it was.
            let session = made.ok_or(Rejection::Refused)?;
            let profile = self.access_manager.behind(session, call.now).await?;
            let mut principal = Principal {
                subject: profile.username,
                authenticated_at: Some(call.now),
                claims: profile.attributes,
                session: profile.session.map(cambist_core::UsedSession::interim),
                ..Principal::default()
            };
            self.declared.complete(&mut principal, None);
            Ok(Arc::new(principal))
        })
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        self.access_manager.end(session)
    }
}
