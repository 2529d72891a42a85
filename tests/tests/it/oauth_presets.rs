//! The two commands that the documentation shows for each preset of a trusted issuer, carried out.

use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tests::{
    gateway::TestGateway,
    http::{Failure, Reply, claims},
    issuer::now,
};

use crate::Outcome;

const PAGE: &str = include_str!("../../../docs/oauth-issuers.md");
const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

/// What a block of commands does.
struct Commands {
    issuer: (String, Value),
    instance: (String, Value),
    client: String,
    form: Vec<(String, String)>,
}

/// The word after `mark`.
fn after<'t>(text: &'t str, mark: &str) -> Result<&'t str, Failure> {
    let (_, rest) = text
        .split_once(mark)
        .ok_or_else(|| format!("no `{mark}`"))?;
    Ok(rest.split([' ', '\n', ':']).next().unwrap_or_default())
}

fn commands(block: &str) -> Result<Commands, Failure> {
    let block = block.replace("'$SECRET'", SECRET);
    let (publish, exchange) = block.split_once("\ncurl -f -u ").ok_or("one command")?;
    let mut documents = publish
        .split('\'')
        .skip(1)
        .step_by(2)
        .map(serde_json::from_str);
    let mut document = || documents.next().ok_or("no document");
    let form = exchange
        .split(" -d ")
        .skip(1)
        .filter_map(|pair| {
            let (name, value) = pair.split([' ', '\n']).next()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let instance = after(publish, "/instances/")?;
    assert!(
        exchange.contains(&format!("$STS/{instance}/token")),
        "{exchange}"
    );
    Ok(Commands {
        issuer: (after(publish, "/issuers/")?.to_owned(), document()??),
        instance: (instance.to_owned(), document()??),
        client: exchange.split(':').next().unwrap_or_default().to_owned(),
        form,
    })
}

/// What an issuer of this kind says, and what subject comes of it.
fn said(preset: &str, registration: &Value) -> (&'static str, Value, String) {
    let issuer = registration["issuer"].clone();
    let more = match preset {
        "github-actions" => json!({
            "iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/shop:ref:refs/heads/main",
            "repository": "acme/shop", "repository_owner_id": "123456", "jti": "1", "nbf": now() - 5
        }),
        "kubernetes" => json!({
            "iss": issuer, "sub": "system:serviceaccount:shop:checkout", "aud": registration["audiences"], "nbf": now(),
            "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "checkout"}}
        }),
        "google" => {
            json!({"iss": "https://accounts.google.com", "sub": "1079", "azp": "1079", "email_verified": true})
        }
        "entra" => json!({
            "iss": format!("https://login.microsoftonline.com/{}/v2.0", registration["tenant"].as_str().unwrap_or_default()),
            "sub": "Qx-2", "azp": "app", "azpacr": "1", "oid": "o", "tid": registration["tenant"], "uti": "u", "ver": "2.0", "nbf": now(),
            "roles": ["reader"]
        }),
        "keycloak" => json!({
            "iss": issuer, "sub": "f3b1", "azp": "app", "aud": ["orders", "account"], "jti": "1", "typ": "Bearer",
            "scope": "profile orders:read"
        }),
        "spiffe" => {
            json!({"sub": "spiffe://example.org/ns/shop/checkout", "aud": registration["audiences"]})
        }
        _ => json!({"iss": issuer, "sub": "dana", "nonce": "n"}),
    };
    let mut claims = json!({"aud": registration["audiences"][0], "iat": now(), "exp": now() + 300});
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let prefix = match preset {
        "github-actions" => "github:",
        "oidc" => "partner:",
        "spiffe" => "",
        other => &format!("{other}:"),
    };
    let subject = format!("{prefix}{}", claims["sub"].as_str().unwrap_or_default());
    ("JWT", claims, subject)
}

async fn exchange(
    gateway: &TestGateway,
    commands: &Commands,
    token: &str,
) -> Result<Reply, Failure> {
    let form: Vec<(&str, &str)> = commands
        .form
        .iter()
        .map(|(name, value)| (name.as_str(), if value == "$TOKEN" { token } else { value }))
        .collect();
    let client = (commands.client.as_str(), SECRET);
    gateway
        .token_request(&commands.instance.0, client, &form)
        .await
}

#[tokio::test]
async fn every_preset_is_two_commands() -> Outcome {
    let gateway = TestGateway::start().await?;
    let (key, _) = SigningKey::generate(Algorithm::Rs256)?;
    let blocks: Vec<&str> = PAGE
        .split("```sh preset\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    let mut presets = Vec::new();
    for block in blocks {
        let commands = commands(block)?;
        let (name, registration) = &commands.issuer;
        gateway
            .put(&format!("/admin/v1/issuers/{name}"), registration)
            .await?;
        let (instance, document) = &commands.instance;
        gateway
            .put(&format!("/admin/v1/instances/{instance}"), document)
            .await?;
        // The issuer's own keys are not ours to sign with.
        let mut with_key = registration.clone();
        with_key["jwks"] = json!({"keys": [key.public_jwk()]});
        if let Some(members) = with_key.as_object_mut() {
            members.remove("jwks_uri");
        }
        gateway
            .put(&format!("/admin/v1/issuers/{name}"), &with_key)
            .await?;
        let preset = registration["preset"].as_str().unwrap_or_default();
        let (typ, claimed, subject) = said(preset, registration);
        let reply = exchange(&gateway, &commands, &key.sign_jwt(typ, &claimed)?).await?;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{preset}: {body}");
        let issued = claims(body["access_token"].as_str().unwrap_or_default());
        assert_eq!(
            (&issued["sub"], &issued["aud"]),
            (&json!(subject), &json!("https://api.example"))
        );
        assert_eq!(issued["scope"], "orders:read", "{preset}");
        for (member, value) in [
            ("aud", json!("https://elsewhere.example")),
            ("exp", json!(now() - 120)),
            ("sub", json!("")),
        ] {
            let mut wrong = claimed.clone();
            wrong[member] = value;
            let reply = exchange(&gateway, &commands, &key.sign_jwt(typ, &wrong)?).await?;
            assert_eq!(
                reply.status,
                400,
                "{preset} with another {member}: {}",
                reply.text()
            );
        }
        presets.push(preset.to_owned());
    }
    presets.sort_unstable();
    assert_eq!(presets, cambist_token::issuer::preset::PRESETS);
    Ok(())
}
