use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::*;

const URI: &str = "https://api.example/orders";
const NOW: Timestamp = Timestamp(1_800_000_000);

fn wanted(nonce_required: bool) -> Wanted<'static> {
    Wanted {
        method: "GET",
        uri: URI,
        nonce_required,
        now: NOW,
    }
}

fn headers(key: &SigningKey, more: &Value) -> HeaderMap {
    let mut claims = json!({"jti": "1", "htm": "GET", "htu": URI, "iat": NOW.0});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let proof = key.sign_jwt_embedding_key("dpop+jwt", &claims).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(PROOF, proof.parse().unwrap());
    headers
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().0
}

#[test]
fn dp_01_one_header_or_none() {
    let dpop = Dpop::new().unwrap();
    assert_eq!(dpop.check(&HeaderMap::new(), &wanted(true)), Ok(None));
    let mut two = headers(&key(), &json!({}));
    two.append(PROOF, "x".parse().unwrap());
    assert_eq!(dpop.check(&two, &wanted(false)), Err(DpopRefusal::Several));
}

#[test]
fn sc_09_dp_25_a_proof_serves_once() {
    let dpop = Dpop::new().unwrap();
    let key = key();
    let first = headers(&key, &json!({}));
    assert!(dpop.check(&first, &wanted(false)).is_ok());
    assert_eq!(
        dpop.check(&first, &wanted(false)),
        Err(DpopRefusal::Replayed)
    );
    assert_eq!(
        dpop.check(&headers(&key, &json!({})), &wanted(false)),
        Err(DpopRefusal::Replayed),
        "signed again, and the same still"
    );
    assert!(
        dpop.check(&headers(&key, &json!({"jti": "2"})), &wanted(false))
            .is_ok()
    );
}

#[test]
fn dp_10_dp_22_a_nonce_must_be_ours_and_recent() {
    let dpop = Dpop::new().unwrap();
    let key = key();
    let said = |nonce: &str, id: &str| headers(&key, &json!({"nonce": nonce, "jti": id}));
    let recent = dpop.nonce(NOW.minus(60));
    for (index, (nonce, fits)) in [
        (dpop.nonce(NOW), true),
        (recent.clone(), true),
        (dpop.nonce(NOW.minus(120)), false),
        (dpop.nonce(NOW.plus(60)), false),
        (Dpop::new().unwrap().nonce(NOW), false),
        ("made-up".to_owned(), false),
    ]
    .into_iter()
    .enumerate()
    {
        for required in [true, false] {
            let headers = said(&nonce, &format!("{index}-{required}"));
            let outcome = dpop.check(&headers, &wanted(required));
            assert_eq!(outcome.is_ok(), fits, "{index}");
            assert!(fits || outcome == Err(DpopRefusal::Nonce), "{index}");
        }
    }
    assert_eq!(
        dpop.check(&headers(&key, &json!({"jti": "none"})), &wanted(true)),
        Err(DpopRefusal::Nonce)
    );
}

#[test]
fn sc_09_dp_12_a_resource_wants_the_hash_of_its_token() {
    let dpop = Dpop::new().unwrap();
    let key = key();
    let good = headers(&key, &json!({"ath": dpop::token_hash(b"token")}));
    let thumbprint = dpop.check_resource(&good, b"token", &wanted(false));
    assert_eq!(thumbprint, Ok(key.key_id().map(ToOwned::to_owned)));
    for (id, more) in [
        ("2", json!({})),
        ("3", json!({"ath": dpop::token_hash(b"other")})),
    ] {
        let mut more = more;
        more["jti"] = json!(id);
        assert_eq!(
            dpop.check_resource(&headers(&key, &more), b"token", &wanted(false)),
            Err(DpopRefusal::Token)
        );
    }
    assert_eq!(
        dpop.check_resource(&HeaderMap::new(), b"token", &wanted(false)),
        Ok(None)
    );
}
