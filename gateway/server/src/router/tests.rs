use super::*;

/// What the document calls everything the router tells apart; none for what only routes answer.
fn template(target: &Target<'_>) -> Option<&'static str> {
    Some(match target {
        Target::Token(_) => "/oauth2/{instance}/token",
        Target::Introspection(_) => "/oauth2/{instance}/introspect",
        Target::Revocation(_) => "/oauth2/{instance}/revoke",
        Target::Jwks(_) => "/oauth2/{instance}/jwks",
        Target::Metadata(_) => "/.well-known/oauth-authorization-server/oauth2/{instance}",
        Target::RestSts(_) => "/rest-sts/{instance}",
        Target::SamlMetadata(_) => "/oauth2/{instance}/saml2/metadata",
        Target::Proxy => return None,
    })
}

#[test]
fn what_the_router_tells_apart_is_described_and_nothing_else() {
    let described = openapi::tests::public_paths();
    for path in &described {
        let sample = path
            .replace("{instance}", "alpha/orders")
            .replace("{realm}", "alpha");
        let is_sessions = SessionTarget::of(&sample).is_some();
        let is_resource = sample.starts_with(protected_resource::WELL_KNOWN);
        let found = target(&sample);
        let is_known = template(&found).is_some_and(|known| described.contains(known));
        assert!(
            is_known || is_sessions || is_resource || path == openapi::PATH,
            "{path}: {found:?}"
        );
        if is_known && path.contains("{instance}") {
            assert!(
                format!("{found:?}").contains("\"alpha/orders\""),
                "{path}: {found:?}"
            );
        }
    }
    for target in [
        Target::Token("a"),
        Target::Introspection("a"),
        Target::Revocation("a"),
        Target::Jwks("a"),
        Target::Metadata("a"),
        Target::RestSts("a"),
        Target::SamlMetadata("a"),
    ] {
        let known = template(&target);
        assert!(
            known.is_some_and(|known| described.contains(known)),
            "{target:?}"
        );
    }
    assert!(described.contains(openapi::PATH));
    let resource = format!("{}/{{path}}", protected_resource::WELL_KNOWN);
    assert!(described.contains(&resource), "{resource}");
}

#[test]
fn paths_belong_to_one_face() {
    assert_eq!(
        target("/oauth2/alpha/orders/token"),
        Target::Token("alpha/orders")
    );
    assert_eq!(
        target("/oauth2/alpha/orders/introspect"),
        Target::Introspection("alpha/orders")
    );
    assert_eq!(
        target("/oauth2/orders/revoke"),
        Target::Revocation("orders")
    );
    assert_eq!(target("/oauth2/orders/jwks"), Target::Jwks("orders"));
    assert_eq!(
        target("/.well-known/oauth-authorization-server/oauth2/alpha/orders"),
        Target::Metadata("alpha/orders")
    );
    assert_eq!(
        target("/oauth2/orders/.well-known/openid-configuration"),
        Target::Metadata("orders")
    );
    assert_eq!(
        target("/oauth2/alpha/orders/saml2/metadata"),
        Target::SamlMetadata("alpha/orders")
    );
    assert_eq!(target("/oauth2/orders/other"), Target::Metadata(""));
    assert_eq!(
        target("/rest-sts/alpha/orders"),
        Target::RestSts("alpha/orders")
    );
    assert_eq!(target("/am/rest-sts/orders"), Target::RestSts("orders"));
    assert_eq!(target("/api/oauth2/x"), Target::Proxy);
}
