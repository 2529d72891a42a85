//! A user name with its password, checked against a directory here.

use std::{borrow::Cow, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Token, TokenType, UsedSession, ValidateError,
    Validator,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    Attempt, Attempts, Bench, BuildError, Builtin, attempts::authenticate, settings::Settings,
};

const MAX_TOKEN_BYTES: usize = 4 * 1024;
const MAX_USERNAME_BYTES: usize = 256;
const MAX_PASSWORD_BYTES: usize = 1024;

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "username",
    token_type: TokenType::USERNAME,
    validator: Some(build),
    provider: None,
};

/// Knows the users of realms and their passwords.
pub trait PasswordDirectory: Send + Sync {
    /// Checks a password. A wrong password and an unknown user are both [`Rejection::BadSignature`] and
    /// take the same time; a fault means that neither could be told.
    fn authenticate<'a>(
        &'a self,
        realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>>;

    /// What counts failures here and bounds them; none leaves passwords open to guessing.
    fn attempts(&self) -> Option<&Attempts> {
        None
    }

    /// Ends a session that [`Profile::session`] named. Best effort; by default there is none.
    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        let _ = session;
        Box::pin(std::future::ready(()))
    }
}

/// What a directory says about a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The name in the directory's own spelling; it becomes the subject.
    pub username: String,
    /// Attributes; they become claims.
    pub attributes: Map<String, Value>,
    /// The session that checking the password made elsewhere, if it is still there.
    pub session: Option<Token>,
}

fn build(
    settings: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<Arc<dyn Validator>, BuildError> {
    let declared = Settings::new(settings, &["scopes", "subject_prefix"])?.declared()?;
    Ok(Arc::new(Username {
        realm: bench.realm.to_owned(),
        directory: Arc::clone(bench.directory),
        declared,
    }))
}

struct Username {
    realm: String,
    directory: Arc<dyn PasswordDirectory>,
    declared: Declared,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(deserialize_with = "wiped")]
    password: Zeroizing<String>,
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

impl Credential<'_> {
    fn read(token: &Token) -> Result<Credential<'_>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        // A derived reader would take `["name", "password"]` for the object too.
        if token.as_bytes().trim_ascii_start().first() != Some(&b'{') {
            return Err(Rejection::Malformed);
        }
        let credential: Credential<'_> =
            serde_json::from_slice(token.as_bytes()).map_err(|_| Rejection::Malformed)?;
        let username = credential.username.len();
        if username > MAX_USERNAME_BYTES || credential.password.len() > MAX_PASSWORD_BYTES {
            return Err(Rejection::TooLarge);
        }
        if username == 0
            || credential.password.is_empty()
            || credential.username.contains(char::is_control)
        {
            return Err(Rejection::Malformed);
        }
        Ok(credential)
    }
}

impl Validator for Username {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(async move {
            let credential = Credential::read(token)?;
            let attempt = Attempt {
                realm: &self.realm,
                username: &credential.username,
                address: call.proofs.address,
                now: call.now,
            };
            let profile = authenticate(&*self.directory, &attempt, &credential.password).await?;
            let mut principal = Principal {
                subject: profile.username,
                authenticated_at: Some(call.now),
                authentication_methods: vec!["pwd".to_owned()],
                claims: profile.attributes,
                session: profile.session.map(UsedSession::interim),
                ..Principal::default()
            };
            self.declared.complete(&mut principal, None);
            Ok(Arc::new(principal))
        })
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        self.directory.end_session(session)
    }
}

#[cfg(test)]
mod tests;
