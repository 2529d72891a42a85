use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use cambist_guest::{Fault, Principal, testing::Bench};

use super::*;

const NOW: u64 = 1_900_000_000;
/// The secret key of the published test vectors for v4.public.
const SEED: [u8; 32] = [
    0xb4, 0xcb, 0xfb, 0x43, 0xdf, 0x4c, 0xe2, 0x10, 0x72, 0x7d, 0x95, 0x3e, 0x4a, 0x71, 0x33, 0x07,
    0xfa, 0x19, 0xbb, 0x7d, 0x9f, 0x85, 0x04, 0x14, 0x38, 0xd9, 0xe1, 0x1b, 0x94, 0x2a, 0x37, 0x74,
];

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap()
}

fn bench() -> Bench {
    let key = key();
    Bench::new().key_with(
        "signing",
        "EdDSA",
        move |data| key.sign(data).as_ref().to_vec(),
        |_, _| false,
    )
}

fn issuance() -> Issuance {
    Issuance::new(
        "https://sts.example",
        Principal::new("dana"),
        "https://api.example",
    )
    .client("app")
    .scopes(["read", "write"])
}

fn call() -> Call {
    Call::at(NOW).with("lifetime", 300)
}

fn issue(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal> {
    bench().run(|| Paseto::issue(issuance, call))
}

/// The claims and the footer of a token, if its signature is good.
fn opened(token: &[u8]) -> (Value, String) {
    let token = str::from_utf8(token).unwrap();
    let body = token.strip_prefix("v4.public.").unwrap();
    let (body, footer) = body.split_once('.').unwrap_or((body, ""));
    let footer = String::from_utf8(URL_SAFE_NO_PAD.decode(footer).unwrap()).unwrap();
    let body = URL_SAFE_NO_PAD.decode(body).unwrap();
    let (message, signature) = body.split_at(body.len() - 64);
    let message = str::from_utf8(message).unwrap();
    UnparsedPublicKey::new(&ED25519, key().public_key().as_ref())
        .verify(&pae(&["v4.public.", message, &footer, ""]), signature)
        .unwrap();
    (serde_json::from_str(message).unwrap(), footer)
}

#[test]
fn the_published_vector_4_s_1_comes_out() {
    let message = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
    let token = bench().run(|| v4_public(message, "")).unwrap();
    assert_eq!(
        token,
        "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDow\
         MCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA"
    );
}

#[test]
fn a_token_says_what_was_permitted() {
    let issued = issue(&issuance(), &call()).unwrap();
    assert_eq!(issued.expires_at, NOW + 300);
    let (claims, footer) = opened(&issued.token);
    assert_eq!(
        claims,
        json!({
            "iss": "https://sts.example", "sub": "dana", "aud": "https://api.example",
            "iat": "2030-03-17T17:46:40+00:00", "nbf": "2030-03-17T17:46:40+00:00",
            "exp": "2030-03-17T17:51:40+00:00", "jti": "000102030405060708090a0b0c0d0e0f",
            "scope": "read write", "client_id": "app",
        })
    );
    assert_eq!(footer, "");
}

#[test]
fn the_footer_names_the_key_and_is_signed() {
    let issued = issue(&issuance(), &call().with("kid", "k4.pid.x")).unwrap();
    assert_eq!(opened(&issued.token).1, r#"{"kid":"k4.pid.x"}"#);
}

#[test]
fn a_token_ends_no_later_than_permitted() {
    let issued = issue(&issuance().not_after(NOW + 10), &call()).unwrap();
    assert_eq!(issued.expires_at, NOW + 10);
    assert_eq!(opened(&issued.token).0["exp"], "2030-03-17T17:46:50+00:00");
}

#[test]
fn a_chain_of_actors_nests() {
    let mut desk = Actor::new("desk");
    desk.issuer = Some("https://as.example".to_owned());
    let issuance = issuance().actor(desk).actor(Actor::new("robot"));
    let (claims, _) = opened(&issue(&issuance, &call()).unwrap().token);
    assert_eq!(
        claims["act"],
        json!({"sub": "desk", "iss": "https://as.example", "act": {"sub": "robot"}})
    );
}

#[test]
fn several_audiences_do_not_fit() {
    let refusal = issue(&issuance().audience("other"), &call()).unwrap_err();
    assert_eq!(refusal, Refusal::refused("one-audience"));
}

#[test]
fn a_missing_key_is_the_operators_mistake() {
    let refusal = Bench::new()
        .run(|| Paseto::issue(&issuance(), &call()))
        .unwrap_err();
    assert_eq!(refusal.fault, Fault::Internal);
}

#[test]
fn times_are_those_of_the_calendar() {
    for (time, text) in [
        (0, "1970-01-01T00:00:00+00:00"),
        (951_782_399, "2000-02-28T23:59:59+00:00"),
        (951_782_400, "2000-02-29T00:00:00+00:00"),
        (951_868_800, "2000-03-01T00:00:00+00:00"),
        (1_735_689_599, "2024-12-31T23:59:59+00:00"),
        (4_107_542_400, "2100-03-01T00:00:00+00:00"),
    ] {
        assert_eq!(rfc3339(time), text);
    }
}
