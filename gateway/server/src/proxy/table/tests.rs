use cambist_core::Scope;
use serde_json::json;

use super::*;

fn route(name: &str, host: Option<&str>, prefix: &str) -> Arc<Route> {
    with(name, &json!({"host": host, "path_prefix": prefix}))
}

fn with(name: &str, members: &serde_json::Value) -> Arc<Route> {
    let mut document = json!({"upstream": "http://a", "instance": "i", "audience": "a"});
    for (member, value) in members.as_object().unwrap() {
        document[member] = value.clone();
    }
    Arc::new(
        Route::build(
            name,
            &serde_json::from_value(document).unwrap(),
            1,
            Scope::default(),
        )
        .unwrap(),
    )
}

fn find<'t>(table: &'t RouteTable, host: &str, path: &str) -> Option<&'t str> {
    ask(table, host, path, &Method::GET, &[])
}

fn ask<'t>(
    table: &'t RouteTable,
    host: &str,
    path: &str,
    method: &Method,
    pairs: &[(&'static str, &'static str)],
) -> Option<&'t str> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    let asked = Asked {
        host,
        path,
        method,
        headers: &headers,
    };
    table.find(asked).map(|route| route.name())
}

fn table() -> RouteTable {
    RouteTable::new(vec![
        route("api", None, "/api"),
        route("any", None, "/"),
        route("deep", None, "/api/v1/x"),
        route("host-a", Some("a.example"), "/a"),
        route("host-b", Some("B.example"), "/"),
        route("host-b-api", Some("b.example"), "/api"),
        route("v6", Some("[::1]"), "/"),
    ])
    .unwrap()
}

#[test]
fn the_most_specific_wins() {
    let table = table();
    let expected = [
        ("c.example", "/", "any"),
        ("c.example", "/apix", "any"),
        ("c.example", "/api", "api"),
        ("c.example", "/api/", "api"),
        ("c.example", "/api/v1", "api"),
        ("c.example", "/api/v1/xy", "api"),
        ("c.example", "/api/v1/x", "deep"),
        ("c.example", "/api/v1/x/y/z", "deep"),
        ("a.example", "/a/b", "host-a"),
        ("a.example", "/api", "api"),
        ("A.EXAMPLE:8080", "/a", "host-a"),
        ("a.example.", "/a", "host-a"),
        ("b.example", "/api/v1/x", "host-b-api"),
        ("b.example", "/other", "host-b"),
        ("[::1]:80", "/", "v6"),
        ("[::1]", "/", "v6"),
        ("", "/", "any"),
    ];
    for (host, path, name) in expected {
        assert_eq!(find(&table, host, path), Some(name), "{host} {path}");
    }
}

#[test]
fn what_no_route_takes_is_not_found() {
    let table = RouteTable::new(vec![route("api", Some("a.example"), "/api")]).unwrap();
    for (host, path) in [
        ("a.example", "/"),
        ("a.example", "/apis"),
        ("b.example", "/api"),
        ("a.example", "*"),
        ("a.example", ""),
    ] {
        assert!(find(&table, host, path).is_none(), "{host} {path}");
    }
    assert!(find(&RouteTable::default(), "a", "/").is_none());
}

#[test]
fn px_09_the_match_is_case_sensitive() {
    let table = RouteTable::new(vec![route("api", None, "/api")]).unwrap();
    assert!(find(&table, "a", "/API").is_none());
}

#[test]
fn two_routes_for_the_same_are_refused() {
    let error = RouteTable::new(vec![
        route("one", Some("a"), "/x/"),
        route("two", Some("A"), "/x"),
    ])
    .err()
    .unwrap();
    assert!(
        error.to_string().contains("one") && error.to_string().contains("two"),
        "{error}"
    );
}

#[test]
fn wildcards_stand_between_one_host_and_all() {
    let table = RouteTable::new(vec![
        route("any", None, "/"),
        route("wide", Some("*.example"), "/"),
        route("narrow", Some("*.a.EXAMPLE"), "/x"),
        route("one", Some("b.a.example"), "/y"),
    ])
    .unwrap();
    for (host, path, name) in [
        ("c.example", "/", "wide"),
        ("d.c.example:1", "/", "wide"),
        ("b.a.example", "/x", "narrow"),
        ("b.a.example", "/y", "one"),
        ("b.a.example", "/z", "wide"),
        ("a.example", "/x", "wide"),
        ("example", "/", "any"),
        (".example", "/", "any"),
        ("notexample", "/", "any"),
    ] {
        assert_eq!(find(&table, host, path), Some(name), "{host} {path}");
    }
}

#[test]
fn an_exact_path_before_any_prefix() {
    let table = RouteTable::new(vec![
        route("prefix", None, "/a/b"),
        with("exact", &json!({"path": "/a/b"})),
        with("root", &json!({"path": "/"})),
    ])
    .unwrap();
    assert_eq!(find(&table, "h", "/a/b"), Some("exact"));
    assert_eq!(find(&table, "h", "/a/b/"), Some("prefix"));
    assert_eq!(find(&table, "h", "/"), Some("root"));
    assert_eq!(find(&table, "h", "/c"), None);
}

#[test]
fn methods_and_headers_choose_within_a_path() {
    let table = RouteTable::new(vec![
        with("plain", &json!({"path_prefix": "/a"})),
        with(
            "read",
            &json!({"path_prefix": "/a", "methods": ["GET", "HEAD"]}),
        ),
        with(
            "beta",
            &json!({"path_prefix": "/a", "headers": {"X-Version": "2"}}),
        ),
        with(
            "beta-write",
            &json!({"path_prefix": "/a", "headers": {"X-Version": "2"}, "methods": ["POST"]}),
        ),
        with(
            "any-version",
            &json!({"path_prefix": "/b", "headers": {"x-version": true}}),
        ),
        route("root", None, "/"),
    ])
    .unwrap();
    let two = [("x-version", "2")];
    for (path, method, headers, name) in [
        ("/a", Method::GET, &[][..], "read"),
        ("/a", Method::POST, &[][..], "plain"),
        ("/a", Method::GET, &two[..], "beta"),
        ("/a", Method::POST, &two[..], "beta-write"),
        ("/a", Method::GET, &[("x-version", "3")][..], "read"),
        (
            "/a",
            Method::DELETE,
            &[("x-version", "2"), ("x-version", "2")][..],
            "plain",
        ),
        ("/b", Method::GET, &[("x-version", "")][..], "any-version"),
        ("/b", Method::GET, &[][..], "root"),
    ] {
        assert_eq!(
            ask(&table, "h", path, &method, headers),
            Some(name),
            "{path} {method} {headers:?}"
        );
    }
}

#[test]
fn routes_that_cannot_be_told_apart_are_refused() {
    let get = json!({"methods": ["GET", "PUT"]});
    assert!(
        RouteTable::new(vec![
            with("one", &get),
            with("two", &json!({"methods": ["PUT"]}))
        ])
        .is_err()
    );
    assert!(
        RouteTable::new(vec![
            with("one", &get),
            with("two", &json!({"methods": ["POST"]}))
        ])
        .is_ok()
    );
    let header = json!({"headers": {"a": "1"}});
    assert!(RouteTable::new(vec![with("one", &header), with("two", &header)]).is_err());
}
