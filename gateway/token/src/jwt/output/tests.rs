use cambist_core::{ExchangeError, TokenType, Usage};
use serde_json::json;

use super::*;
use crate::{
    fixture::{Fixture, NOW, SELF, client, id_claims, read_with, with},
    jose::KeySet,
};

const JTI: &str = "q6urq6urq6urq6urq6urqw";

#[tokio::test]
async fn at_02_an_access_token_has_exactly_these_claims() {
    let fixture = Fixture::new();
    let (provider, _) = fixture.provider("access_token", json!({})).unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], false))
        .await
        .unwrap();
    assert_eq!(
        fixture.read(&exchanged),
        json!({
            "iss": SELF, "sub": "alice", "aud": "orders", "exp": NOW + 300, "iat": NOW, "jti": JTI,
            "client_id": "web", "scope": "read", "act": {"sub": "web"},
        })
    );
    let issued = &exchanged.issued;
    assert_eq!(
        (issued.usage, &issued.token_type),
        (Usage::Bearer, &TokenType::ACCESS_TOKEN)
    );
    assert_eq!(
        (issued.expires_at, issued.id.as_deref()),
        (Timestamp(NOW + 300), Some(JTI))
    );
    let header = jsonwebtoken::decode_header(issued.token.as_bytes()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(
        header.kid.as_deref(),
        fixture.keyring.signing(Algorithm::Es256).unwrap().key_id()
    );
}

#[tokio::test]
async fn an_id_token_has_exactly_these_claims() {
    let fixture = Fixture::new();
    let (provider, _) = fixture
        .provider("id_token", json!({"algorithm": "EdDSA"}))
        .unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], true))
        .await
        .unwrap();
    assert_eq!(
        fixture.read(&exchanged),
        json!({
            "iss": SELF, "sub": "alice", "aud": "orders", "exp": NOW + 600, "iat": NOW, "jti": JTI,
            "azp": "web", "nonce": "n-0S6_WzA2Mj",
        })
    );
    assert_eq!(exchanged.issued.usage, Usage::NotApplicable);
    let header = jsonwebtoken::decode_header(exchanged.issued.token.as_bytes()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("JWT"));
}

#[tokio::test]
async fn at_03_authentication_is_copied_from_the_original_event() {
    let fixture = Fixture::new();
    let claims = with(
        with(
            with(id_claims(), "auth_time", json!(NOW - 60)),
            "acr",
            json!("loa2"),
        ),
        "amr",
        json!(["pwd", "otp"]),
    );
    for kind in ["access_token", "id_token"] {
        let (provider, _) = fixture.provider(kind, json!({})).unwrap();
        let exchanged = fixture
            .exchange(&claims, provider, &client(&["orders"], true))
            .await
            .unwrap();
        let issued = fixture.read(&exchanged);
        assert_eq!(issued["auth_time"], NOW - 60);
        assert_eq!(issued["acr"], "loa2");
        assert_eq!(issued["amr"], json!(["pwd", "otp"]));
    }
}

#[tokio::test]
async fn tx_52_the_chain_is_issued_by_identity_alone_newest_outermost() {
    let fixture = Fixture::new();
    let act = json!({"sub": "b", "iss": "https://x", "exp": 1, "role": "admin", "act": {"sub": "a", "aud": "y"}});
    for kind in ["access_token", "id_token"] {
        let (provider, _) = fixture.provider(kind, json!({})).unwrap();
        let exchanged = fixture
            .exchange(
                &with(id_claims(), "act", act.clone()),
                provider,
                &client(&["orders"], false),
            )
            .await
            .unwrap();
        let expected =
            json!({"sub": "web", "act": {"sub": "b", "iss": "https://x", "act": {"sub": "a"}}});
        assert_eq!(fixture.read(&exchanged)["act"], expected);
        assert_eq!(exchanged.actors.unwrap().to_claim(), expected);
    }
}

#[tokio::test]
async fn several_audiences_are_a_list() {
    let fixture = Fixture::new();
    let (provider, _) = fixture.provider("access_token", json!({})).unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders", "stock"], true))
        .await
        .unwrap();
    assert_eq!(fixture.read(&exchanged)["aud"], json!(["orders", "stock"]));
}

#[tokio::test]
async fn at_04_no_scope_granted_no_scope_claim() {
    let fixture = Fixture::new();
    let (provider, _) = fixture.provider("access_token", json!({})).unwrap();
    let mut client = client(&["orders"], true);
    client.scope = Scope::default();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client)
        .await
        .unwrap();
    assert_eq!(fixture.read(&exchanged).get("scope"), None);
}

#[tokio::test]
async fn tx_59_a_face_without_clients_names_none() {
    let fixture = Fixture::new();
    let mut client = client(&["orders"], true);
    client.is_named = false;
    for (kind, member) in [("access_token", "client_id"), ("id_token", "azp")] {
        let (provider, _) = fixture.provider(kind, json!({})).unwrap();
        let exchanged = fixture
            .exchange(&id_claims(), provider, &client)
            .await
            .unwrap();
        assert_eq!(fixture.read(&exchanged).get(member), None);
    }
}

#[tokio::test]
async fn sx_13_a_token_never_outlives_its_subject() {
    let fixture = Fixture::new();
    let (provider, _) = fixture
        .provider("access_token", json!({"lifetime_seconds": 86_400}))
        .unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], true))
        .await
        .unwrap();
    assert_eq!(fixture.read(&exchanged)["exp"], NOW + 3600);
}

#[tokio::test]
async fn claims_are_mapped_by_the_operators_names_and_no_others_leak() {
    let fixture = Fixture::new();
    let (provider, _) = fixture
        .provider(
            "access_token",
            json!({"claims": {"email": "mail", "org": "tenant", "gone": "absent"}}),
        )
        .unwrap();
    let claims = with(
        with(
            with(id_claims(), "mail", json!("a@b")),
            "tenant",
            json!({"id": 7}),
        ),
        "phone",
        json!("1"),
    );
    let exchanged = fixture
        .exchange(&claims, provider, &client(&["orders"], true))
        .await
        .unwrap();
    let issued = fixture.read(&exchanged);
    assert_eq!(
        (&issued["email"], &issued["org"]),
        (&json!("a@b"), &json!({"id": 7}))
    );
    for absent in ["gone", "mail", "tenant", "phone", "absent"] {
        assert_eq!(issued.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_shared_secret_signs_without_kid() {
    let fixture = Fixture::new();
    let secret = "a secret of no less than 32 bytes";
    let settings = json!({"algorithm": "HS256", "secret": secret});
    let (provider, _) = fixture.provider("access_token", settings).unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], true))
        .await
        .unwrap();
    let keys: KeySet = SigningKey::hmac(secret.as_bytes(), Algorithm::Hs256)
        .unwrap()
        .verification_keys();
    assert_eq!(read_with(&exchanged, &keys)["sub"], "alice");
    assert_eq!(
        jsonwebtoken::decode_header(exchanged.issued.token.as_bytes())
            .unwrap()
            .kid,
        None
    );
}

#[tokio::test]
async fn a_token_too_large_for_any_party_is_not_issued() {
    let fixture = Fixture::new();
    let mapped: Map<String, Value> = (0..4).map(|n| (format!("copy{n}"), json!("big"))).collect();
    let (provider, _) = fixture
        .provider("access_token", json!({"claims": mapped}))
        .unwrap();
    let claims = with(id_claims(), "big", json!("x".repeat(8_000)));
    let refused = fixture
        .exchange(&claims, provider, &client(&["orders"], true))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ExchangeError::Issue(IssueError::Impossible(_))),
        "{refused}"
    );
}
