//! Passwords that an access manager checks.

use std::sync::Arc;

use cambist_core::{BoxFuture, Rejection, Timestamp, Token, ValidateError};
use cambist_token::{PasswordDirectory, Profile};
use hyper::header::HeaderName;
use zeroize::Zeroizing;

use super::{AccessManager, client::Header};
use crate::{directory, gateway::now};

/// The users of one realm of an access manager.
#[derive(Clone, Debug)]
pub struct AccessManagerPasswords(pub Arc<AccessManager>);

impl PasswordDirectory for AccessManagerPasswords {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            let name = directory::username(username).map_err(|_| Rejection::BadSignature)?;
            if password.is_empty() {
                return Err(Rejection::BadSignature.into());
            }
            let header =
                |name, text: &str| -> Header { (HeaderName::from_static(name), header_text(text)) };
            let headers = vec![
                header("x-openam-username", name),
                header("x-openam-password", password),
            ];
            let now = now().unwrap_or(Timestamp(0));
            let Some(session) = self.0.log_in(headers).await? else {
                return Ok(Profile {
                    username: name.to_owned(),
                    ..Profile::default()
                });
            };
            self.0.behind(session, now).await
        })
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        self.0.end(session)
    }
}

impl AccessManager {
    /// Who is behind a session that was just made. It is ended if that cannot be told.
    pub(super) async fn behind(
        &self,
        session: Token,
        now: Timestamp,
    ) -> Result<Profile, ValidateError> {
        let token = session.as_str().unwrap_or_default();
        let found = async {
            let facts = self.session(token, now).await?;
            let attributes = self.profile(token, &facts.username, now).await?;
            Ok((facts.username, attributes))
        }
        .await;
        match found {
            Ok((username, attributes)) => Ok(Profile {
                username,
                attributes,
                session: Some(session),
            }),
            Err(error) => {
                self.log_out(token, now).await;
                Err(error)
            }
        }
    }

    /// Ends a session over there.
    pub(super) fn end<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let (Some(token), Some(now)) = (session.as_str(), now()) {
                self.log_out(token, now).await;
            }
        })
    }
}

/// Text as it may stand in a header: as it is, or as an encoded word (RFC 2047 §2).
fn header_text(text: &str) -> Zeroizing<String> {
    let is_plain = text.bytes().all(|b| (0x20..0x7f).contains(&b))
        && !text.contains("=?")
        && text.trim() == text;
    if is_plain {
        return Zeroizing::new(text.to_owned());
    }
    let encoded = Zeroizing::new(base64_simd::STANDARD.encode_to_string(text));
    Zeroizing::new(format!("=?UTF-8?B?{}?=", *encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_hold_is_encoded() {
        assert_eq!(*header_text("S3cr3t 42"), "S3cr3t 42");
        assert_eq!(*header_text("jürgen"), "=?UTF-8?B?asO8cmdlbg==?=");
        assert_eq!(*header_text("a=?b"), "=?UTF-8?B?YT0/Yg==?=");
        assert_eq!(*header_text(" a"), "=?UTF-8?B?IGE=?=");
        assert_eq!(*header_text("a\nb"), "=?UTF-8?B?YQpi?=");
    }
}
