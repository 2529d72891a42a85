//! Passwords that an LDAP directory checks (RFC 4511, RFC 4513 §5.1): find the entry, then bind as it.
//!
//! Connections go to addresses that the egress guard lets through. Referrals are not followed. An empty
//! password never reaches the directory, which would take it for an anonymous bind (RFC 4513 §5.1.2).

mod document;
mod entry;
mod pool;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use cambist_core::{BoxFuture, Fault, Rejection, ValidateError};
use cambist_token::{PasswordDirectory, Profile};
use ldap3::{
    DerefAliases, Ldap, LdapError, Scope, SearchEntry, SearchOptions, dn_escape, ldap_escape,
};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

pub use document::{LdapDocument, LdapScope};

use crate::{directory, egress::Egress};
use pool::Pool;

/// What stands for the name in filters and names.
const PLACE: &str = "{username}";

/// Result codes (RFC 4511 appendix A.2).
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS: u32 = 50;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const UNWILLING: u32 = 53;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_DN: u32 = 34;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const CONSTRAINT_VIOLATION: u32 = 19;
const SIZE_LIMIT: u32 = 4;

/// The users of one directory.
#[derive(Clone)]
pub struct LdapDirectory(Arc<Shared>);

struct Shared {
    /// Connections bound as the service, for searching.
    service: Pool,
    /// Connections for binding as users. What they are bound as is never relied on.
    users: Pool,
    bind_dn: String,
    bind_password: Zeroizing<String>,
    find: Find,
    username_attribute: String,
    attributes: Vec<(String, String)>,
    timeout: Duration,
    handle: Handle,
}

/// How the entry of a user is found.
enum Find {
    /// By a search below a base.
    Search {
        base: String,
        scope: Scope,
        filter: String,
    },
    /// By its name, the user's name put in.
    Name(String),
}

impl fmt::Debug for LdapDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LdapDirectory")
    }
}

impl LdapDirectory {
    /// Builds it. Connects to nothing yet. `secret` is the password of `bind_dn`.
    pub fn build(
        document: &LdapDocument,
        secret: Option<Zeroizing<String>>,
        egress: Egress,
        handle: Handle,
    ) -> Result<Self, crate::publish_error::PublishError> {
        document::build(document, secret, egress, handle).map(|shared| Self(Arc::new(shared)))
    }
}

impl PasswordDirectory for LdapDirectory {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            // The same rule as for the gateway's own users, so that no name can pass for another.
            let name = directory::username(username)
                .map_err(|_| Rejection::BadSignature)?
                .to_owned();
            if password.is_empty() {
                return Err(Rejection::BadSignature.into());
            }
            let password = Zeroizing::new(password.to_owned());
            let (limit, handle) = (shared.timeout, shared.handle.clone());
            // Connections belong to the background runtime, whose tasks outlive a request.
            let task = handle.spawn(async move {
                tokio::time::timeout(limit, shared.authenticate(&name, &password))
                    .await
                    .unwrap_or_else(|_| Err(away("it did not answer in time")))
            });
            task.await.unwrap_or_else(|_| {
                Err(Fault::Internal("the LDAP client failed".to_owned()).into())
            })
        })
    }
}

impl Shared {
    async fn authenticate(&self, name: &str, password: &str) -> Result<Profile, ValidateError> {
        match &self.find {
            Find::Search {
                base,
                scope,
                filter,
            } => {
                let filter = filter.replace(PLACE, &ldap_escape(name));
                let entry = self
                    .find(base, *scope, &filter)
                    .await?
                    .ok_or(Rejection::BadSignature)?;
                let user = self.bound_as(&entry.dn, password).await?;
                self.users.put(user);
                self.profile(&entry)
            }
            Find::Name(template) => {
                let dn = template.replace(PLACE, &dn_escape(name));
                let mut user = self.bound_as(&dn, password).await?;
                // Users may read themselves; the service may not be there at all.
                let found = self
                    .search(&mut user, &dn, Scope::Base, "(objectClass=*)")
                    .await
                    .map_err(SearchFailure::into_error)?;
                self.users.put(user);
                self.profile(&found.ok_or(Rejection::BadSignature)?)
            }
        }
    }

    /// A connection that has been idle may be gone, which only using it tells: then once more on a new one.
    async fn find(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
    ) -> Result<Option<SearchEntry>, ValidateError> {
        if let Some(mut idle) = self.service.take_idle() {
            match self.search(&mut idle, base, scope, filter).await {
                Ok(found) => {
                    self.service.put(idle);
                    return Ok(found);
                }
                Err(SearchFailure::Connection(_)) => {}
                Err(other) => return Err(other.into_error()),
            }
        }
        let mut fresh = self.service.connect().await?;
        if !self.bind_dn.is_empty() {
            let bound = fresh
                .with_timeout(self.timeout)
                .simple_bind(&self.bind_dn, &self.bind_password)
                .await;
            match bound.map_err(|error| broken(&error))?.rc {
                0 => {}
                // Whose password is wrong must not look like a user's mistake.
                code => return Err(failed("the service cannot bind", code)),
            }
        }
        let found = self
            .search(&mut fresh, base, scope, filter)
            .await
            .map_err(SearchFailure::into_error)?;
        self.service.put(fresh);
        Ok(found)
    }

    /// The one entry that `filter` finds.
    async fn search(
        &self,
        ldap: &mut Ldap,
        base: &str,
        scope: Scope,
        filter: &str,
    ) -> Result<Option<SearchEntry>, SearchFailure> {
        let seconds = i32::try_from(self.timeout.as_secs()).unwrap_or(i32::MAX);
        let options = SearchOptions::new()
            .deref(DerefAliases::Never)
            .sizelimit(2)
            .timelimit(seconds);
        let mut wanted: Vec<&str> = self
            .attributes
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        wanted.push(&self.username_attribute);
        let answer = ldap
            .with_search_options(options)
            .with_timeout(self.timeout)
            .search(base, scope, filter, wanted)
            .await
            .map_err(SearchFailure::Connection)?;
        let ldap3::SearchResult(entries, result) = answer;
        match result.rc {
            0 => {}
            NO_SUCH_OBJECT => return Ok(None),
            SIZE_LIMIT => return Err(SearchFailure::Ambiguous),
            code => return Err(SearchFailure::Refused(code)),
        }
        // References lead elsewhere, and nobody follows them.
        let mut entries = entries
            .into_iter()
            .filter(|entry| !entry.is_ref() && !entry.is_intermediate());
        match (entries.next(), entries.next()) {
            (Some(only), None) => Ok(Some(SearchEntry::construct(only))),
            (None, _) => Ok(None),
            // Which of them would it be?
            (Some(_), Some(_)) => Err(SearchFailure::Ambiguous),
        }
    }

    /// A connection that is bound as the entry `dn`, if `password` is its password.
    async fn bound_as(&self, dn: &str, password: &str) -> Result<Ldap, ValidateError> {
        // Both would be anonymous binds, which succeed (RFC 4513 §5.1.1, §5.1.2).
        if dn.is_empty() || password.is_empty() {
            return Err(Rejection::BadSignature.into());
        }
        if let Some(mut idle) = self.users.take_idle()
            && let Ok(bound) = idle
                .with_timeout(self.timeout)
                .simple_bind(dn, password)
                .await
        {
            return self.judged(idle, bound.rc);
        }
        let mut fresh = self.users.connect().await?;
        let bound = fresh
            .with_timeout(self.timeout)
            .simple_bind(dn, password)
            .await
            .map_err(|error| broken(&error))?;
        self.judged(fresh, bound.rc)
    }

    fn judged(&self, connection: Ldap, code: u32) -> Result<Ldap, ValidateError> {
        match code {
            0 => Ok(connection),
            INVALID_CREDENTIALS
            | NO_SUCH_OBJECT
            | INVALID_DN
            | INAPPROPRIATE_AUTHENTICATION
            | INSUFFICIENT_ACCESS
            | CONSTRAINT_VIOLATION
            | UNWILLING => {
                self.users.put(connection);
                Err(Rejection::BadSignature.into())
            }
            code => Err(failed("a bind was not answered", code)),
        }
    }

    fn profile(&self, entry: &SearchEntry) -> Result<Profile, ValidateError> {
        let name = entry::first(entry, &self.username_attribute)
            .filter(|name| directory::username(name).is_ok())
            .ok_or_else(|| {
                tracing::warn!(
                    attribute = self.username_attribute,
                    "an entry has no usable user name"
                );
                Rejection::Refused
            })?;
        Ok(Profile {
            username: name,
            attributes: entry::attributes(entry, &self.attributes),
            session: None,
        })
    }
}

/// Why a search found nobody.
enum SearchFailure {
    /// The connection or the protocol on it broke.
    Connection(LdapError),
    /// The directory said no.
    Refused(u32),
    /// Several entries fit.
    Ambiguous,
}

impl SearchFailure {
    fn into_error(self) -> ValidateError {
        match self {
            Self::Connection(error) => broken(&error),
            Self::Refused(code) => failed("a search was refused", code),
            Self::Ambiguous => {
                tracing::warn!("a user name fits several LDAP entries; nobody is signed in by it");
                Rejection::BadSignature.into()
            }
        }
    }
}

fn broken(error: &LdapError) -> ValidateError {
    away(&error.to_string())
}

fn away(reason: &str) -> ValidateError {
    tracing::warn!(reason, "the LDAP directory cannot be asked");
    Fault::Unavailable("the LDAP directory".to_owned()).into()
}

fn failed(what: &str, code: u32) -> ValidateError {
    tracing::warn!(code, "LDAP: {what}");
    if matches!(code, BUSY | UNAVAILABLE) {
        Fault::Unavailable("the LDAP directory".to_owned()).into()
    } else {
        Fault::Internal(format!("LDAP: {what}, result {code}")).into()
    }
}
