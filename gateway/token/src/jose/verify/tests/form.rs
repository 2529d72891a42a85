//! The one accepted form of a token and of its signature.

use super::*;

#[test]
fn sj_14_degenerate_ecdsa_signatures_are_refused() {
    let key = &KEYS.es256;
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    let good = base64url::decode(signature.as_bytes()).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (r, s) = good.split_at(32);
    let der = [&[0x30, 68, 2, 32], r, &[2, 32], s].concat();
    let padded = [&[0], r, &[0], s].concat();
    for forged in [
        vec![0; 64],
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [&order, s].concat(),
        [r, &order].concat(),
        der,
        padded,
        good[..63].to_vec(),
        [good.as_slice(), &[0]].concat(),
    ] {
        let token = format!("{header}.{payload}.{}", base64url::encode(&forged));
        assert_eq!(
            judge(token.as_bytes(), key),
            Err(Rejection::BadSignature),
            "{forged:?}"
        );
    }
}

#[test]
fn sj_17_a_token_has_one_spelling() {
    let key = &KEYS.ed25519;
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    // 64 bytes end in a character with four spare bits: its neighbours decode alike in lax readers.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let neighbour = char::from(last.as_bytes()[0] + 1);
    for form in [
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{rest}{neighbour}"),
        format!("{header}..{payload}.{signature}"),
        format!(".{header}.{payload}.{signature}"),
        format!("{token}."),
        format!("{header}.{payload}.{signature}+"),
    ] {
        assert_eq!(
            judge(form.as_bytes(), key),
            Err(Rejection::Malformed),
            "{form}"
        );
    }
}

#[test]
fn sj_19_size_is_capped_before_anything_else() {
    assert_eq!(
        judge(&vec![b'.'; 1_000_000], &KEYS.es256),
        Err(Rejection::TooLarge)
    );
    assert_eq!(
        judge(&vec![b'A'; 1 << 20], &KEYS.es256),
        Err(Rejection::TooLarge)
    );
    assert_eq!(
        judge(&vec![b'.'; MAX_TOKEN_BYTES], &KEYS.es256),
        Err(Rejection::Malformed)
    );
    let long = with("x", json!("x".repeat(MAX_TOKEN_BYTES)));
    assert_eq!(judge_claims(&long), Err(Rejection::TooLarge));
    assert_eq!(
        judge_header(&format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(5_000))),
        Err(Rejection::TooLarge)
    );
}

#[test]
fn sj_21_json_serialisation_and_detached_payloads_are_refused() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    let flattened =
        json!({"protected": header, "payload": payload, "signature": signature}).to_string();
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
            .to_string();
    for form in [flattened, general, format!("{header}..{signature}")] {
        assert!(judge(form.as_bytes(), &KEYS.es256).is_err(), "{form}");
    }
    for member in [
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""zip":"DEF""#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256",{member}}}"#)),
            Err(Rejection::Malformed),
            "{member}"
        );
    }
}

#[test]
fn je_04_an_encrypted_token_is_not_a_signed_one() {
    assert_eq!(
        judge(b"eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA", &KEYS.es256),
        Err(Rejection::Malformed)
    );
}

#[test]
fn the_claimed_issuer_is_read_without_verifying() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(peek_issuer(token.as_bytes()).as_deref(), Some("https://i"));
    for claims in [without("iss"), with("iss", json!(["https://i"]))] {
        let token = KEYS.es256.sign_jwt("JWT", &claims).unwrap();
        assert_eq!(peek_issuer(token.as_bytes()), None);
    }
    assert_eq!(peek_issuer(b"a.b.c"), None);
}
