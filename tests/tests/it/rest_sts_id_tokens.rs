//! ID tokens out of the REST STS: what stands in them, and who can verify them.

use hyper::Method;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};
use tests::{
    http::{self, Failure, claims, jose_header},
    sts::{self, Sts, id_token, password},
};

use crate::Outcome;

const OIDC: &str = "oidc-id-token-config";

fn with(element: &str, changes: &Value) -> Value {
    let mut state = sts::state("/alpha", element);
    for (member, value) in changes.as_object().into_iter().flatten() {
        state[OIDC][member] = value.clone();
    }
    state
}

/// Signs with the key `sts-sign` of the vault's key store `keys.p12`, wherever that was elsewhere.
fn kept(algorithm: &str, reference: &str) -> Value {
    json!({
        "oidc-signature-algorithm": algorithm, "oidc-public-key-reference-type": reference,
        "oidc-client-secret": null, "oidc-keystore-location": "/opt/sts/keys.p12", "oidc-keystore-password": "kspw-1",
        "oidc-signature-key-alias": "sts-sign", "oidc-signature-key-password": "keypw-1"
    })
}

async fn jwks(sts: &Sts, id: &str) -> Result<JwkSet, Failure> {
    let url = format!("{}/oauth2/{id}/jwks", sts.gateway.public);
    Ok(serde_json::from_slice(&http::get(&url, &[]).await?.body)?)
}

fn verified(token: &str, key: &DecodingKey, algorithm: Algorithm) -> bool {
    let mut rules = Validation::new(algorithm);
    rules.set_audience(&["orders-api"]);
    rules.set_issuer(&["https://idp.example.net/sts"]);
    jsonwebtoken::decode::<Value>(token, key, &rules).is_ok()
}

#[tokio::test]
async fn rs_46_rs_51_rs_54_the_key_is_that_of_the_key_store_and_named_as_configured() -> Outcome {
    let sts = Sts::start().await?;
    sts.key_store().await?;
    for (algorithm, name) in [(Algorithm::RS256, "RS256"), (Algorithm::RS512, "RS512")] {
        for reference in ["NONE", "JWK"] {
            let id = sts
                .create(&with(
                    &format!("{name}-{reference}"),
                    &kept(name, reference),
                ))
                .await?;
            let token = sts.issued(&id, &password(), &id_token()).await?;
            let header = jose_header(&token);
            assert_eq!(
                (&header["typ"], &header["alg"], header.get("kid")),
                (&json!("JWT"), &json!(name), None)
            );
            let set = jwks(&sts, &id).await?;
            let [jwk] = set.keys.as_slice() else {
                return Err(format!("{set:?}").into());
            };
            assert!(verified(&token, &DecodingKey::from_jwk(jwk)?, algorithm));
            let embedded = header.get("jwk").and_then(Value::as_object);
            assert_eq!(embedded.is_some(), reference == "JWK", "{header}");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(embedded.is_none_or(|jwk| !jwk.contains_key(private)));
            }
            if let Some(embedded) = embedded {
                let jwk = serde_json::from_value(json!(embedded))?;
                assert!(verified(&token, &DecodingKey::from_jwk(&jwk)?, algorithm));
            }
        }
    }
    for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
        let secret = "ä-long-shared-secret-of-64-bytes-and-some-more-so-that-it-fits-all";
        let changes = json!({"oidc-signature-algorithm": name, "oidc-client-secret": secret,
            "oidc-public-key-reference-type": "JWK"});
        let id = sts.create(&with(name, &changes)).await?;
        let token = sts.issued(&id, &password(), &id_token()).await?;
        assert!(verified(
            &token,
            &DecodingKey::from_secret(secret.as_bytes()),
            algorithm
        ));
        assert_eq!(jose_header(&token), json!({"typ": "JWT", "alg": name}));
        assert!(jwks(&sts, &id).await?.keys.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn rs_46_elliptic_keys_are_the_gateways_or_those_of_a_key_store() -> Outcome {
    let sts = Sts::start().await?;
    let entries = json!({"entries": {"sts-sign": {"generate": "ES256", "common_name": "sts"}}});
    sts.gateway
        .put("/admin/v1/secrets/keys.p12", &entries)
        .await?;
    let own = json!({"oidc-signature-algorithm": "ES256", "oidc-client-secret": null});
    for (element, changes, is_named) in [("own", own, true), ("kept", kept("ES256", "JWK"), false)]
    {
        let id = sts.create(&with(element, &changes)).await?;
        let token = sts.issued(&id, &password(), &id_token()).await?;
        let header = jose_header(&token);
        assert_eq!(header.get("kid").is_some(), is_named, "{header}");
        assert!(header.get("jwk").is_none(), "{header}");
        let set = jwks(&sts, &id).await?;
        let key = match header["kid"].as_str() {
            Some(kid) => set.find(kid),
            None => set.keys.first(),
        };
        let key = DecodingKey::from_jwk(key.ok_or("no such key")?)?;
        assert!(verified(&token, &key, Algorithm::ES256));
    }
    // Another key under the same name signs at once.
    let before = jwks(&sts, "alpha/kept").await?;
    sts.gateway
        .put("/admin/v1/secrets/keys.p12", &entries)
        .await?;
    let after = jwks(&sts, "alpha/kept").await?;
    assert_ne!(before, after);
    let token = sts.issued("alpha/kept", &password(), &id_token()).await?;
    let key = after.keys.first().ok_or("no key")?;
    assert!(verified(
        &token,
        &DecodingKey::from_jwk(key)?,
        Algorithm::ES256
    ));
    Ok(())
}

#[tokio::test]
async fn rs_54_t28_t29_t30_t31_t32_t33_a_key_that_cannot_sign_is_told_when_published() -> Outcome {
    let sts = Sts::start().await?;
    let refused = async |changes: Value, words: &str| -> Outcome {
        let envelope = sts::envelope(&with("inst1", &changes));
        let reply = sts
            .publish(Method::POST, "?_action=create", &[], &envelope)
            .await?;
        let text = reply.text();
        assert_eq!(reply.status, 400, "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
        Ok(())
    };
    let missing = "oidc-id-token-config.oidc-keystore-location";
    refused(kept("RS256", "NONE"), missing).await?;
    // A key store that does not open is no entry of the vault.
    let closed = json!({"pkcs12_base64": "AAAA", "password": "kspw-1"}).to_string();
    let path = "/admin/v1/secrets/keys.p12";
    let reply = sts.gateway.admin(Method::PUT, path, closed).await?;
    assert_eq!(reply.status, 422, "{}", reply.text());
    let entries = json!({"entries": {"sts-sign": {"generate": "ES256", "common_name": "sts"}}});
    sts.gateway.put(path, &entries).await?;
    refused(kept("RS256", "NONE"), "PublicKey not of type RSAPublicKey").await?;
    let mut other = kept("ES256", "NONE");
    other["oidc-signature-key-alias"] = json!("other");
    refused(other, "oidc-id-token-config.oidc-signature-key-alias").await?;
    for (algorithm, words) in [
        ("NONE", "Unknown JwsAlgorithmType"),
        ("PS256", "not offered"),
    ] {
        refused(json!({ "oidc-signature-algorithm": algorithm }), words).await?;
    }
    for reference in ["JKU", "X5U", "X5C", "X5T", "X5TS256", "jwk"] {
        let words = "unsupported public key reference type";
        refused(
            json!({ "oidc-public-key-reference-type": reference }),
            words,
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn rs_47_rs_48_rs_49_rs_50_rs_52_rs_53_the_claims_are_those_of_the_contract() -> Outcome {
    let sts = Sts::start().await?;
    let map = json!({"email": "mail", "roles": "groups", "phone": "tel", "nothing": "none"});
    let id = sts
        .create(&with("inst1", &json!({"oidc-claim-map": map})))
        .await?;
    let before = tests::issuer::now();
    let issued = claims(&sts.issued(&id, &password(), &id_token()).await?);
    let at = issued["iat"].as_u64().unwrap_or_default();
    assert!((before..before + 60).contains(&at), "{issued}");
    let jti = issued["jti"].as_str().unwrap_or_default();
    assert_eq!((jti.len(), jti.matches('-').count()), (36, 4), "{jti}");
    let expected = json!({
        "iss": "https://idp.example.net/sts", "sub": "dana", "aud": "orders-api", "azp": "orders-web",
        "iat": at, "exp": at + 600, "auth_time": at, "jti": jti, "nonce": "n-77aa01",
        "email": "dana@example.com", "roles": "sales ops"
    });
    // Nothing else: no at_hash, c_hash, sid, nbf, acr or amr, and no claim without a value.
    assert_eq!(issued, expected);
    let changes = json!({"oidc-audience": ["orders-api", "billing-api"], "oidc-authorized-party": null,
        "oidc-token-lifetime-seconds": 60, "oidc-claim-map": {}});
    let id = sts.create(&with("inst2", &changes)).await?;
    let output = json!({"token_type": "OPENIDCONNECT", "allow_access": true});
    let issued = claims(&sts.issued(&id, &password(), &output).await?);
    let mut audiences: Vec<&str> = issued["aud"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    audiences.sort_unstable();
    assert_eq!(audiences, ["billing-api", "orders-api"]);
    let at = issued["iat"].as_u64().unwrap_or_default();
    assert_eq!(issued["exp"], at + 60);
    for absent in ["azp", "nonce", "acr", "amr", "email", "at_hash", "c_hash"] {
        assert!(issued.get(absent).is_none(), "{absent}: {issued}");
    }
    // An empty nonce is none.
    let output = json!({"token_type": "OPENIDCONNECT", "allow_access": true, "nonce": ""});
    let issued = claims(&sts.issued(&id, &password(), &output).await?);
    assert!(issued.get("nonce").is_none(), "{issued}");
    Ok(())
}
