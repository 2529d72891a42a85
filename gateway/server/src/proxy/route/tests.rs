use serde_json::{Value, json};

use std::collections::BTreeSet;

use cambist_core::MayPresent;

use super::{check::LONGEST_PATH, *};

fn build(change: &Value) -> Result<Route, PublishError> {
    let mut document = json!({"upstream": "http://127.0.0.1:9000", "instance": "alpha/orders", "audience": "orders"});
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    let document = crate::document::read(&serde_json::to_vec(&document).unwrap())?;
    Route::build("orders", &document, 3, Scope::parse("read write").unwrap())
}

fn target(change: &Value, asked: &str) -> Option<String> {
    build(change)
        .unwrap()
        .target(&asked.parse().unwrap())
        .map(|uri| uri.to_string())
}

#[test]
fn the_least_that_must_be_said() {
    let route = build(&json!({})).unwrap();
    assert_eq!(
        (
            route.name(),
            route.instance(),
            route.audience(),
            route.revision()
        ),
        ("orders", Some("alpha/orders"), Some("orders"), 3)
    );
    assert_eq!(route.matching().host, HostMatch::Any);
    assert_eq!(route.matching().path, PathMatch::Prefix(String::new()));
    assert_eq!(route.timeout, Duration::from_secs(30));
    assert_eq!(
        route.token_types().collect::<Vec<_>>(),
        [&TokenType::ACCESS_TOKEN]
    );
    assert_eq!(route.issue(), Some(&TokenType::ACCESS_TOKEN));
}

#[test]
fn sx_17_the_client_policy_is_for_one_audience_and_unnamed() {
    let expected = Client {
        id: "route:orders".to_owned(),
        audiences: BTreeSet::from(["orders".to_owned()]),
        scope: Scope::parse("read write").unwrap(),
        may_present: MayPresent::Any,
        impersonation: true,
        is_named: false,
        actors: Vec::new(),
        max_lifetime: None,
        binding: cambist_core::Binding::default(),
    };
    assert_eq!(build(&json!({})).unwrap().client(), Some(&expected));
    let narrowed = build(&json!({"scopes": ["read"]})).unwrap();
    assert_eq!(
        narrowed.client().unwrap().scope,
        Scope::parse("read").unwrap()
    );
    let none = build(&json!({"scopes": []})).unwrap();
    assert!(
        none.client().unwrap().scope.is_empty(),
        "an empty list is no scope, not the default"
    );
}

#[test]
fn mistakes_are_named() {
    let table = [
        (json!({"host": "a:80"}), "host"),
        (json!({"host": "[::1]:80"}), "host"),
        (json!({"host": "a b"}), "host"),
        (json!({"host": ""}), "host"),
        (json!({"path_prefix": "a"}), "path_prefix"),
        (json!({"path_prefix": ""}), "path_prefix"),
        (json!({"path_prefix": "/a/../b"}), "path_prefix"),
        (json!({"path_prefix": "/a?b"}), "path_prefix"),
        (
            json!({"path_prefix": format!("/{}", "a".repeat(LONGEST_PATH))}),
            "path_prefix",
        ),
        (json!({"upstream": "127.0.0.1:9000"}), "upstream"),
        (json!({"upstream": "/a"}), "upstream"),
        (json!({"upstream": "ftp://a"}), "upstream"),
        (json!({"upstream": "http://u:p@a"}), "upstream"),
        (json!({"upstream": "http://a?b"}), "upstream"),
        (json!({"upstream": "http://a#b"}), "upstream"),
        (json!({"upstream": "http://a//b"}), "upstream"),
        (json!({"instance": ""}), "instance"),
        (json!({"audience": ""}), "audience"),
        (
            json!({"subject_token_type": "access token"}),
            "subject_token_type",
        ),
        (json!({"timeout_seconds": 0}), "timeout_seconds"),
        (json!({"timeout_seconds": 3601}), "timeout_seconds"),
        (json!({"idle_seconds": 0}), "idle_seconds"),
        (json!({"scopes": ["a b"]}), "scopes"),
        (json!({"unknown": 1}), "unknown"),
    ];
    are_refused(&table);
}

fn are_refused(table: &[(Value, &str)]) {
    for (change, path) in table {
        let error = build(change).err().unwrap_or_else(|| panic!("{change}"));
        assert_eq!(error.path, *path, "{change}: {error}");
    }
}

#[test]
fn mistakes_about_matching_and_exchanging_are_named() {
    let table = [
        (json!({"host": "*"}), "host"),
        (json!({"host": "*.*.a"}), "host"),
        (json!({"path": "/a", "path_prefix": "/"}), "path"),
        (json!({"path": "/a/../b"}), "path"),
        (json!({"path": "/a", "strip_prefix": true}), "strip_prefix"),
        (json!({"methods": ["get"]}), "methods[0]"),
        (json!({"methods": ["GET", "CONNECT"]}), "methods[1]"),
        (json!({"headers": {"x y": true}}), "headers.x y"),
        (json!({"headers": {"x": false}}), "headers.x"),
        (json!({"headers": {"x": "a\nb"}}), "headers.x"),
        (json!({"anonymous": "only"}), "instance"),
        (json!({"required_scopes": ["admin"]}), "required_scopes"),
        (
            json!({"send": {"as": "header", "name": "Host"}}),
            "send.name",
        ),
        (json!({"send": {"as": "saml", "name": "a b"}}), "send.name"),
        (
            json!({"claim_headers": {"Cookie": "sub"}}),
            "claim_headers.Cookie",
        ),
        (
            json!({"claim_headers": {"x-user": ""}}),
            "claim_headers.x-user",
        ),
        (json!({"step_up": {}}), "step_up"),
        (json!({"step_up": {"acr_values": ["a\"b"]}}), "step_up"),
        (json!({"resource_metadata": "/x"}), "resource_metadata"),
        (json!({"cache_seconds": 3601}), "cache_seconds"),
        (json!({"cache_entries": 0}), "cache_seconds"),
        (
            json!({"credentials": [{"from": "bearer"}], "subject_token_type": "urn:x:y"}),
            "subject_token_type",
        ),
        (
            json!({"credentials": [{"from": "bearer"}, {"from": "bearer"}]}),
            "credentials[1]",
        ),
        (
            json!({"credentials": [{"from": "bearer", "token_type": "x"}]}),
            "credentials[0].token_type",
        ),
        (
            json!({"credentials": [{"from": "header", "name": "transfer-encoding", "token_type": "urn:x:y"}]}),
            "credentials[0].name",
        ),
        (
            json!({"credentials": [{"from": "cookie", "name": "a=b", "token_type": "urn:x:y"}]}),
            "credentials[0].name",
        ),
        (json!({"actor": {"from": "bearer"}}), "actor.from"),
    ];
    are_refused(&table);
}

#[test]
fn names_fit_into_a_challenge() {
    let document = || {
        crate::document::read(br#"{"upstream": "http://a", "instance": "i", "audience": "a"}"#)
            .unwrap()
    };
    for name in ["", "a\"b", "a b", "ä", &"a".repeat(65)] {
        assert!(
            Route::build(name, &document(), 1, Scope::default()).is_err(),
            "{name}"
        );
    }
    assert!(Route::build("a-b_c.1", &document(), 1, Scope::default()).is_ok());
}

#[test]
fn targets_are_origin_form() {
    assert_eq!(target(&json!({}), "/a/b?c=d").unwrap(), "/a/b?c=d");
    assert_eq!(target(&json!({}), "http://h/a?c").unwrap(), "/a?c");
    assert_eq!(target(&json!({}), "http://h").unwrap(), "/");
    assert_eq!(target(&json!({}), "http://h?c").unwrap(), "/?c");
}

#[test]
fn prefix_and_base_path() {
    let strip = json!({"path_prefix": "/api/", "strip_prefix": true});
    assert_eq!(target(&strip, "/api/x?y").unwrap(), "/x?y");
    assert_eq!(target(&strip, "/api/").unwrap(), "/");
    assert_eq!(target(&strip, "/api").unwrap(), "/");
    assert_eq!(target(&strip, "/api?y").unwrap(), "/?y");
    assert_eq!(target(&strip, "/apix"), None);
    let both = json!({"path_prefix": "/api", "strip_prefix": true, "upstream": "http://a/base/"});
    assert_eq!(target(&both, "/api/x").unwrap(), "/base/x");
    assert_eq!(target(&both, "/api").unwrap(), "/base");
    let base = json!({"path_prefix": "/api", "upstream": "http://a/base"});
    assert_eq!(target(&base, "/api/x").unwrap(), "/base/api/x");
}

#[test]
fn an_exact_path_goes_on_as_it_is() {
    let exact = json!({"path": "/a/b", "upstream": "http://a/base"});
    assert_eq!(target(&exact, "/a/b?c").unwrap(), "/base/a/b?c");
    assert_eq!(target(&exact, "/a/b/"), None);
}

#[test]
fn px_07_a_route_owns_what_it_sets_and_takes() {
    let route = build(&json!({
        "credentials": [
            {"from": "header", "name": "X_Api.Key", "token_type": "urn:x:y"},
            {"from": "cookie", "name": "session", "token_type": "urn:x:y"},
        ],
        "send": {"as": "header", "name": "X-Token"},
        "claim_headers": {"X-User": "sub"},
        "actor": {"from": "header", "name": "X-Actor", "token_type": "urn:x:y"},
    }))
    .unwrap();
    let owned: Vec<&str> = route.owned.iter().map(AsRef::as_ref).collect();
    assert_eq!(owned, ["x-actor", "x-api-key", "x-token", "x-user"]);
}

#[test]
fn an_anonymous_route_exchanges_nothing() {
    let document = crate::document::read(br#"{"upstream": "http://a", "anonymous": "only"}"#);
    let route = Route::build("open", &document.unwrap(), 1, Scope::default()).unwrap();
    assert!(route.target.is_none() && route.instance().is_none() && route.client().is_none());
}

#[test]
fn what_is_written_reads_back() {
    let document: RouteDocument = serde_json::from_value(json!({
        "host": "A.example", "path_prefix": "/a", "upstream": "https://b", "instance": "i", "audience": "x", "scopes": ["r"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "strip_prefix": true, "timeout_seconds": 1, "idle_seconds": 2,
    }))
    .unwrap();
    let again: RouteDocument =
        serde_json::from_value(serde_json::to_value(&document).unwrap()).unwrap();
    assert_eq!(again, document);
    assert_eq!(
        Route::build("a", &document, 1, Scope::default())
            .unwrap()
            .matching()
            .host,
        HostMatch::Exact("a.example".to_owned())
    );
}
