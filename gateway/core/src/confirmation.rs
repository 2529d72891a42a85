//! Keys a token is bound to (`cnf`, RFC 7800 §3.1): worth nothing without proof of them.

use serde_json::{Map, Value};

use crate::{Proofs, Rejection};

/// Longest thumbprint that is read, in bytes. One of SHA-256 has 43.
const LONGEST: usize = 128;

/// What a presenter of a token must prove to hold. At least one member is there, and all that are must be
/// proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of a public key whose holder signs `DPoP` proofs (`jkt`, RFC 9449 §6.1).
    pub key: Option<String>,
    /// SHA-256 of a certificate (`x5t#S256`, RFC 8705 §3.1).
    pub certificate: Option<String>,
}

impl Confirmation {
    /// Reads a token's `cnf` claim. One that names no key, or a key in a way whose proof is not known here,
    /// is refused: what cannot be proven must not count as unbound.
    pub fn from_claim(claim: &Value) -> Result<Self, Rejection> {
        let Value::Object(members) = claim else {
            return Err(Rejection::Refused);
        };
        let mut read = Self::default();
        for (name, value) in members {
            let print = value
                .as_str()
                .filter(|print| (1..=LONGEST).contains(&print.len()))
                .ok_or(Rejection::Refused)?;
            match name.as_str() {
                "jkt" => read.key = Some(print.to_owned()),
                "x5t#S256" => read.certificate = Some(print.to_owned()),
                _ => return Err(Rejection::Refused),
            }
        }
        if read.is_empty() {
            Err(Rejection::Refused)
        } else {
            Ok(read)
        }
    }

    /// The `cnf` claim.
    pub fn to_claim(&self) -> Value {
        let members = [("jkt", &self.key), ("x5t#S256", &self.certificate)];
        let members = members
            .into_iter()
            .filter_map(|(name, print)| Some((name.to_owned(), Value::String(print.clone()?))));
        Value::Object(members.collect::<Map<_, _>>())
    }

    /// Whether it names no key at all.
    pub const fn is_empty(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }

    /// Whether every key it names was proven (SX-12).
    pub fn is_met(&self, proofs: &Proofs<'_>) -> bool {
        let met = |wanted: &Option<String>, proven: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| proven == Some(wanted))
        };
        !self.is_empty()
            && met(&self.key, proofs.dpop_thumbprint)
            && met(&self.certificate, proofs.certificate_thumbprint)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sx_12_every_key_must_be_proven() {
        let both = Confirmation::from_claim(&json!({"jkt": "k", "x5t#S256": "c"})).unwrap();
        let proofs = |key, certificate| Proofs {
            dpop_thumbprint: key,
            certificate_thumbprint: certificate,
            ..Proofs::default()
        };
        assert!(both.is_met(&proofs(Some("k"), Some("c"))));
        for (key, certificate) in [
            (None, None),
            (Some("k"), None),
            (None, Some("c")),
            (Some("c"), Some("k")),
            (Some("k"), Some("d")),
        ] {
            assert!(!both.is_met(&proofs(key, certificate)));
        }
        assert!(!Confirmation::default().is_met(&proofs(Some("k"), Some("c"))));
    }

    #[test]
    fn sx_12_a_binding_that_cannot_be_proven_is_refused() {
        for claim in [
            json!(null),
            json!("k"),
            json!({}),
            json!({"jwk": {}}),
            json!({"jkt": "k", "kid": "x"}),
            json!({"jkt": ""}),
            json!({"jkt": 1}),
            json!({"jkt": "k".repeat(200)}),
        ] {
            assert_eq!(
                Confirmation::from_claim(&claim),
                Err(Rejection::Refused),
                "{claim}"
            );
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for claim in [json!({"jkt": "k"}), json!({"jkt": "k", "x5t#S256": "c"})] {
            assert_eq!(Confirmation::from_claim(&claim).unwrap().to_claim(), claim);
        }
    }
}
