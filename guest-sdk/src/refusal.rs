//! Why a plugin said no.

use std::{error::Error, fmt};

/// The general reason of a refusal. Closed: finer reasons are a [`code`](Refusal::code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read as what it claims to be.
    Malformed,
    /// It can be read, and is not accepted for a reason none of the others names.
    Refused,
    /// It ended.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Its signature or MAC does not verify.
    BadSignature,
    /// It is addressed to somebody else.
    WrongAudience,
    /// Not the caller's fault: something the plugin depends on is away; trying again may help.
    Unavailable,
    /// Not the caller's fault: the plugin is misconfigured or wrong.
    Internal,
}

/// Why a plugin said no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Refusal {
    /// The general reason.
    pub fault: Fault,
    /// The plugin's own short code for it.
    pub code: Option<String>,
    /// A text that may reach the caller.
    pub message: Option<String>,
    /// A text that only operators see.
    pub detail: Option<String>,
}

impl Refusal {
    /// A refusal for this reason alone.
    pub const fn new(fault: Fault) -> Self {
        Self {
            fault,
            code: None,
            message: None,
            detail: None,
        }
    }

    /// It cannot be read as what it claims to be.
    pub const fn malformed() -> Self {
        Self::new(Fault::Malformed)
    }

    /// Not accepted for a reason of the plugin's own, named by a short code such as `account-locked`.
    pub fn refused(code: impl Into<String>) -> Self {
        Self::new(Fault::Refused).code(code)
    }

    /// It ended.
    pub const fn expired() -> Self {
        Self::new(Fault::Expired)
    }

    /// Its time has not come.
    pub const fn not_yet_valid() -> Self {
        Self::new(Fault::NotYetValid)
    }

    /// Its signature or MAC does not verify.
    pub const fn bad_signature() -> Self {
        Self::new(Fault::BadSignature)
    }

    /// It is addressed to somebody else.
    pub const fn wrong_audience() -> Self {
        Self::new(Fault::WrongAudience)
    }

    /// Something the plugin depends on is away. The detail is for operators.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Fault::Unavailable).detail(detail)
    }

    /// The plugin is misconfigured or wrong. The detail is for operators.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(Fault::Internal).detail(detail)
    }

    /// Adds a short code of the plugin's own.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds a text that may reach the caller. Say nothing in it that helps to guess.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Adds a text that only operators see.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Malformed => "malformed",
            Fault::Refused => "refused",
            Fault::Expired => "expired",
            Fault::NotYetValid => "not yet valid",
            Fault::BadSignature => "bad signature",
            Fault::WrongAudience => "wrong audience",
            Fault::Unavailable => "unavailable",
            Fault::Internal => "internal fault",
        };
        f.write_str(fault)?;
        for text in [&self.code, &self.detail].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl Error for Refusal {}
