//! The gateway's own users: names, password hashes, attributes.
//!
//! Names are compared byte by byte, in any letter case as written. What could make two different names
//! look alike (control and invisible characters, blanks at the ends) is not let in, by the same function
//! when adding and when checking (SC-07).

mod name;
pub(crate) mod password;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cambist_core::{BoxFuture, Fault, Rejection, ValidateError};
use cambist_token::{Attempts, PasswordDirectory, Profile};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    heavy::HeavyPool,
    store::{Store, StoreError, User},
};

pub use name::{NameError, realm_path, username};
pub use password::MAX_PASSWORD_BYTES;

/// What is known about a user whose password was right.
#[derive(Clone, Debug, PartialEq)]
pub struct UserProfile {
    /// The name.
    pub username: String,
    /// What tokens may say about the user.
    pub attributes: Map<String, Value>,
}

/// Why a user was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The password is empty or over 1 KiB.
    #[error("a password has 1 to {MAX_PASSWORD_BYTES} bytes")]
    Password,
    /// The realm or the name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The store said no; [`StoreError::Exists`] if the name is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hash could not be computed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Adds and authenticates users.
#[derive(Clone, Debug)]
pub struct UserDirectory {
    store: Store,
    heavy: HeavyPool,
    attempts: Option<Arc<Attempts>>,
}

impl UserDirectory {
    /// The users in `store`, hashing in `heavy`.
    pub const fn new(store: Store, heavy: HeavyPool) -> Self {
        Self {
            store,
            heavy,
            attempts: None,
        }
    }

    /// The same, with what bounds the guessing of passwords. Whoever asks it about names and passwords from
    /// strangers asks `attempts` first.
    #[must_use]
    pub fn bounded_by(mut self, attempts: Arc<Attempts>) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Adds a user.
    pub async fn add(
        &self,
        realm: &str,
        name: &str,
        password: &str,
        attributes: Map<String, Value>,
    ) -> Result<(), UserError> {
        let (realm, name) = (realm_path(realm)?, username(name)?.to_owned());
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(UserError::Password);
        }
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let password_hash = self.heavy.run(move || password::hash(&password)).await??;
        let user = User {
            realm,
            username: name,
            password_hash,
            attributes,
            is_disabled: false,
        };
        Ok(self.store.add_user(&user).await?)
    }

    /// Checks a password. An unknown user, a disabled one and a wrong password get the same answer after
    /// the same work, so that neither tells who exists.
    pub async fn authenticate(
        &self,
        realm: &str,
        name: &str,
        password: &str,
    ) -> Result<UserProfile, ValidateError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(Rejection::TooLarge.into());
        }
        let found = match (realm_path(realm), username(name)) {
            (Ok(realm), Ok(name)) => self
                .store
                .user(&realm, name)
                .await
                .map_err(|error| unavailable(&error))?,
            _ => None,
        };
        let stored = found.as_ref().map_or_else(
            || password::NOBODYS_HASH.to_owned(),
            |user| user.password_hash.clone(),
        );
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let is_right = self
            .heavy
            .run(move || password::verify(&password, &stored))
            .await
            .map_err(ValidateError::Fault)??;
        match found {
            Some(user) if is_right && !user.is_disabled => Ok(UserProfile {
                username: user.username,
                attributes: user.attributes,
            }),
            _ => Err(Rejection::BadSignature.into()),
        }
    }
}

impl PasswordDirectory for UserDirectory {
    fn attempts(&self) -> Option<&Attempts> {
        self.attempts.as_deref()
    }

    fn authenticate<'a>(
        &'a self,
        realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            let UserProfile {
                username,
                attributes,
            } = Self::authenticate(self, realm, username, password).await?;
            Ok(Profile {
                username,
                attributes,
                session: None,
            })
        })
    }
}

fn unavailable(error: &StoreError) -> ValidateError {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the user directory cannot be read"
    );
    Fault::Unavailable("the user directory cannot be read".to_owned()).into()
}
