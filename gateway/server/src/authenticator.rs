//! Who checks credentials: named per realm, chosen by instances and by those who sign in.
//!
//! An authenticator is called `{realm}/{name}`, as an instance is. The one called `default` checks the
//! passwords of its realm where none is named; without it the gateway's own users do.

use std::{fmt, sync::Arc};

use cambist_core::{BoxFuture, Declared, Token, TokenType, ValidateError, Validator};
use cambist_token::{Attempts, PasswordDirectory, Profile};
use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::{
    access_manager::{
        AccessManager, AccessManagerDocument, AccessManagerPasswords, HeaderValidator,
        RemoteSessions,
    },
    egress::Egress,
    ldap::{LdapDirectory, LdapDocument},
    publish_error::PublishError,
    x509::{X509Document, X509Rules, X509Validator},
};

/// The name that is used where none is given.
pub const DEFAULT: &str = "default";

/// An authenticator as JSON, the body of `PUT /admin/v1/authenticators/{realm}/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuthenticatorDocument {
    /// `PingAM`, `OpenAM` or one of their kin.
    AccessManager(AccessManagerDocument),
    /// An LDAP directory or an Active Directory.
    Ldap(LdapDocument),
    /// The gateway's own users.
    Users(UsersDocument),
    /// Certificates.
    X509(X509Document),
}

/// The gateway's own users, about whom there is nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersDocument {}

impl AuthenticatorDocument {
    /// The secret of the vault that it needs.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Ldap(ldap) => ldap.bind_password.as_deref(),
            Self::AccessManager(_) | Self::Users(_) | Self::X509(_) => None,
        }
    }
}

/// An authenticator, ready for use.
#[derive(Clone)]
pub enum Authenticator {
    /// An access manager, and what bounds the guessing of passwords that it checks.
    AccessManager(Arc<AccessManager>, Arc<dyn PasswordDirectory>),
    /// Passwords.
    Passwords(Arc<dyn PasswordDirectory>),
    /// Certificates.
    X509(Arc<X509Rules>),
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessManager(..) => "AccessManager",
            Self::Passwords(_) => "Passwords",
            Self::X509(_) => "X509",
        })
    }
}

/// What authenticators are built with.
pub struct AuthenticatorBench<'a> {
    /// The gateway's own users.
    pub users: &'a Arc<dyn PasswordDirectory>,
    /// The way out.
    pub egress: &'a Egress,
    /// The runtime that connections live on.
    pub handle: &'a Handle,
    /// A secret of the vault as text.
    pub secret: &'a dyn Fn(&str) -> Option<Zeroizing<String>>,
}

impl Authenticator {
    /// Builds `document` for `realm`. Connects to nothing yet.
    pub fn build(
        document: &AuthenticatorDocument,
        realm: &str,
        bench: &AuthenticatorBench<'_>,
    ) -> Result<Self, PublishError> {
        match document {
            AuthenticatorDocument::AccessManager(document) => {
                AccessManager::build(document, realm, bench.egress.clone())
                    .map(|manager| Self::AccessManager(manager, Arc::clone(bench.users)))
            }
            AuthenticatorDocument::Ldap(document) => {
                let secret = document
                    .bind_password
                    .as_deref()
                    .map(|name| {
                        (bench.secret)(name).ok_or_else(|| {
                            PublishError::new(
                                "bind_password",
                                format!("`{name}` is not a secret of the vault, or no text"),
                                format!("put it there first: PUT /admin/v1/secrets/{name}"),
                            )
                        })
                    })
                    .transpose()?;
                let directory = LdapDirectory::build(
                    document,
                    secret,
                    bench.egress.clone(),
                    bench.handle.clone(),
                )?;
                Ok(Self::Passwords(Arc::new(Bounded {
                    directory,
                    bounds: Arc::clone(bench.users),
                })))
            }
            AuthenticatorDocument::Users(_) => Ok(Self::Passwords(Arc::clone(bench.users))),
            AuthenticatorDocument::X509(document) => X509Rules::build(document).map(Self::X509),
        }
    }

    /// Who checks passwords, if it does.
    pub fn passwords(&self) -> Option<Arc<dyn PasswordDirectory>> {
        match self {
            Self::AccessManager(manager, bounds) => Some(Arc::new(Bounded {
                directory: AccessManagerPasswords(Arc::clone(manager)),
                bounds: Arc::clone(bounds),
            })),
            Self::Passwords(directory) => Some(Arc::clone(directory)),
            Self::X509(_) => None,
        }
    }

    /// Whatever checks tokens of `token_type`, if it does. An access manager that is not to be asked about
    /// sessions needs the name of the header that its tree reads.
    pub fn validator(
        &self,
        token_type: &TokenType,
        header: Option<HeaderName>,
        declared: Declared,
    ) -> Option<Arc<dyn Validator>> {
        match self {
            Self::AccessManager(manager, _) if *token_type == TokenType::SESSION => {
                Some(Arc::new(RemoteSessions::new(Arc::clone(manager), declared)))
            }
            Self::AccessManager(manager, _) => Some(Arc::new(HeaderValidator::new(
                Arc::clone(manager),
                header?,
                token_type.clone(),
                declared,
            ))),
            Self::X509(rules) if *token_type == TokenType::X509 => {
                Some(Arc::new(X509Validator::new(Arc::clone(rules), declared)))
            }
            Self::Passwords(_) | Self::X509(_) => None,
        }
    }
}

/// Another directory, whose passwords may be guessed no oftener than those of the gateway's own users.
struct Bounded<D> {
    directory: D,
    bounds: Arc<dyn PasswordDirectory>,
}

impl<D: PasswordDirectory> PasswordDirectory for Bounded<D> {
    fn authenticate<'a>(
        &'a self,
        realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        self.directory.authenticate(realm, username, password)
    }

    fn attempts(&self) -> Option<&Attempts> {
        self.bounds.attempts()
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        self.directory.end_session(session)
    }
}

/// Splits `alpha/staff/ldap` into `/alpha/staff` and `ldap`.
pub fn split(id: &str) -> (String, &str) {
    match id.rsplit_once('/') {
        Some((realm, name)) => (format!("/{realm}"), name),
        None => ("/".to_owned(), id),
    }
}

/// The id of the authenticator `name` of `realm`.
pub fn id(realm: &str, name: &str) -> String {
    let realm = realm.trim_start_matches('/');
    if realm.is_empty() {
        name.to_owned()
    } else {
        format!("{realm}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_realm_and_name() {
        for (realm, name, joined) in [("/", "ldap", "ldap"), ("/a/b", "ldap", "a/b/ldap")] {
            assert_eq!(id(realm, name), joined);
            assert_eq!(split(joined), (realm.to_owned(), name));
        }
    }

    #[test]
    fn a_document_says_its_kind_first() {
        let read = |text: &str| serde_json::from_str::<AuthenticatorDocument>(text);
        assert_eq!(
            read(r#"{"kind":"users"}"#).unwrap(),
            AuthenticatorDocument::Users(UsersDocument {})
        );
        assert!(read(r#"{"kind":"users","x":1}"#).is_err());
        assert!(read(r#"{"kind":"radius"}"#).is_err());
        assert!(read(r#"{"kind":"ldap","url":"ldaps://l","bse":"x"}"#).is_err());
    }
}
