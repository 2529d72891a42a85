use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, json};

use super::*;

fn request(headers: &[(&str, &str)], query: &[(&str, &str)], body: &str) -> RestRequest {
    let field = |(name, value): &(&str, &str)| {
        (
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    RestRequest {
        method: Method::POST,
        mount: "/am/sts-publish/rest".to_owned(),
        path: Vec::new(),
        query: query
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        headers: headers.iter().map(field).collect(),
        body: Bytes::from(body.to_owned()),
        caller: Caller::Anonymous,
    }
}

fn body(response: &RestResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn rs_08_malformed_json_is_400_and_repeats_nothing_of_it() {
    for text in ["", "{", "{\"password\":\"hunter2\"", "{} {}", "nul"] {
        let request = request(&[], &[], text);
        let error = request.json(ContentType::Optional).unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST, "{text}");
        let shown = body(&render(&request, Err(error)));
        let members: Vec<&String> = shown.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "detail", "message", "reason"]);
        assert_eq!(shown["code"], json!(400));
        assert_eq!(shown["reason"], json!("Bad Request"));
        assert!(!shown.to_string().contains("hunter2"));
    }
}

#[test]
fn rs_09_every_answer_is_json_in_utf_8_and_not_cached() {
    let request = request(&[], &[], "");
    for outcome in [Ok(Content::default()), Err(RestError::access_denied())] {
        let response = render(&request, outcome);
        assert_eq!(
            response.headers[header::CONTENT_TYPE],
            "application/json;charset=UTF-8"
        );
        assert_eq!(response.headers[header::CACHE_CONTROL], "no-cache");
    }
}

#[test]
fn content_types_are_checked_as_the_verb_demands() {
    let cases = [
        (None, ContentType::Optional, true),
        (None, ContentType::Required, false),
        (Some("application/json"), ContentType::Required, true),
        (
            Some("Application/JSON; charset=utf-8"),
            ContentType::Optional,
            true,
        ),
        (Some("text/plain"), ContentType::Optional, false),
        (Some("application/jsonx"), ContentType::Required, false),
    ];
    for (media, rule, is_accepted) in cases {
        let headers: Vec<(&str, &str)> = media
            .map(|media| ("content-type", media))
            .into_iter()
            .collect();
        let outcome = request(&headers, &[], "{}").json(rule);
        assert_eq!(outcome.is_ok(), is_accepted, "{media:?}");
        assert!(
            outcome
                .err()
                .is_none_or(|error| error.status == StatusCode::BAD_REQUEST)
        );
    }
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let error = request(&[], &[], &" ".repeat(MAX_BODY + 1))
        .json(ContentType::Optional)
        .unwrap_err();
    assert_eq!(error.status, StatusCode::PAYLOAD_TOO_LARGE);
    let shown = body(&render(&request(&[], &[], ""), Err(error)));
    assert_eq!(shown["reason"], json!("Request Entity Too Large"));
}

fn instance() -> Content {
    Content {
        id: Some("alpha/a".to_owned()),
        revision: Some("7".to_owned()),
        members: Map::from_iter([
            ("alpha/a".to_owned(), json!({"x": {"y": 1, "z": 2}})),
            ("result".to_owned(), json!("success")),
        ]),
        ..Content::default()
    }
}

#[test]
fn identity_stands_in_bodies_of_protocol_2_and_the_etag_in_all() {
    let cases = [
        (None, true),
        (Some("protocol=2.1,resource=1.0"), true),
        (Some("resource=1.0"), true),
        (Some("protocol=1.0, resource=1.0"), false),
    ];
    for (version, has_identity) in cases {
        let headers: Vec<(&str, &str)> = version
            .map(|version| ("accept-api-version", version))
            .into_iter()
            .collect();
        let response = render(&request(&headers, &[], ""), Ok(instance()));
        assert_eq!(response.headers[header::ETAG], "\"7\"");
        assert_eq!(
            body(&response).get("_id").is_some(),
            has_identity,
            "{version:?}"
        );
        assert_eq!(
            body(&response).get("_rev") == Some(&json!("7")),
            has_identity,
            "{version:?}"
        );
    }
    for version in ["protocol=3.0", "protocol", "protocol=x", "flavour=1.0"] {
        let response = render(
            &request(&[("accept-api-version", version)], &[], ""),
            Ok(instance()),
        );
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{version}");
    }
}

#[test]
fn fields_choose_and_pretty_print_breaks_lines() {
    let response = render(
        &request(
            &[],
            &[
                ("_fields", "alpha~1a/x/y, nothing"),
                ("_prettyPrint", "true"),
            ],
            "",
        ),
        Ok(instance()),
    );
    assert_eq!(
        body(&response),
        json!({"_id": "alpha/a", "_rev": "7", "alpha/a": {"x": {"y": 1}}})
    );
    assert!(response.body.contains(&b'\n'));
}

#[test]
fn only_a_post_stands_in_for_another_method() {
    let mut request = request(&[("x-http-method-override", "PUT")], &[], "");
    assert_eq!(request.effective_method(), Method::PUT);
    request.method = Method::GET;
    assert_eq!(request.effective_method(), Method::GET);
}

#[test]
fn preconditions_that_cannot_be_met_are_412() {
    let headers = |name: &str, value: &str| request(&[(name, value)], &[], "").headers;
    assert_eq!(if_match(&headers("if-match", "\"12\"")), Ok(Some(12)));
    assert_eq!(if_match(&headers("if-match", "12")), Ok(Some(12)));
    assert_eq!(if_match(&headers("if-match", "*")), Ok(None));
    assert_eq!(if_match(&HeaderMap::new()), Ok(None));
    let status = |outcome: Result<(), RestError>| outcome.map_err(|error| error.status);
    let failed = Err(StatusCode::PRECONDITION_FAILED);
    assert_eq!(
        if_match(&headers("if-match", "\"abc\""))
            .map(|_| ())
            .map_err(|e| e.status),
        failed
    );
    assert_eq!(
        status(refuse_conditions(&headers("if-match", "*"), false, |_| {
            true
        })),
        failed
    );
    assert_eq!(
        status(refuse_conditions(&headers("if-match", "*"), true, |_| true)),
        Ok(())
    );
    assert_eq!(
        status(refuse_conditions(
            &headers("if-none-match", "\"1\""),
            true,
            |v| v == "*"
        )),
        failed
    );
}

#[test]
fn a_name_is_repeated_only_in_part() {
    assert_eq!(shown("a\nb"), "a?b");
    assert_eq!(shown(&"x".repeat(1000)).chars().count(), 65);
}
