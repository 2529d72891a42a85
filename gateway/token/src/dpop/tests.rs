use serde_json::json;

use super::*;
use crate::jose::SigningKey;

const URI: &str = "https://sts.example/oauth2/orders/token";
const NOW: Timestamp = Timestamp(1_800_000_000);

fn claims() -> Value {
    json!({"jti": "1", "htm": "POST", "htu": URI, "iat": NOW.0})
}

fn with(name: &str, value: &Value) -> Value {
    let mut claims = claims();
    claims[name] = value.clone();
    claims
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().0
}

fn judge(proof: &str) -> Result<Proof, ProofError> {
    let expected = Expected {
        method: "POST",
        uri: URI,
        now: NOW,
    };
    verify(proof.as_bytes(), &expected)
}

fn signed(claims: &Value) -> Result<Proof, ProofError> {
    judge(
        &key(Algorithm::Es256)
            .sign_jwt_embedding_key("dpop+jwt", claims)
            .unwrap(),
    )
}

fn assembled(header: &Value, key: &SigningKey) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims().to_string().as_bytes())
    );
    let signature = key.sign_bytes(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url(&signature))
}

#[test]
fn sc_09_a_good_proof_names_its_key() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384] {
        let key = key(algorithm);
        let claims =
            json!({"jti": "1", "htm": "POST", "htu": URI, "iat": NOW.0, "nonce": "n", "ath": "h"});
        let proof = judge(&key.sign_jwt_embedding_key("dpop+jwt", &claims).unwrap()).unwrap();
        assert_eq!(Some(proof.thumbprint.as_str()), key.key_id());
        assert_eq!(
            (
                proof.id.as_str(),
                proof.nonce.as_deref(),
                proof.token_hash.as_deref()
            ),
            ("1", Some("n"), Some("h"))
        );
    }
}

#[test]
fn sc_09_dp_07_every_claim_is_needed_in_its_form() {
    for name in ["jti", "htm", "htu", "iat"] {
        for value in [json!(null), json!(""), json!({}), json!([1])] {
            assert_eq!(
                signed(&with(name, &value)),
                Err(ProofError::Claims),
                "{name}: {value}"
            );
        }
    }
    for name in ["nonce", "ath", "jti"] {
        let long = json!("x".repeat(300));
        assert_eq!(
            signed(&with(name, &long)),
            Err(ProofError::Claims),
            "{name}"
        );
    }
}

#[test]
fn sc_09_dp_08_dp_09_method_and_target_must_be_those_of_the_request() {
    for method in ["GET", "post", "POST "] {
        assert_eq!(
            signed(&with("htm", &json!(method))),
            Err(ProofError::Method),
            "{method}"
        );
    }
    assert_eq!(
        signed(&with(
            "htu",
            &json!("https://sts.example/oauth2/other/token")
        )),
        Err(ProofError::Target)
    );
}

#[test]
fn sc_09_dp_11_ab_27_the_time_must_be_near() {
    for (at, fits) in [
        (NOW.0 - MAX_AGE, true),
        (NOW.0 - MAX_AGE - 1, false),
        (NOW.0 + 10, true),
        (NOW.0 + 11, false),
        (0, false),
    ] {
        assert_eq!(signed(&with("iat", &json!(at))).is_ok(), fits, "{at}");
    }
    assert_eq!(
        signed(&with("exp", &json!(NOW.0))),
        Err(ProofError::Time),
        "it says itself that it ended"
    );
}

#[test]
fn sc_09_dp_03_sj_13_only_a_proof_is_a_proof() {
    let key = key(Algorithm::Es256);
    for typ in ["JWT", "at+jwt", "dpop", "client-authentication+jwt"] {
        let proof = key.sign_jwt_embedding_key(typ, &claims()).unwrap();
        assert_eq!(judge(&proof), Err(ProofError::Malformed), "{typ}");
    }
    let untyped = assembled(&json!({"alg": "ES256", "jwk": key.public_jwk()}), &key);
    assert_eq!(judge(&untyped), Err(ProofError::Malformed));
}

#[test]
fn sc_09_dp_04_only_asymmetric_algorithms() {
    let secret = SigningKey::hmac(&[7; 32], Algorithm::Hs256).unwrap();
    let jwk = json!({"kty": "oct", "k": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"});
    let header = json!({"alg": "HS256", "typ": "dpop+jwt", "jwk": jwk});
    assert_eq!(
        judge(&assembled(&header, &secret)),
        Err(ProofError::Algorithm)
    );
    for alg in ["none", "None", "ES512"] {
        let header =
            json!({"alg": alg, "typ": "dpop+jwt", "jwk": key(Algorithm::Es256).public_jwk()});
        assert_eq!(
            judge(&assembled(&header, &key(Algorithm::Es256))),
            Err(ProofError::Algorithm),
            "{alg}"
        );
    }
}

#[test]
fn sc_09_dp_05_the_key_must_be_there_and_public() {
    let key = key(Algorithm::Es256);
    let mut private = key.public_jwk().unwrap();
    private["d"] = json!("AAAA");
    for (what, header) in [
        ("none", json!({"alg": "ES256", "typ": "dpop+jwt"})),
        (
            "private",
            json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": private}),
        ),
        (
            "text",
            json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": "x"}),
        ),
        (
            "empty",
            json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": {}}),
        ),
        (
            "pointer",
            json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public_jwk(), "jku": "https://evil"}),
        ),
        (
            "critical",
            json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public_jwk(), "crit": ["x"]}),
        ),
    ] {
        assert_eq!(
            judge(&assembled(&header, &key)),
            Err(ProofError::Malformed),
            "{what}"
        );
    }
}

#[test]
fn sc_09_dp_06_the_key_must_have_signed_it() {
    let (mine, other) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": mine.public_jwk()});
    assert_eq!(
        judge(&assembled(&header, &other)),
        Err(ProofError::Signature)
    );
    let good = assembled(&header, &mine);
    assert!(judge(&good).is_ok());
    let changed = good.replacen('.', ".e", 1);
    assert!(judge(&changed).is_err());
}

#[test]
fn dp_02_what_is_not_one_jwt_is_refused() {
    for text in ["", "a", "a.b", "a.b.c", "a.b.c.d", "....."] {
        assert_eq!(judge(text), Err(ProofError::Malformed), "{text}");
    }
    assert_eq!(
        judge(&"a".repeat(MAX_PROOF_BYTES + 1)),
        Err(ProofError::Malformed)
    );
}

#[test]
fn the_token_hash_is_that_of_the_standard() {
    // RFC 9449 §7.1, figure 12 and 13.
    assert_eq!(
        token_hash(b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    );
}
