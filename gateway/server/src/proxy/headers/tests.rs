use super::*;

fn sent(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    sent_through(pairs, &[])
}

fn sent_through(pairs: &[(&'static str, &'static str)], owned: &[&str]) -> HeaderMap {
    let owned: Vec<Box<str>> = owned.iter().map(|name| Box::from(*name)).collect();
    let granted = Granted::fixture(&[("authorization", "Bearer ours"), ("x-user", "ours")]);
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let host = HeaderValue::from_static("up:9000");
    let said = Said {
        host: &host,
        granted: Some(&granted),
        owned: &owned,
        client: &HeaderValue::from_static("192.0.2.7"),
        keeps_te: false,
        is_secure: true,
    };
    towards_upstream(&mut headers, &said);
    headers
}

#[test]
fn px_06_hop_by_hop_headers_end_here() {
    let headers = sent(&[
        ("connection", "close, x-one, , bad name"),
        ("connection", "X-Two"),
        ("keep-alive", "1"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("http2-settings", "x"),
        ("proxy-connection", "x"),
        ("proxy-authorization", "x"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("x-three", "3"),
    ]);
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "host",
            "via",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-three",
            "x-user"
        ]
    );
}

#[test]
fn px_06_connection_cannot_remove_what_the_gateway_says() {
    let headers = sent(&[
        (
            "connection",
            "authorization, x-forwarded-for, host, via, content-length",
        ),
        ("content-length", "3"),
        ("host", "a"),
    ]);
    assert_eq!(headers["authorization"], "Bearer ours");
    assert_eq!(headers["host"], "up:9000");
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(headers["x-forwarded-host"], "a");
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["content-length"], "3");
}

#[test]
fn px_07_every_spelling_of_ours_is_removed() {
    let aliases = [
        "x_forwarded_for",
        "x.forwarded.for",
        "x_forwarded-host",
        "x-forwarded-prefix",
        "x-forwarded-uri",
        "x-forwarded-user",
        "forwarded",
        "x-original-url",
        "x-rewrite-url",
        "x_original_url",
        "x-envoy-original-path",
        "x-real-ip",
        "x.real_ip",
        "proxy_authorization",
        "client-cert",
        "client_cert_chain",
        "content_length",
        "transfer_encoding",
        "transfer.encoding",
        "connection_",
        "proxy",
    ];
    for name in aliases {
        let headers = sent(&[(name, "evil")]);
        let survives = headers.values().any(|value| value == "evil");
        assert_eq!(survives, name == "connection_", "{name}");
    }
    for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] {
        let headers = sent(&[(name, "evil"), (name, "evil"), ("host", "a")]);
        assert!(headers.values().all(|value| value != "evil"), "{name}");
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name}");
    }
}

#[test]
fn px_07_what_the_route_sets_cannot_come_from_outside() {
    for name in ["x-user", "x_user", "x.user", "x-key", "x_key"] {
        let headers = sent_through(&[(name, "evil"), (name, "evil")], &["x-user", "x-key"]);
        assert!(headers.values().all(|value| value != "evil"), "{name}");
        assert_eq!(
            headers.get_all("x-user").iter().collect::<Vec<_>>(),
            ["ours"]
        );
    }
    let headers = sent_through(&[("x-users", "1"), ("connection", "x-user")], &["x-user"]);
    assert_eq!(
        (&headers["x-users"], &headers["x-user"]),
        (&"1".parse().unwrap(), &"ours".parse().unwrap())
    );
}

#[test]
fn what_is_end_to_end_stays() {
    let names = [
        "accept",
        "cookie",
        "x_request",
        "x.y",
        "x-forward",
        "authorization-info",
        "content-type",
        "prox",
        "expect",
        "client-certs",
    ];
    for name in names {
        assert_eq!(sent(&[(name, "1")])[name], "1", "{name}");
    }
}

#[test]
fn via_names_every_hop() {
    let headers = sent(&[("via", "1.0 edge")]);
    assert_eq!(
        headers.get_all("via").iter().collect::<Vec<_>>(),
        ["1.0 edge", "1.1 cambist"]
    );
}

#[test]
fn responses_keep_all_but_hop_by_hop() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "1"),
        ("trailer", "x"),
        ("x-forwarded-for", "a"),
        ("set-cookie", "a"),
    ] {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    towards_client(&mut headers);
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["set-cookie", "x-forwarded-for"]);
}
