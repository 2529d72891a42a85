use super::*;

fn http2(target: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().version(Version::HTTP_2).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

#[test]
fn a_request_of_http2_gets_a_host() {
    let mut request = http2("https://api.example:8443/a", &[]);
    prepare(&mut request, 100).unwrap();
    assert_eq!(request.headers()[HOST], "api.example:8443");
    let mut same = http2("https://api.example/a", &[("host", "API.example")]);
    prepare(&mut same, 100).unwrap();
}

#[test]
fn px_03_two_names_for_the_host_are_refused() {
    let mut other = http2("https://api.example/a", &[("host", "other.example")]);
    assert_eq!(
        prepare(&mut other, 100),
        Err(Flaw::Malformed(Malformed::Host))
    );
    let mut none = http2("/a", &[]);
    assert_eq!(
        prepare(&mut none, 100),
        Err(Flaw::Malformed(Malformed::Host))
    );
    let mut with_user = http2("https://u@api.example/a", &[]);
    assert_eq!(
        prepare(&mut with_user, 100),
        Err(Flaw::Malformed(Malformed::Host))
    );
}

#[test]
fn h2_03_header_fields_are_counted() {
    let headers: Vec<(String, String)> = (0..101)
        .map(|i| (format!("x-{i}"), String::new()))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut request = http2("https://api.example/a", &headers);
    assert_eq!(prepare(&mut request, 100), Err(Flaw::Headers(100)));
}

#[test]
fn cookies_are_joined() {
    let mut request = http2("https://a/", &[("cookie", "a=1"), ("cookie", "b=2")]);
    prepare(&mut request, 100).unwrap();
    let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1; b=2"]);
}
