use super::*;

fn asked(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// What the listener and the proxy check.
fn both(request: &Request<()>) -> Result<(), Malformed> {
    let (method, headers) = (request.method(), request.headers());
    check_message(method, request.uri(), request.version(), headers)?;
    check(request)
}

fn checked(headers: &[(&str, &str)]) -> Result<(), Malformed> {
    both(&asked("GET", "/a", headers))
}

#[test]
fn px_01_length_and_encoding_together_are_refused() {
    let with = [
        ("host", "a"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(checked(&with), Err(Malformed::Framing));
    assert_eq!(checked(&with[..2]), Ok(()));
}

#[test]
fn px_01_two_lengths_are_refused_even_if_equal() {
    assert_eq!(
        checked(&[
            ("host", "a"),
            ("content-length", "1"),
            ("content-length", "1")
        ]),
        Err(Malformed::Framing)
    );
}

#[test]
fn px_02_only_exactly_chunked_passes() {
    for value in ["chunked", "Chunked"] {
        assert_eq!(
            checked(&[("host", "a"), ("transfer-encoding", value)]),
            Ok(()),
            "{value}"
        );
    }
    for value in [
        "gzip, chunked",
        "chunked,",
        "chunked, chunked",
        "identity",
        "",
        "xchunked",
        "chunked;q=1",
    ] {
        assert_eq!(
            checked(&[("host", "a"), ("transfer-encoding", value)]),
            Err(Malformed::Framing),
            "{value}"
        );
    }
    let twice = [
        ("host", "a"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(checked(&twice), Err(Malformed::Framing));
}

#[test]
fn px_02_http_1_0_has_no_encoding() {
    let mut request = asked(
        "POST",
        "/a",
        &[("host", "a"), ("transfer-encoding", "chunked")],
    );
    *request.version_mut() = Version::HTTP_10;
    assert_eq!(both(&request), Err(Malformed::Framing));
}

#[test]
fn px_03_exactly_one_host() {
    assert_eq!(checked(&[]), Err(Malformed::Host));
    assert_eq!(
        checked(&[("host", "a"), ("host", "a")]),
        Err(Malformed::Host)
    );
}

#[test]
fn px_03_hosts_that_are_none() {
    for host in [
        "a,b", "a@b", "", ":80", "a:", "a:x", "a:70000", "a:1:2", "a b", "a/b", "[::1", "[::g]",
        "[::1]x", "a%2e", "ä",
    ] {
        assert!(!is_host(host), "{host}");
        if !host.is_empty() {
            assert_eq!(checked(&[("host", host)]), Err(Malformed::Host), "{host}");
        }
    }
    for host in [
        "a",
        "A.example",
        "a.example.",
        "a_b",
        "127.0.0.1",
        "[::1]",
        "[::1]:80",
        "a:8080",
    ] {
        assert!(is_host(host), "{host}");
    }
}

#[test]
fn px_03_absolute_form_names_the_same_host() {
    let check = |target: &str| both(&asked("GET", target, &[("host", "a.example:80")]));
    assert_eq!(check("http://A.example:80/"), Ok(()));
    assert_eq!(check("http://b.example/"), Err(Malformed::Host));
    assert_eq!(check("http://user@a.example:80/"), Err(Malformed::Host));
}

#[test]
fn px_10_tunnels_and_upgrades_are_refused() {
    assert_eq!(
        checked(&[("host", "a"), ("upgrade", "websocket")]),
        Err(Malformed::Upgrade)
    );
    assert_eq!(
        both(&asked("CONNECT", "a:1", &[("host", "a:1")])),
        Err(Malformed::Connect)
    );
}

#[test]
fn trace_would_show_the_issued_token() {
    assert_eq!(
        both(&asked("TRACE", "/", &[("host", "a")])),
        Err(Malformed::Trace)
    );
}

#[test]
fn ab_22_duplicate_authorization_is_refused() {
    let twice = [
        ("host", "a"),
        ("authorization", "Bearer a"),
        ("Authorization", "Bearer b"),
    ];
    assert_eq!(checked(&twice), Err(Malformed::DuplicateAuthorization));
}

#[test]
fn px_09_paths_with_two_meanings_are_refused() {
    let refused = [
        "",
        "a",
        "*",
        "//",
        "//a",
        "/a//b",
        "/a//",
        "/.",
        "/..",
        "/./a",
        "/a/../b",
        "/a/..",
        "/a/../",
        "/..;x/a",
        "/a/.;/b",
        "/;a",
        "/%2e%2e/a",
        "/%2E./a",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%5Cb",
        "/a\\b",
        "/a%00",
        "/a%0a",
        "/a%0d",
        "/a%7f",
        "/a%",
        "/a%2",
        "/a%2g",
        "/a%zz",
        "/ä",
        "/a b",
        "/a#b",
        "/a\u{7f}",
    ];
    for path in refused {
        assert!(!is_normalised(path), "{path:?}");
    }
    for path in [
        "/",
        "/a",
        "/a/",
        "/a/b.c",
        "/a;v=1/b",
        "/.well-known/x",
        "/...",
        "/a%20b",
        "/%C3%A4",
        "/a:b@c,d",
        "/%25",
        "/~a",
    ] {
        assert!(is_normalised(path), "{path:?}");
    }
    assert_eq!(
        both(&asked("GET", "/a/../b", &[("host", "a")])),
        Err(Malformed::Path)
    );
    assert_eq!(
        both(&asked("OPTIONS", "*", &[("host", "a")])),
        Err(Malformed::Path)
    );
}
