//! A `samlp:Response` around one assertion (saml-core §3.3.3).

use cambist_core::Timestamp;

use super::{Acceptance, Correlation, Presenter};
use crate::{dom::Node, model::Assertion, read, refusal::Refusal, uri, verify::Signatures};

impl Acceptance {
    /// Either the response or its assertion is signed, or both; whatever is signed must verify. Only when
    /// the response itself is signed are its own statements authentic: they can refuse, never allow.
    pub(super) fn response(
        &self,
        root: Node<'_>,
        signatures: Signatures<'_>,
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<Assertion, Refusal> {
        const WHAT: &str = "Response";
        root.attributes_within(
            &[
                "Consent",
                "Destination",
                "ID",
                "InResponseTo",
                "IssueInstant",
                "Version",
            ],
            WHAT,
        )?;
        read::version(root)?;
        if read::required_moment(root, "IssueInstant")? > now.plus(self.skew()) {
            return Err(Refusal::NotYetValid("IssueInstant"));
        }
        if root
            .attribute("Destination")
            .is_some_and(|place| !self.recipients.iter().any(|ours| ours == place))
        {
            return Err(Refusal::Destination);
        }
        if !presenter.correlation.allows(root.attribute("InResponseTo")) {
            return Err(Refusal::InResponseTo);
        }
        let mut parts = root.elements(WHAT)?;
        let sender = parts
            .take(uri::ASSERTION, "Issuer")
            .map(read::name_id)
            .transpose()?;
        parts.take(uri::SIGNATURE, "Signature");
        let status = parts.require(uri::PROTOCOL, "Status", Refusal::Missing("Status"))?;
        check_status(status)?;
        let content = parts.take_any().ok_or(Refusal::Missing("Assertion"))?;
        parts.end()?;

        let sender = sender.map(|name| self.issuer(&name)).transpose()?;
        if content.is(uri::ASSERTION, "EncryptedAssertion") {
            let keys = sender.map_or(&[][..], |sender| &sender.keys);
            let covered = signatures.verify(keys)?;
            return self.sealed_assertion(content, covered.get(content), sender);
        }
        if !content.is(uri::ASSERTION, "Assertion") {
            return Err(Refusal::Unexpected(WHAT));
        }
        let issuer = self.issuer_of(content)?;
        if sender.is_some_and(|sender| sender.entity_id != issuer.entity_id) {
            return Err(Refusal::IssuerMismatch);
        }
        let covered = signatures.verify(&issuer.keys)?;
        let verified = covered.get(content).ok_or(Refusal::NotSigned)?;
        Self::read(issuer, verified)
    }
}

fn check_status(status: Node<'_>) -> Result<(), Refusal> {
    let code = status
        .elements("Status")?
        .require(uri::PROTOCOL, "StatusCode", Refusal::Status)?;
    match code.attribute("Value") {
        Some(uri::STATUS_SUCCESS) => Ok(()),
        _ => Err(Refusal::Status),
    }
}

impl Correlation<'_> {
    /// Whether a document may say that it answers this request.
    pub(super) fn allows(self, in_response_to: Option<&str>) -> bool {
        match self {
            Self::Answers(request) => in_response_to == Some(request),
            Self::NotJudged => true,
            Self::Unsolicited => in_response_to.is_none(),
        }
    }
}
