use super::*;

fn hops(trusted: &[&str]) -> Hops {
    Hops {
        trusted: trusted.iter().map(|text| text.parse().unwrap()).collect(),
        ..Hops::default()
    }
}

fn client_of(values: &[&str]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
    }
    let hops = hops(&["10.0.0.0/8", "fd00::/8"]);
    client(&headers, &hops).map(|address| address.to_string())
}

#[test]
fn px_08_the_client_is_the_last_address_no_hop_has() {
    let client = |values: &[&str]| client_of(values);
    assert_eq!(client(&[]), None);
    assert_eq!(client(&["192.0.2.1"]).as_deref(), Some("192.0.2.1"));
    // What the client claimed itself stands in front.
    assert_eq!(
        client(&["1.1.1.1, 192.0.2.1, 10.0.0.9"]).as_deref(),
        Some("192.0.2.1")
    );
    assert_eq!(
        client(&["1.1.1.1", "192.0.2.1", "10.0.0.9"]).as_deref(),
        Some("192.0.2.1")
    );
    assert_eq!(client(&["10.0.0.1, 10.0.0.2"]).as_deref(), Some("10.0.0.1"));
    assert_eq!(
        client(&["192.0.2.1:4711, [fd00::1]:80"]).as_deref(),
        Some("192.0.2.1")
    );
    assert_eq!(client(&["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
    assert_eq!(client(&["::ffff:192.0.2.1"]).as_deref(), Some("192.0.2.1"));
}

#[test]
fn px_08_what_is_no_address_ends_the_search() {
    assert_eq!(client_of(&["192.0.2.1, unknown"]), None);
    assert_eq!(
        client_of(&["192.0.2.1, unknown, 10.0.0.1"]).as_deref(),
        Some("10.0.0.1")
    );
    assert_eq!(client_of(&["192.0.2.1,"]), None);
}
