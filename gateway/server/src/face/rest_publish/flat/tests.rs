use super::*;

#[test]
fn every_shape_is_rewritten() {
    let flat = json!({
        "deployment-url-element": ["a"],
        "deployment-realm": ["/"],
        "deployment-auth-target-mappings": [
            "X509|service|StsCert|x509_token_auth_target_header_key=hdr,more=b=c",
            "USERNAME|service|StsLogin"
        ],
        "deployment-tls-offload-engine-hosts": ["10.9.8.7", "any"],
        "deployment-offloaded-two-way-tls-header-key": ["x-client-cert"],
        "custom-token-transforms": ["TICKET|SAML2|TRUE"],
        "custom-token-validators": ["TICKET|ticket@sha256:00", "PASS|{\"plugin\": \"pass\", \"config\": {\"a\": \"b|c\"}}"],
        "oidc-issuer": ["i"],
        "oidc-claim-map": ["email=mail", "odd=a=b"],
        "issuer-name": [],
        "saml2-sp-entity-id": ["ignored without issuer-name"]
    });
    let value = structured(&flat).unwrap();
    let deployment = &value["deployment-config"];
    assert_eq!(deployment["deployment-url-element"], "a");
    assert_eq!(
        deployment["deployment-tls-offload-engine-hosts"],
        json!(["10.9.8.7", "any"])
    );
    let mapping = &deployment["deployment-auth-target-mappings"]["X509"];
    assert_eq!(mapping["mapping-auth-index-value"], "StsCert");
    assert_eq!(
        mapping["mapping-context"],
        json!({"x509_token_auth_target_header_key": "hdr", "more": "b=c"})
    );
    assert_eq!(
        value["custom-token-transforms"],
        json!([{"inputTokenType": "TICKET", "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": "TRUE"}])
    );
    assert_eq!(
        value["custom-token-validators"],
        json!([
            {"customTokenName": "TICKET", "customOperationClassName": "ticket@sha256:00"},
            {"customTokenName": "PASS",
                "customOperationClassName": "{\"plugin\": \"pass\", \"config\": {\"a\": \"b|c\"}}"}
        ])
    );
    assert_eq!(
        value["oidc-id-token-config"]["oidc-claim-map"],
        json!({"email": "mail", "odd": "a=b"})
    );
    assert!(value.get("saml2-config").is_none());
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases = [
        (
            json!({"supported-token-transforms": ["USERNAME|OPENIDCONNECT"]}),
            "supported-token-transforms[0]",
        ),
        (
            json!({"custom-token-validators": ["a|b|c"]}),
            "custom-token-validators[0]",
        ),
        (
            json!({"deployment-realm": ["/a", "/b"]}),
            "deployment-realm",
        ),
        (json!({"deployment-realm": "/a"}), "deployment-realm"),
        (
            json!({"deployment-auth-target-mappings": ["USERNAME|service"]}),
            "deployment-auth-target-mappings[0]",
        ),
        (
            json!({"deployment-auth-target-mappings": ["X509|service|t|nothing"]}),
            "deployment-auth-target-mappings[0]",
        ),
        (
            json!({"oidc-issuer": ["i"], "oidc-claim-map": ["email"]}),
            "oidc-claim-map[0]",
        ),
        (json!({"deployment-config": []}), "deployment-config"),
        (json!({"oidc-isuer": ["i"]}), "oidc-isuer"),
    ];
    for (flat, path) in cases {
        assert_eq!(structured(&flat).unwrap_err().path, path, "{flat}");
    }
}
