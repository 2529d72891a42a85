//! One contract for every provider: each builtin, and its twin in a sandbox.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cambist_core::{
    Actor, ActorChain, BoxFuture, Call, Client, ExchangeRequest, Exchanged, Instance, Limits,
    MayPresent, Presented, Principal, Provider, RelyingParty, Scope, Timestamp, Token, TokenType,
    Transformation, Usage, ValidateError, Validator, exchange,
};
use cambist_token::jose::{Algorithm, Expected, KeySet, SigningKey, verify};
use serde_json::{Map, Value, json};

use crate::{
    NOW, call,
    plugin_twins::{SELF, World},
};

/// A validator that knows one principal.
struct Always(Principal);

impl Validator for Always {
    fn validate<'a>(
        &'a self,
        _token: &'a Token,
        _call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(std::future::ready(Ok(Arc::new(self.0.clone()))))
    }
}

async fn issue(
    provider: &Arc<dyn Provider>,
    subject: Principal,
    client: &Client,
    random: u8,
) -> Exchanged {
    let party = |audience: &str| {
        let party = RelyingParty {
            audience: audience.to_owned(),
            resources: Vec::new(),
            scope: Scope::parse("read write").unwrap(),
            max_lifetime: None,
        };
        (audience.to_owned(), Arc::new(party))
    };
    let instance = Instance {
        transformations: vec![Transformation {
            subject: TokenType::JWT,
            validator: Arc::new(Always(subject)),
            provider: Arc::clone(provider),
        }],
        actors: HashMap::new(),
        relying_parties: [party("orders"), party("stock")].into(),
        resources: HashMap::new(),
        deciders: Vec::new(),
        for_clients: None,
        ledger: None,
        limits: Limits::default(),
    };
    let request = ExchangeRequest {
        client,
        subject: Presented {
            token: Token::new("t"),
            token_type: TokenType::JWT,
        },
        actor: None,
        requested_token_type: None,
        audiences: client.audiences.iter().cloned().collect(),
        resources: Vec::new(),
        scope: None,
        nonce: Some("n-1".to_owned()),
        wanted_confirmation: None,
        described: None,
    };
    let call = Call {
        random: [random; 16],
        ..call()
    };
    exchange(&instance, &request, &call).await.unwrap()
}

fn client(audiences: &[&str]) -> Client {
    Client {
        id: "web".to_owned(),
        audiences: audiences
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        scope: Scope::parse("read").unwrap(),
        may_present: MayPresent::Any,
        impersonation: false,
        is_named: true,
        actors: Vec::new(),
        max_lifetime: None,
        binding: cambist_core::Binding::default(),
    }
}

fn verified(exchanged: &Exchanged, key: &SigningKey) -> Map<String, Value> {
    let keys = KeySet::parse(json!({"keys": [key.public_jwk()]}).to_string().as_bytes()).unwrap();
    let expected = Expected {
        algorithms: &[Algorithm::Es256],
        keys: &keys,
        types: &["JWT", "at+jwt"],
        typ_may_be_absent: false,
        issuer: SELF,
        audiences: &exchanged.audiences,
        leeway: 0,
        now: Timestamp(NOW),
    };
    verify(exchanged.issued.token.as_bytes(), &expected)
        .unwrap()
        .claims
}

#[tokio::test]
async fn every_provider_and_its_twin_keep_the_permission() {
    let world = World::new();
    let subject = |expires_at| Principal {
        subject: "alice".to_owned(),
        expires_at,
        scope: Scope::parse("read write").unwrap(),
        actors: Some(ActorChain::new(Actor {
            issuer: Some("https://i".to_owned()),
            subject: "earlier".to_owned(),
        })),
        ..Principal::default()
    };
    for (kind, usage) in [
        ("access_token", Usage::Bearer),
        ("id_token", Usage::NotApplicable),
    ] {
        let pair = world.providers(kind);
        for provider in [&pair.builtin, &pair.twin] {
            for (end, expected) in [(None, NOW + 300), (Some(Timestamp(NOW + 100)), NOW + 100)] {
                for audiences in [&["orders"][..], &["orders", "stock"]] {
                    let exchanged = issue(provider, subject(end), &client(audiences), 1).await;
                    let issued = &exchanged.issued;
                    let claims = verified(&exchanged, &world.own);
                    assert_eq!(issued.expires_at, Timestamp(expected), "{kind}");
                    assert_eq!(claims["exp"], json!(expected), "{kind}");
                    assert_eq!((issued.usage, &claims["sub"]), (usage, &json!("alice")));
                    assert_eq!(issued.token_type, *provider.token_type());
                    let aud = &claims["aud"];
                    assert_eq!(aud.as_array().map_or(1, Vec::len), audiences.len(), "{aud}");
                    assert_eq!(
                        claims["act"],
                        json!({"sub": "web", "act": {"sub": "earlier", "iss": "https://i"}}),
                        "{kind}"
                    );
                    match usage {
                        Usage::Bearer => {
                            assert_eq!(
                                (&claims["client_id"], &claims["scope"]),
                                (&json!("web"), &json!("read"))
                            );
                        }
                        Usage::NotApplicable => {
                            assert_eq!(
                                (&claims["azp"], &claims["nonce"]),
                                (&json!("web"), &json!("n-1"))
                            );
                        }
                    }
                }
            }
            let one = issue(provider, subject(None), &client(&["orders"]), 1).await;
            let other = issue(provider, subject(None), &client(&["orders"]), 2).await;
            assert_ne!(one.issued.id, other.issued.id, "{kind}");
            assert!(one.issued.id.is_some());
        }
    }
}
