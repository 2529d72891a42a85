//! Why a publication did not happen.

use cambist_core::{Fault, Timestamp};
use cambist_plugin::PluginRejected;

use crate::{publish_error::PublishError, store::StoreError};

/// Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// `If-Match` names another revision than the current one.
    #[error("somebody changed it meanwhile")]
    Changed,
    /// Something with this name is there already.
    #[error("it exists already")]
    Exists,
    /// Other published things need it.
    #[error("in use by {0}")]
    InUse(String),
    /// The document cannot be built.
    #[error(transparent)]
    Invalid(#[from] PublishError),
    /// Nothing with this name is there.
    #[error("it does not exist")]
    NotFound,
    /// A key of this algorithm has been published and does not sign yet.
    #[error("the key {kid} is published already and signs from {} on", signs_from.0)]
    Waiting {
        /// Which.
        kid: String,
        /// When its time comes.
        signs_from: Timestamp,
    },
    /// The version is taken by another component.
    #[error("version {version} of plugin `{name}` is another component, {digest}")]
    VersionTaken {
        /// The plugin's name.
        name: String,
        /// The version of the uploaded component.
        version: String,
        /// The component that has it.
        digest: String,
    },
    /// Too much work is waiting.
    #[error("{0}")]
    Overloaded(#[from] Fault),
    /// The component cannot be a plugin.
    #[error(transparent)]
    Plugin(#[from] PluginRejected),
    /// The store refused or failed.
    #[error("the store failed: {0}")]
    Store(String),
}

impl From<StoreError> for PublishFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
