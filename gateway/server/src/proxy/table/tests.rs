use cambist_core::Scope;
use serde_json::json;

use super::*;

fn route(name: &str, host: Option<&str>, prefix: &str) -> Arc<Route> {
    let document = json!({"host": host, "path_prefix": prefix, "upstream": "http://a", "instance": "i", "audience": "a"});
    Arc::new(
        Route::build(
            name,
            serde_json::from_value(document).unwrap(),
            1,
            Scope::default(),
        )
        .unwrap(),
    )
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
    let find = |host: &str, path: &str| table.find(host, path).map(|route| route.name().to_owned());
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
        assert_eq!(find(host, path).as_deref(), Some(name), "{host} {path}");
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
        assert!(table.find(host, path).is_none(), "{host} {path}");
    }
    assert!(RouteTable::default().find("a", "/").is_none());
}

#[test]
fn px_09_the_match_is_case_sensitive() {
    let table = RouteTable::new(vec![route("api", None, "/api")]).unwrap();
    assert!(table.find("a", "/API").is_none());
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
