//! How whoever will present an issued token shall be confirmed, where its type can say that.

/// What a face asks of a token type that names its presenter's confirmation (saml-profiles §3). It only ever
/// narrows who may use the token, so no policy has to allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedConfirmation {
    /// By having the token.
    Bearer,
    /// By the key of this certificate in DER; without one, by the key whose possession the caller proved on
    /// this request ([`Proofs::certificates`](crate::Proofs::certificates)).
    HolderOfKey(Option<Vec<u8>>),
    /// By the word of a party that attests for the subject.
    SenderVouches,
}
