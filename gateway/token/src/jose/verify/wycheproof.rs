//! Wycheproof's JSON Web Signature vectors, against header and signature rules: their payload is no set of
//! claims.

use cambist_core::Timestamp;
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web::{TestName, TestSet};

use super::{Expected, Unverified};
use crate::jose::{Algorithm, KeySet};

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

fn is_accepted(jws: &str, keys: &KeySet) -> bool {
    let expected = Expected {
        algorithms: &ALGORITHMS,
        keys,
        types: &["JWT"],
        typ_may_be_absent: true,
        issuer: "",
        audiences: &[],
        leeway: 0,
        now: Timestamp(0),
    };
    Unverified::parse(jws.as_bytes(), 16 * 1024)
        .and_then(|token| token.authenticate(&expected))
        .is_ok()
}

#[test]
fn no_invalid_vector_is_accepted_and_valid_ones_are() {
    let set = TestSet::load(TestName::JsonWebSignature).unwrap();
    let (mut refused, mut accepted, mut invalid) = (Vec::new(), 0, 0);
    for group in &set.test_groups {
        // Without a public key the group is about shared secrets, which no key set may hold.
        let keys = group.public_key.as_ref().map(|key| json!({"keys": [key]}));
        let keys = keys.and_then(|set| KeySet::parse(set.to_string().as_bytes()).ok());
        for test in &group.tests {
            let jws = match &test.jws {
                Some(Value::String(text)) => text.clone(),
                other => json!(other).to_string(),
            };
            let is_accepted = keys.as_ref().is_some_and(|keys| is_accepted(&jws, keys));
            if test.result.must_fail() {
                invalid += 1;
                assert!(!is_accepted, "{}: {}", test.tc_id, test.comment);
            } else if is_accepted {
                accepted += 1;
            } else if group.public_key.is_some() {
                refused.push(test.tc_id);
            }
        }
    }
    // PS384 under a key whose `alg` is PS256 (SJ-03), and ES512, which is not offered; twice each.
    assert_eq!(refused, [346, 347, 350, 351]);
    assert!(accepted > 20 && invalid > 300);
}
