//! RFC 8693 statement by statement: the token types.

use hyper::Method;
use serde_json::json;
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN},
    http::Failure,
};

use crate::{
    INSTANCE, Outcome,
    oauth_conformance::{ask, code, invalid_request, token, wide, wide_document},
    saml,
};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const SAML1: &str = "urn:ietf:params:oauth:token-type:saml1";

/// A certificate of somebody's, as PEM.
fn certificate() -> Result<String, Failure> {
    let key = rcgen::generate_simple_self_signed(vec!["idp.example".to_owned()])?;
    let der = base64_simd::STANDARD.encode_to_string(key.cert.der());
    Ok(format!(
        "-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    ))
}

#[tokio::test]
async fn tx_20_the_ietf_types_are_known_and_what_is_not_offered_is_refused_cleanly() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    for (name, kind) in [("jwt", "jwt"), ("assertion", "saml2")] {
        document["validators"][name] =
            json!({"kind": kind, "subject_prefix": format!("{name}:"), "scopes": ["orders:read"]});
    }
    document["validators"]["jwt"]["issuers"] = json!(["partner"]);
    document["validators"]["assertion"]["issuers"] =
        json!([{"entity_id": "https://idp.example", "certificates": [certificate()?]}]);
    document["transformations"] = json!([
        {"subject": "partner", "issue": "access"}, {"subject": "own", "issue": "access"},
        {"subject": "jwt", "issue": "access"}, {"subject": "assertion", "issue": "access"}
    ]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    for declared in [ID_TOKEN, JWT] {
        let reply = ask(&gateway, (&subject, declared), &[]).await?;
        assert_eq!(reply.status, 200, "{declared}: {}", reply.text());
    }
    for declared in [ACCESS_TOKEN, saml::SAML2, REFRESH_TOKEN, SAML1] {
        let reply = ask(&gateway, (&subject, declared), &[]).await?;
        assert_eq!(code(&reply), invalid_request(), "{declared}");
    }
    Ok(())
}

#[tokio::test]
async fn tx_22_an_opaque_access_token_is_an_access_token_and_no_jwt() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    document["providers"]["access"] = json!({"kind": "opaque_token"});
    document["validators"]["own"] = json!({"kind": "opaque_token", "audiences": [ORDERS]});
    document["validators"]["jwt"] =
        json!({"kind": "jwt", "issuers": ["partner"], "subject_prefix": "jwt:"});
    document["transformations"] = json!([
        {"subject": "partner", "issue": "access"}, {"subject": "own", "issue": "access"},
        {"subject": "jwt", "issue": "access"}
    ]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let reply = ask(&gateway, (&subject, ID_TOKEN), &[]).await?;
    assert_eq!(reply.json()["issued_token_type"], ACCESS_TOKEN);
    let opaque = token(&reply)?;
    assert!(!opaque.contains('.'), "{opaque}");
    let reply = ask(&gateway, (&opaque, ACCESS_TOKEN), &[]).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        code(&ask(&gateway, (&opaque, JWT), &[]).await?),
        invalid_request()
    );
    Ok(())
}

#[tokio::test]
async fn tx_23_a_type_has_one_handler() -> Outcome {
    let (gateway, _issuer) = wide().await?;
    let mut document = wide_document();
    document["validators"]["again"] =
        json!({"kind": "id_token", "issuers": ["partner"], "subject_prefix": "again:"});
    document["transformations"] =
        json!([{"subject": "partner", "issue": "access"}, {"subject": "again", "issue": "access"}]);
    let refused = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(refused.status, 422, "{}", refused.text());
    Ok(())
}

#[tokio::test]
async fn tx_24_tx_34_ab_34_there_are_no_refresh_tokens_in_or_out() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let actor = issuer.id_token("agent", "web")?;
    let with_actor = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    for more in [&[][..], &with_actor] {
        let reply = ask(&gateway, (&subject, ID_TOKEN), more).await?;
        let body = reply.json();
        assert!(
            body["access_token"].is_string() && body["refresh_token"].is_null(),
            "{body}"
        );
    }
    let own = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    for token in [&subject, &own] {
        let reply = ask(&gateway, (token, REFRESH_TOKEN), &[]).await?;
        assert_eq!(code(&reply), invalid_request());
    }
    let wish = [("requested_token_type", REFRESH_TOKEN)];
    let reply = ask(&gateway, (&own, ACCESS_TOKEN), &wish).await?;
    assert_eq!(
        code(&reply),
        invalid_request(),
        "an access token becomes none"
    );
    let grant = [
        ("grant_type", "refresh_token"),
        ("refresh_token", own.as_str()),
    ];
    let reply = gateway.token_request(INSTANCE, WEB, &grant).await?;
    assert_eq!(code(&reply), (400, "unsupported_grant_type".to_owned()));
    Ok(())
}
