//! How whoever presents an issued assertion will be confirmed: as the request wants it, otherwise as the
//! operator set it.

use cambist_core::{Call, Issuance, IssueError, WantedConfirmation};
use cambist_saml::draft::Confirmation;

use super::{
    super::{Frame, keys::CertificateDocument},
    settings::ConfirmationName,
};
use crate::publish_error::PublishError;

const NO_KEY: IssueError = IssueError::Impossible(
    "a holder-of-key assertion needs a key, and the caller proved to hold none",
);

const UNSAYABLE: IssueError = IssueError::Impossible(
    "an assertion is bound to its caller's certificate or not at all, and this one must be bound otherwise",
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
        holder: Option<&CertificateDocument>,
        frame: &Frame<'_>,
    ) -> Result<Self, PublishError> {
        let holder = holder
            .map(|document| frame.certificate("holder_certificate", document))
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

    /// Whether what is issued can stay bound to the caller's certificate.
    pub(super) const fn is_callers_key(&self) -> bool {
        matches!(self, Self::HolderOfKey(None))
    }

    /// That of one assertion. A key that was proved on this request needs no other word for it.
    pub(super) fn for_one<'a>(
        &'a self,
        issuance: &Issuance<'a>,
        call: &Call<'a>,
    ) -> Result<Confirmation<'a>, IssueError> {
        let bound = issuance.confirmation();
        // A proof by message shows a key and no certificate, and an assertion names keys by certificates.
        if bound.is_some_and(|keys| keys.key.is_some()) {
            return Err(UNSAYABLE);
        }
        let own = call.proofs.certificates.first().map(Vec::as_slice);
        let chosen = self.choose(issuance, own)?;
        // What is bound stays bound.
        if bound.is_some() && !is_holder(chosen, own) {
            return Err(UNSAYABLE);
        }
        Ok(chosen)
    }

    fn choose<'a>(
        &'a self,
        issuance: &Issuance<'a>,
        own: Option<&'a [u8]>,
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
            .or(own)
            .map(Confirmation::HolderOfKey)
            .ok_or(NO_KEY)
    }
}

fn is_holder(chosen: Confirmation<'_>, own: Option<&[u8]>) -> bool {
    matches!(chosen, Confirmation::HolderOfKey(named) if Some(named) == own)
}
