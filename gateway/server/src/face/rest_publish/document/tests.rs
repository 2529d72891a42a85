use super::*;

fn state() -> Value {
    json!({
        "supported-token-transforms": [
            {"inputTokenType": "OPENIDCONNECT", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": false}
        ],
        "custom-token-validators": [{"customTokenName": "TICKET", "customOperationClassName": "ticket@sha256:00"}],
        "custom-token-transforms": [
            {"inputTokenType": "TICKET", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": true}
        ],
        "deployment-config": {
            "deployment-realm": "/fred/bobo/",
            "deployment-url-element": "inst2",
            "deployment-auth-target-mappings": {
                "OPENIDCONNECT": {
                    "mapping-auth-index-type": "service", "mapping-auth-index-value": "partner",
                    "mapping-context": {"oidc_id_token_auth_target_header_key": "x-sts-idtoken"}
                },
                "TICKET": {
                    "mapping-auth-index-type": "service", "mapping-auth-index-value": "tickets",
                    "mapping-context": {"key": "k-1"}
                }
            }
        },
        "oidc-id-token-config": {
            "oidc-issuer": "https://idp.example.net/sts",
            "oidc-audience": ["orders-api", "billing-api"],
            "oidc-signature-algorithm": "HS256",
            "oidc-client-secret": "a-long-shared-secret-of-32-bytes!"
        }
    })
}

fn converted(value: &Value) -> InstanceDocument {
    document(InstanceState::read(value).unwrap(), None, |_| false).unwrap()
}

#[test]
fn rs_01_the_id_is_the_realm_and_the_url_element() {
    let cases = [
        ("/", "a", "a"),
        ("/alpha", "a", "alpha/a"),
        ("fred/bobo/", "/inst2/", "fred/bobo/inst2"),
    ];
    for (realm, element, id) in cases {
        let mut value = state();
        value["deployment-config"]["deployment-realm"] = json!(realm);
        value["deployment-config"]["deployment-url-element"] = json!(element);
        assert_eq!(InstanceState::read(&value).unwrap().deployment.id(), id);
    }
}

#[test]
fn inputs_become_validators_and_pairs_transformations() {
    let document = converted(&state());
    assert!(document.shared_subjects);
    let validators = serde_json::to_value(&document.validators).unwrap();
    assert_eq!(
        validators,
        json!({
            "OPENIDCONNECT": {"kind": "id_token", "issuers": ["partner"]},
            "TICKET": {
                "kind": "plugin", "plugin": "ticket@sha256:00",
                "token_type": "urn:cambist:rest-sts:TICKET", "config": {"key": "k-1"}
            },
        })
    );
    let pairs = serde_json::to_value(&document.transformations).unwrap();
    assert_eq!(
        pairs,
        json!([{"subject": "OPENIDCONNECT", "issue": "OPENIDCONNECT"}, {"subject": "TICKET", "issue": "OPENIDCONNECT"}])
    );
    let rest = document.rest_sts.unwrap();
    assert_eq!(
        rest.audiences,
        ["billing-api".to_owned(), "orders-api".to_owned()].into()
    );
    assert_eq!(
        rest.transforms
            .iter()
            .map(|t| t.invalidate_interim_session)
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert!(
        document
            .relying_parties
            .keys()
            .eq(["billing-api", "orders-api"])
    );
}

#[test]
fn p87_plugins_of_an_assertion_stand_in_its_provider() {
    let mut value = state();
    value["supported-token-transforms"] = json!([
        {"inputTokenType": "OPENIDCONNECT", "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": false}
    ]);
    value["custom-token-transforms"] = json!([]);
    value["custom-token-validators"] = json!([]);
    value["saml2-config"] = json!({
        "issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:sp",
        "saml2-custom-subject-provider-class-name": "pseudonyms@1.0.0",
        "saml2-custom-authn-context-mapper-class-name": "levels",
    });
    let document = converted(&value);
    let provider = &document.providers["SAML2"].settings;
    assert_eq!(provider["subject"], json!({"plugin": "pseudonyms@1.0.0"}));
    assert_eq!(
        provider["authn_context_mapper"],
        json!({"plugin": "levels"})
    );
    assert!(!provider.contains_key("conditions"));
    let stored = stored_state(&document).unwrap();
    let names = &stored["saml2-config"];
    assert_eq!(
        names["saml2-custom-subject-provider-class-name"],
        "pseudonyms@1.0.0"
    );
    assert_eq!(
        names["saml2-custom-attribute-mapper-class-name"],
        Value::Null
    );
}

#[test]
fn what_is_stored_reads_back_as_the_same_state() {
    for state in [state(), with_terms()] {
        let document = converted(&state);
        let stored = stored_state(&document).unwrap();
        let again = super::document(
            InstanceState::read(stored).unwrap(),
            Some(&document),
            |_| false,
        )
        .unwrap();
        assert_eq!(again, document);
    }
}

/// Every place that names a plugin, with what it is told and granted.
fn with_terms() -> Value {
    let mut value = state();
    let terms = |plugin: &str| json!({"plugin": plugin, "config": {"depth": 3, "open": true}, "grants": {"log": true}});
    let mappings = &mut value["deployment-config"]["deployment-auth-target-mappings"];
    mappings.as_object_mut().unwrap().remove("TICKET");
    value["custom-token-validators"][0]["customOperationClassName"] = terms("ticket");
    value["custom-token-providers"] =
        json!([{"customTokenName": "PASS", "customOperationClassName": terms("pass").to_string()}]);
    value["custom-token-transforms"] = json!([
        {"inputTokenType": "TICKET", "outputTokenType": "PASS", "invalidateInterimOpenAMSession": true}
    ]);
    value["oidc-id-token-config"]["oidc-custom-claim-mapper-class"] = terms("claims");
    value["saml2-config"] = json!({
        "issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:sp",
        "saml2-custom-subject-provider-class-name": terms("pseudonyms"),
    });
    value
}

#[test]
fn rs_90_a_plugin_is_told_and_granted_where_it_is_named() {
    let value = with_terms();
    let document = converted(&value);
    let (config, grants) = (json!({"depth": 3, "open": true}), json!({"log": true}));
    let bound = |plugin: &str| json!({"plugin": plugin, "config": config, "grants": grants});
    let custom = |plugin: &str, name: &str| {
        let mut bound = bound(plugin);
        bound["token_type"] = json!(format!("urn:cambist:rest-sts:{name}"));
        bound["kind"] = json!("plugin");
        bound
    };
    let part = |part: &PartDocument| serde_json::to_value(part).unwrap();
    assert_eq!(
        part(&document.validators["TICKET"]),
        custom("ticket", "TICKET")
    );
    assert_eq!(part(&document.providers["PASS"]), custom("pass", "PASS"));
    let id_token = &document.providers["OPENIDCONNECT"].settings;
    assert_eq!(id_token["claim_mapper"], bound("claims"));
    let assertion = &document.providers["SAML2"].settings;
    assert_eq!(assertion["subject"], bound("pseudonyms"));
    let stored = stored_state(&document).unwrap();
    let shown = |pointer: &str| stored.pointer(pointer).unwrap().clone();
    for (pointer, plugin) in [
        (
            "/custom-token-validators/0/customOperationClassName",
            "ticket",
        ),
        ("/custom-token-providers/0/customOperationClassName", "pass"),
        (
            "/oidc-id-token-config/oidc-custom-claim-mapper-class",
            "claims",
        ),
        (
            "/saml2-config/saml2-custom-subject-provider-class-name",
            "pseudonyms",
        ),
    ] {
        assert_eq!(shown(pointer), bound(plugin), "{pointer}");
    }
}

#[test]
fn terms_that_cannot_be_read_are_named() {
    let class = "custom-token-validators[0].customOperationClassName";
    let path_of = |terms: Value, mapped: bool| {
        let mut value = if mapped { state() } else { with_terms() };
        value["custom-token-validators"][0]["customOperationClassName"] = terms;
        InstanceState::read(&value).unwrap_err().path
    };
    for (terms, member) in [
        (json!({}), ".plugin"),
        (json!({"plugin": ""}), ".plugin"),
        (json!({"plugin": "a", "grant": {}}), ".grant"),
        (json!({"plugin": "a", "config": []}), ".config"),
        (json!({"plugin": "a", "grants": "log"}), ".grants"),
        (json!(" {\"plugin\": "), ""),
        (json!(1), ""),
        (json!(""), ""),
    ] {
        assert_eq!(
            path_of(terms.clone(), false),
            format!("{class}{member}"),
            "{terms}"
        );
    }
    let twice = json!({"plugin": "a", "config": {"key": "k-2"}});
    assert_eq!(path_of(twice, true), format!("{class}.config"));
}

#[test]
fn an_error_in_the_document_is_told_of_the_state() {
    let cases = [
        (
            "providers.OPENIDCONNECT.secret",
            "oidc-id-token-config.oidc-client-secret",
        ),
        (
            "providers.OPENIDCONNECT.claims.acr",
            "oidc-id-token-config.oidc-claim-map.acr",
        ),
        ("providers.OPENIDCONNECT", "oidc-id-token-config"),
        (
            "validators.OPENIDCONNECT.issuers[0]",
            "deployment-config.deployment-auth-target-mappings.OPENIDCONNECT.mapping-auth-index-value",
        ),
        (
            "providers.SAML2.authn_statements.plugin",
            "saml2-config.saml2-custom-authentication-statements-provider-class-name.plugin",
        ),
        ("validators.TICKET.plugin", "custom-token-validators"),
        (
            "validators.TICKET.grants.keys.ticket",
            "custom-token-validators.TICKET.grants.keys.ticket",
        ),
        ("relying_parties.x", "oidc-id-token-config.oidc-audience"),
        ("limits", "limits"),
    ];
    for (ours, theirs) in cases {
        assert_eq!(state_path(ours), theirs);
    }
}
