//! How whoever presents an issued assertion will be confirmed: as the request wants it, otherwise as the
//! operator set it.

use cambist_core::{Call, Issuance, IssueError, WantedConfirmation};
use cambist_saml::draft::Confirmation;

use super::{super::certificate, settings::ConfirmationName};
use crate::publish_error::PublishError;

const NO_KEY: IssueError = IssueError::Impossible(
    "a holder-of-key assertion needs a key, and the caller proved to hold none",
);

/// What the operator set.
pub(super) enum OwnConfirmation {
    Bearer,
    /// By the key of this certificate in DER; without one, by the caller's own.
    HolderOfKey(Option<Vec<u8>>),
    SenderVouches,
}

impl OwnConfirmation {
    pub(super) fn build(
        name: ConfirmationName,
        holder: Option<&str>,
    ) -> Result<Self, PublishError> {
        let holder = holder
            .map(|pem| certificate("holder_certificate", pem))
            .transpose()?;
        if holder.is_some() && name != ConfirmationName::HolderOfKey {
            return Err(PublishError::new(
                "holder_certificate",
                "names the holder of a key, and nobody is confirmed by one",
                "set `confirmation` to `holder-of-key`, or leave it out",
            ));
        }
        Ok(match name {
            ConfirmationName::Bearer => Self::Bearer,
            ConfirmationName::HolderOfKey => {
                Self::HolderOfKey(holder.map(|certificate| certificate.der().to_vec()))
            }
            ConfirmationName::SenderVouches => Self::SenderVouches,
        })
    }

    /// That of one assertion. A key that was proved on this request needs no other word for it.
    pub(super) fn for_one<'a>(
        &'a self,
        issuance: &Issuance<'a>,
        call: &Call<'a>,
    ) -> Result<Confirmation<'a>, IssueError> {
        let holder = match (issuance.wanted_confirmation(), self) {
            (Some(WantedConfirmation::Bearer), _) | (None, Self::Bearer) => {
                return Ok(Confirmation::Bearer);
            }
            (Some(WantedConfirmation::SenderVouches), _) | (None, Self::SenderVouches) => {
                return Ok(Confirmation::SenderVouches);
            }
            (Some(WantedConfirmation::HolderOfKey(holder)), _)
            | (None, Self::HolderOfKey(holder)) => holder,
        };
        holder
            .as_deref()
            .or_else(|| call.proofs.certificates.first().map(Vec::as_slice))
            .map(Confirmation::HolderOfKey)
            .ok_or(NO_KEY)
    }
}
