use super::*;

fn target(path: &str) -> Option<(String, Resource)> {
    SessionTarget::of(path).map(|target| (target.realm, target.resource))
}

#[test]
fn every_resource_is_described() {
    let described = crate::openapi::tests::public_paths();
    for resource in [
        Resource::Authenticate,
        Resource::ServerInfo,
        Resource::Sessions,
        Resource::Users,
    ] {
        let path = match resource {
            Resource::Authenticate => "authenticate",
            Resource::ServerInfo => "serverinfo/*",
            Resource::Sessions => "sessions",
            Resource::Users => "users",
        };
        for mount in ["/json", "/json/realms/root/realms/{realm}"] {
            assert!(described.contains(&format!("{mount}/{path}")), "{path}");
        }
    }
}

#[test]
fn paths_name_a_realm_and_a_resource() {
    for (path, realm, resource) in [
        ("/json/authenticate", "/", Resource::Authenticate),
        ("/am/json/authenticate", "/", Resource::Authenticate),
        (
            "/json/realms/root/authenticate",
            "/",
            Resource::Authenticate,
        ),
        (
            "/am/json/realms/root/realms/alpha/sessions",
            "/alpha",
            Resource::Sessions,
        ),
        (
            "/json/realms/root/realms/a/realms/b/users",
            "/a/b",
            Resource::Users,
        ),
        ("/json/serverinfo/*", "/", Resource::ServerInfo),
        (
            "/json/realms/root/serverinfo/%2A",
            "/",
            Resource::ServerInfo,
        ),
    ] {
        assert_eq!(target(path), Some((realm.to_owned(), resource)), "{path}");
    }
}

#[test]
fn other_paths_belong_to_the_proxy() {
    for path in [
        "/json",
        "/json/",
        "/json/other",
        "/json/alpha/authenticate",
        "/json/realms/alpha/authenticate",
        "/json/realms/root/realms/",
        "/json/realms/root/realms/../authenticate",
        "/json/realms/root/realms/a b/authenticate",
        "/json/authenticate/x",
        "/amx/json/authenticate",
        "/api/json/authenticate",
    ] {
        assert_eq!(target(path), None, "{path}");
    }
}

#[test]
fn a_universal_id_escapes_what_a_name_may_hold() {
    assert_eq!(universal_id("dana", "/"), "id=dana,ou=user,ou=am-config");
    assert_eq!(
        universal_id("da,na", "/a/b"),
        "id=da\\2cna,ou=user,o=b,o=a,ou=services,ou=am-config"
    );
}

#[test]
fn rs_07_a_session_comes_in_a_header_or_a_cookie() {
    let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    header::HeaderValue::from_static(value),
                )
            })
            .collect()
    };
    let find = |pairs: &[(&'static str, &'static str)]| {
        presented(&headers(pairs), "iPlanetDirectoryPro").map(ToOwned::to_owned)
    };
    assert_eq!(
        find(&[("iplanetdirectorypro", "t1")]).as_deref(),
        Some("t1")
    );
    let cookie = find(&[("cookie", "a=b; iPlanetDirectoryPro=\"t2\"; c=d")]);
    assert_eq!(cookie.as_deref(), Some("t2"));
    assert_eq!(find(&[("cookie", "iplanetdirectorypro=t3")]), None);
    assert_eq!(find(&[("iplanetdirectorypro", "")]), None);
    assert_eq!(find(&[]), None);
}

#[test]
fn moments_are_written_in_utc() {
    assert_eq!(instant(Timestamp(0)), "1970-01-01T00:00:00Z");
    assert_eq!(instant(Timestamp(1_900_000_000)), "2030-03-17T17:46:40Z");
}
