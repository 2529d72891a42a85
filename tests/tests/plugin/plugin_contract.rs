//! One contract for every validator: each builtin, and its twin in a sandbox.

#![expect(
    clippy::indexing_slicing,
    reason = "the documents are objects made here"
)]

use std::sync::Arc;

use cambist_core::{Principal, RESERVED_CLAIMS, Rejection, Token, Validator};
use serde_json::{Value, json};

use crate::{
    NOW, call,
    plugin_twins::{PARTNER, World},
};

/// What a validator says, as far as the contract goes: the general reason of a refusal, and a principal
/// without what only builtins keep.
async fn said(validator: &Arc<dyn Validator>, token: &Token) -> Result<Principal, Rejection> {
    match validator.validate(token, &call()).await {
        Ok(principal) => {
            let mut principal = Arc::unwrap_or_clone(principal);
            principal
                .claims
                .retain(|name, _| !RESERVED_CLAIMS.contains(&name.as_str()));
            principal.authenticated_at = principal.authenticated_at.filter(|at| at.0 != NOW);
            Ok(principal)
        }
        Err(error) => Err(error.rejection().unwrap()),
    }
}

fn claims() -> Value {
    json!({
        "iss": PARTNER, "sub": "alice", "aud": ["us", "them"], "iat": NOW - 5, "exp": NOW + 600,
        "auth_time": NOW - 60, "acr": "high", "amr": ["pwd", "otp"], "email": "a@b", "level": 3, "admin": false,
        "groups": ["x", "y"], "address": {"city": "Rome"},
    })
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

/// What a JWT says and what must come of it; none is a principal.
fn judged() -> Vec<(&'static str, Value, Option<Rejection>)> {
    vec![
        ("all in order", claims(), None),
        ("one audience", with("aud", json!("us")), None),
        (
            "a chain",
            with("act", json!({"sub": "b", "act": {"sub": "a", "iss": "i"}})),
            None,
        ),
        (
            "a permission",
            with("may_act", json!({"sub": "svc", "org": "x"})),
            None,
        ),
        (
            "ended",
            with("exp", json!(NOW - 60)),
            Some(Rejection::Expired),
        ),
        (
            "ended within the leeway, and nothing left",
            with("exp", json!(NOW - 29)),
            None,
        ),
        (
            "not begun",
            with("nbf", json!(NOW + 120)),
            Some(Rejection::NotYetValid),
        ),
        (
            "for others",
            with("aud", json!("them")),
            Some(Rejection::WrongAudience),
        ),
        ("for nobody", without("aud"), Some(Rejection::WrongAudience)),
        ("without end", without("exp"), Some(Rejection::Malformed)),
        (
            "without subject",
            without("sub"),
            Some(Rejection::Malformed),
        ),
        (
            "a number as subject",
            with("sub", json!(5)),
            Some(Rejection::Malformed),
        ),
        (
            "a text as end",
            with("exp", json!("soon")),
            Some(Rejection::Malformed),
        ),
        (
            "an actor without name",
            with("act", json!({"iss": "i"})),
            Some(Rejection::Malformed),
        ),
        (
            "a permission that is none",
            with("may_act", json!("svc")),
            Some(Rejection::Malformed),
        ),
        (
            "bound to a key",
            with("cnf", json!({"jwk": {}})),
            Some(Rejection::Refused),
        ),
    ]
}

#[tokio::test]
async fn every_jwt_validator_and_its_twin_say_the_same() {
    let world = World::new();
    for (kind, typ) in [
        ("access_token", "at+jwt"),
        ("id_token", "JWT"),
        ("jwt", "JWT"),
    ] {
        let pair = world.validators(kind);
        for (what, mut claims, expected) in judged() {
            if kind == "access_token" {
                claims["client_id"] = json!("app");
                claims["scope"] = json!("read write");
            }
            let token = Token::new(world.partner.sign_jwt(typ, &claims).unwrap());
            let (builtin, twin) = (
                said(&pair.builtin, &token).await,
                said(&pair.twin, &token).await,
            );
            // A plugin's principal whose end has passed is expired, whatever the leeway.
            if claims["exp"] == json!(NOW - 29) {
                assert_eq!(twin, Err(Rejection::Expired), "{kind}: {what}");
                assert!(builtin.is_ok(), "{kind}: {what}");
                continue;
            }
            assert_eq!(builtin.as_ref().err(), expected.as_ref(), "{kind}: {what}");
            assert_eq!(twin, builtin, "{kind}: {what}");
        }
    }
}

#[tokio::test]
async fn every_validator_and_its_twin_refuse_what_is_no_token() {
    let world = World::new();
    for kind in ["access_token", "id_token", "jwt"] {
        let pair = world.validators(kind);
        let typ = if kind == "access_token" {
            "at+jwt"
        } else {
            "JWT"
        };
        let good = world.partner.sign_jwt(typ, &claims()).unwrap();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let cut = good.get(..good.len() / 2).unwrap();
        for bad in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "{}",
            cut,
            signed,
            &good[1..],
            "\u{0}",
            "\u{feff}",
            &format!("{good}."),
            &format!("{good}.x"),
            &format!("{signed}.{signature}="),
        ] {
            for validator in [&pair.builtin, &pair.twin] {
                let answer = said(validator, &Token::new(bad)).await;
                assert_eq!(answer, Err(Rejection::Malformed), "{kind}: {bad:?}");
            }
        }
        let other = World::new().partner.sign_jwt(typ, &claims()).unwrap();
        let (_, foreign) = other.rsplit_once('.').unwrap();
        let forged = Token::new(format!("{signed}.{foreign}"));
        for validator in [&pair.builtin, &pair.twin] {
            let answer = said(validator, &forged).await;
            assert_eq!(answer, Err(Rejection::BadSignature), "{kind}");
            let answer = said(validator, &Token::new(vec![0xff, 0xfe])).await;
            assert_eq!(answer, Err(Rejection::Malformed), "{kind}");
        }
    }
}

#[tokio::test]
async fn passwords_and_their_twin_say_the_same() {
    let pair = World::new().validators("username");
    for (token, expected) in [
        (json!({"username": "dana", "password": "open sesame"}), None),
        (
            json!({"username": "dana", "password": "wrong"}),
            Some(Rejection::BadSignature),
        ),
        (
            json!({"username": "nobody", "password": "open sesame"}),
            Some(Rejection::BadSignature),
        ),
        (json!({"username": "dana"}), Some(Rejection::Malformed)),
        (
            json!({"username": 5, "password": "open sesame"}),
            Some(Rejection::Malformed),
        ),
        (json!("dana"), Some(Rejection::Malformed)),
    ] {
        let shown = token.to_string();
        let token = Token::new(shown.clone());
        let (builtin, twin) = (
            said(&pair.builtin, &token).await,
            said(&pair.twin, &token).await,
        );
        assert_eq!(builtin.as_ref().err(), expected.as_ref(), "{shown}");
        if let (Ok(builtin), Ok(twin)) = (&builtin, &twin) {
            assert_eq!(builtin.subject, twin.subject);
            assert_eq!(builtin.scope, twin.scope);
        } else {
            assert_eq!(twin.err(), builtin.err(), "{shown}");
        }
    }
}
