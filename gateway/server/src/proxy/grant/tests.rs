use std::sync::Arc;

use cambist_core::{IssuedToken, Principal, Scope, Token, TokenType};
use serde_json::json;

use super::*;

fn exchanged(token: &str, usage: Usage) -> Exchanged {
    let claims = json!({
        "email": "d@example.com", "groups": ["a,b", "c%"], "level": 3, "vip": true,
        "evil": "x\r\nX-Admin: 1", "name": "Zoë", "address": {"a": 1}, "pad": " a b ",
    });
    Exchanged {
        issued: IssuedToken {
            token: Token::new(token),
            token_type: TokenType::ACCESS_TOKEN,
            usage,
            expires_at: Timestamp(2_000),
            id: None,
        },
        scope: Scope::parse("write read").unwrap(),
        audiences: vec!["orders".to_owned()],
        subject: "partner:dana".to_owned(),
        actors: None,
        marks: Arc::default(),
        confirmation: None,
        principal: Arc::new(Principal {
            claims: claims.as_object().unwrap().clone(),
            authentication_context: Some("gold".to_owned()),
            authenticated_at: Some(Timestamp(1_000)),
            ..Principal::default()
        }),
    }
}

fn header(claim: &str) -> Option<String> {
    let headers = [(HeaderName::from_static("x-a"), claim.to_owned())];
    let granted = Granted::new(
        exchanged("t", Usage::Bearer),
        0,
        &Delivery::Nothing,
        &headers,
    )
    .unwrap();
    granted
        .claims
        .first()
        .map(|(_, value)| value.to_str().unwrap().to_owned())
}

#[test]
fn claims_become_headers_and_nothing_more() {
    let table = [
        ("sub", "partner:dana"),
        ("scope", "read write"),
        ("aud", "orders"),
        ("acr", "gold"),
        ("auth_time", "1000"),
        ("email", "d@example.com"),
        ("groups", "a%2Cb,c%25"),
        ("level", "3"),
        ("vip", "true"),
        ("evil", "x%0D%0AX-Admin: 1"),
        ("name", "Zo%C3%AB"),
        ("pad", "%20a b%20"),
    ];
    for (claim, expected) in table {
        assert_eq!(header(claim).as_deref(), Some(expected), "{claim}");
    }
    for absent in ["address", "client_id", "iss", "nothing", "act"] {
        assert_eq!(header(absent), None, "{absent}");
    }
}

#[test]
fn px_07_the_token_goes_where_it_is_told_and_only_if_it_fits() {
    let saml = Delivery::Saml(HeaderName::from_static("x-saml"));
    let of = |send: &Delivery, token: &str, usage| {
        Granted::new(exchanged(token, usage), 0, send, &[]).map(|granted| {
            granted.token.map(|(name, value)| {
                assert!(value.is_sensitive());
                format!("{name}: {}", value.to_str().unwrap())
            })
        })
    };
    assert_eq!(
        of(&Delivery::Bearer, "a.b", Usage::Bearer)
            .unwrap()
            .unwrap(),
        "authorization: Bearer a.b"
    );
    assert_eq!(
        of(&saml, "PGE-Pw", Usage::NotApplicable).unwrap().unwrap(),
        "x-saml: PGE+Pw=="
    );
    let own = Delivery::Header(HeaderName::from_static("x-token"));
    assert_eq!(
        of(&own, "a:b", Usage::NotApplicable).unwrap().unwrap(),
        "x-token: a:b"
    );
    assert!(
        of(&Delivery::Nothing, "a b", Usage::Bearer)
            .unwrap()
            .is_none()
    );
    for (send, token, usage) in [
        (&Delivery::Bearer, "a.b", Usage::NotApplicable),
        (&Delivery::Bearer, "a b", Usage::Bearer),
        (&own, "a\nb", Usage::Bearer),
        (&saml, "a+b", Usage::Bearer),
    ] {
        assert!(
            matches!(of(send, token, usage), Err(Refusal::Unsendable(_))),
            "{token}"
        );
    }
}

#[test]
fn rfc_9470_what_is_not_known_is_not_met() {
    let granted = |change: fn(&mut Exchanged)| {
        let mut exchanged = exchanged("t", Usage::Bearer);
        change(&mut exchanged);
        Granted::new(exchanged, 0, &Delivery::Nothing, &[]).unwrap()
    };
    let known = granted(|_| {});
    let unknown = granted(|exchanged| exchanged.principal = Arc::default());
    let contexts = |values: &[&str]| StepUpDocument {
        acr_values: values.iter().map(|v| (*v).to_owned()).collect(),
        max_age_seconds: None,
    };
    let age = |seconds| StepUpDocument {
        acr_values: Vec::new(),
        max_age_seconds: Some(seconds),
    };
    let now = Timestamp(1_300);
    assert!(known.meets(&contexts(&["silver", "gold"]), now));
    assert!(!known.meets(&contexts(&["platinum"]), now));
    assert!(known.meets(&age(300), now) && !known.meets(&age(299), now));
    assert!(!unknown.meets(&contexts(&["gold"]), now) && !unknown.meets(&age(300), now));
}
