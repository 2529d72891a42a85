mod agreement;
mod claims;
mod form;

use std::sync::LazyLock;

use serde_json::json;

use super::{super::SigningKey, *};

const NOW: u64 = 1_800_000_000;

struct Keys {
    es256: SigningKey,
    es384: SigningKey,
    ed25519: SigningKey,
    rs256: SigningKey,
    hs256: SigningKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let new = |algorithm| SigningKey::generate(algorithm).unwrap().0;
    Keys {
        es256: new(Algorithm::Es256),
        es384: new(Algorithm::Es384),
        ed25519: new(Algorithm::EdDsa),
        rs256: new(Algorithm::Rs256),
        hs256: SigningKey::hmac(&[7; 32], Algorithm::Hs256).unwrap(),
    }
});

impl Keys {
    fn all(&self) -> [&SigningKey; 5] {
        [
            &self.es256,
            &self.es384,
            &self.ed25519,
            &self.rs256,
            &self.hs256,
        ]
    }
}

fn claims() -> Value {
    json!({"iss": "https://i", "sub": "s", "aud": "us", "exp": NOW + 300, "iat": NOW})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn judge(token: &[u8], key: &SigningKey) -> Result<Verified, Rejection> {
    judge_by(token, &[key.algorithm()], &key.verification_keys())
}

fn judge_by(token: &[u8], algorithms: &[Algorithm], keys: &KeySet) -> Result<Verified, Rejection> {
    verify(
        token,
        &Expected {
            algorithms,
            keys,
            types: &["JWT"],
            typ_may_be_absent: true,
            issuer: "https://i",
            audiences: &["us".to_owned()],
            leeway: 0,
            now: Timestamp(NOW),
        },
    )
}

fn judge_claims(claims: &Value) -> Result<Verified, Rejection> {
    let key = &KEYS.es256;
    judge(key.sign_jwt("JWT", claims).unwrap().as_bytes(), key)
}

/// Signs any header and payload whatever with HS256, and judges it as such.
fn judge_raw(header: &str, payload: &str) -> Result<Verified, Rejection> {
    let key = &KEYS.hs256;
    judge(
        sign_raw(header.as_bytes(), payload.as_bytes()).as_bytes(),
        key,
    )
}

fn sign_raw(header: &[u8], payload: &[u8]) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header),
        base64url::encode(payload)
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", base64url::encode(tag.as_ref()))
}

fn judge_header(header: &str) -> Result<Verified, Rejection> {
    judge_raw(header, &claims().to_string())
}

fn split(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn what_every_key_signs_verifies_and_nothing_else_does() {
    for key in KEYS.all() {
        let token = key.sign_jwt("JWT", &claims()).unwrap();
        let verified = judge(token.as_bytes(), key).unwrap();
        assert_eq!(Value::Object(verified.claims), claims());
        assert_eq!(verified.key_id.as_deref(), key.key_id());
        assert_eq!(verified.expires_at, Timestamp(NOW + 300));
        let [header, payload, signature] = split(&token);
        let other = base64url::encode(with("sub", json!("t")).to_string().as_bytes());
        assert_eq!(
            judge(format!("{header}.{other}.{signature}").as_bytes(), key),
            Err(Rejection::BadSignature)
        );
        let mut flipped = base64url::decode(signature.as_bytes()).unwrap();
        flipped[10] ^= 1;
        let flipped = base64url::encode(&flipped);
        assert_eq!(
            judge(format!("{header}.{payload}.{flipped}").as_bytes(), key),
            Err(Rejection::BadSignature)
        );
    }
}

#[test]
fn sj_01_none_absent_and_empty_signatures_are_refused() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(
            judge_header(&header),
            Err(Rejection::AlgorithmNotAllowed),
            "{alg}"
        );
        let unsigned = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
        let [header, payload, _] = split(&unsigned);
        assert!(judge(format!("{header}.{payload}.").as_bytes(), &KEYS.hs256).is_err());
    }
    assert_eq!(judge_header("{}"), Err(Rejection::Malformed));
    let token = sign_raw(br#"{"alg":"HS256"}"#, claims().to_string().as_bytes());
    let [header, payload, _] = split(&token);
    for form in [
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.AAAA"),
    ] {
        assert!(judge(form.as_bytes(), &KEYS.hs256).is_err(), "{form}");
    }
}

#[test]
fn sj_02_a_public_key_is_never_a_shared_secret() {
    let (key, pem) = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = key.public_jwk().unwrap().to_string();
    for secret in [
        pem.as_str(),
        &format!("\n {}", pem.as_str()),
        &jwk,
        &format!(" {jwk}"),
    ] {
        assert_eq!(
            SigningKey::hmac(secret.as_bytes(), Algorithm::Hs256).unwrap_err(),
            super::super::KeyError::SecretIsKey
        );
    }
    let header = json!({"alg": "HS256", "kid": key.key_id()}).to_string();
    let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
    let keys = key.verification_keys();
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Es256], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    assert_eq!(
        judge_by(
            token.as_bytes(),
            &[Algorithm::Es256, Algorithm::Hs256],
            &keys
        ),
        Err(Rejection::AlgorithmNotAllowed)
    );
}

#[test]
fn sj_03_the_algorithm_must_suit_issuer_and_key() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    let keys = KEYS.es256.verification_keys();
    assert!(judge_by(token.as_bytes(), &[Algorithm::Es256], &keys).is_ok());
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Rs256], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    assert_eq!(
        judge_by(token.as_bytes(), &[], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    // A key that says RS256 does not verify PS256, though the same modulus could.
    let mut jwk = KEYS.rs256.public_jwk().unwrap();
    let header = json!({"alg": "PS256", "kid": KEYS.rs256.key_id()}).to_string();
    let token = sign_raw(header.as_bytes(), b"{}");
    let set = |jwk: &Value| KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Ps256], &set(&jwk)),
        Err(Rejection::AlgorithmNotAllowed)
    );
    jwk.as_object_mut().unwrap().remove("alg");
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Ps256], &set(&jwk)),
        Err(Rejection::BadSignature)
    );
}

#[test]
fn sj_04_keys_and_pointers_in_the_header_are_refused() {
    let embedded = KEYS.es256.sign_jwt_embedding_key("JWT", &claims()).unwrap();
    assert_eq!(
        judge(embedded.as_bytes(), &KEYS.es256),
        Err(Rejection::Malformed)
    );
    for member in [
        r#""jwk":{}"#,
        r#""jku":"https://evil""#,
        r#""x5u":"https://evil""#,
        r#""x5c":[]"#,
        r#""jwk":null"#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256",{member}}}"#)),
            Err(Rejection::Malformed),
            "{member}"
        );
    }
    assert!(judge_header(r#"{"alg":"HS256","x5t":"abc"}"#).is_ok());
}

#[test]
fn sj_05_kid_is_an_exact_string_of_bounded_length() {
    let signed_as = |kid: &Value| {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
        judge(token.as_bytes(), &KEYS.es256)
    };
    let id = KEYS.es256.key_id().unwrap();
    for kid in [
        "../../etc/passwd",
        "\0",
        "' OR 1=1 --",
        "",
        &id[1..],
        &format!("{id}\0"),
        &id.to_ascii_lowercase(),
    ] {
        assert_eq!(
            signed_as(&json!(kid)),
            Err(Rejection::UnknownKey),
            "{kid:?}"
        );
    }
    assert_eq!(
        signed_as(&json!("k".repeat(257))),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        signed_as(&json!("k".repeat(64 * 1024))),
        Err(Rejection::TooLarge)
    );
    for kid in [json!(1), json!(null), json!([id]), json!({})] {
        assert_eq!(signed_as(&kid), Err(Rejection::Malformed), "{kid}");
    }
}

#[test]
fn sj_05_without_kid_exactly_one_key_must_fit() {
    let header = json!({"alg": "ES256"}).to_string();
    let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
    let judge = |keys: &[&SigningKey]| {
        let keys = KeySet::of(keys.iter().map(|key| key.verification_key()));
        judge_by(token.as_bytes(), &[Algorithm::Es256], &keys)
    };
    let (second, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(
        judge(&[&KEYS.es256, &KEYS.rs256]),
        Err(Rejection::BadSignature)
    );
    assert_eq!(judge(&[&KEYS.es256, &second]), Err(Rejection::UnknownKey));
    assert_eq!(judge(&[&KEYS.rs256]), Err(Rejection::UnknownKey));
    assert_eq!(judge(&[]), Err(Rejection::UnknownKey));
}

#[test]
fn sj_07_every_crit_is_refused() {
    for crit in [
        r#"["x"]"#,
        "[]",
        r#"["exp","exp"]"#,
        "[1]",
        r#"["alg"]"#,
        r#""exp""#,
        "null",
        r#"["b64"]"#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#)),
            Err(Rejection::Malformed),
            "{crit}"
        );
    }
}

#[test]
fn sj_13_typ_separates_kinds() {
    let accepts = |typ: Option<&str>, types: &[&str], typ_may_be_absent| {
        let header = typ.map_or_else(
            || json!({"alg": "HS256"}),
            |typ| json!({"alg": "HS256", "typ": typ}),
        );
        let token = sign_raw(
            header.to_string().as_bytes(),
            claims().to_string().as_bytes(),
        );
        let expected = Expected {
            algorithms: &[Algorithm::Hs256],
            keys: &KEYS.hs256.verification_keys(),
            types,
            typ_may_be_absent,
            issuer: "https://i",
            audiences: &["us".to_owned()],
            leeway: 0,
            now: Timestamp(NOW),
        };
        match verify(token.as_bytes(), &expected) {
            Ok(_) => true,
            Err(rejection) => {
                assert_eq!(rejection, Rejection::WrongType);
                false
            }
        }
    };
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        assert!(accepts(Some(typ), &["at+jwt"], false), "{typ}");
        assert!(!accepts(Some(typ), &["JWT"], true), "{typ}");
    }
    for typ in [
        "JWT",
        "dpop+jwt",
        "logout+jwt",
        "client-authentication+jwt",
        "",
        "at+jwt ",
        "application/a/at+jwt",
        "jose+json",
    ] {
        assert!(!accepts(Some(typ), &["at+jwt"], true), "{typ}");
    }
    assert!(!accepts(None, &["at+jwt"], false));
    assert!(accepts(None, &["JWT"], true));
}
