//! `/openapi.json` against the listeners that it describes.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents,
    gateway::TestGateway,
    http::{self, Failure, Reply},
};

use crate::{Outcome, with_partner};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::PATCH,
];

async fn described(base: &str) -> Result<Value, Failure> {
    let reply = http::get(&format!("{base}/openapi.json"), &[]).await?;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, "application/json")
    );
    let tag = reply.header("etag").to_owned();
    let again = http::get(&format!("{base}/openapi.json"), &[("if-none-match", &tag)]).await?;
    assert_eq!(again.status, 304);
    Ok(reply.json())
}

/// A path with something in place of its parameters.
fn filled(template: &str) -> String {
    template
        .replace("{instance}", "alpha/orders")
        .replace("{realm}", "alpha")
        .replace("{sha256}", &"0".repeat(64))
        .replace("{path}", "none")
        .replace("{authenticator}", "alpha/none")
        .replace("{name}", "none")
        .replace("{pin}", "1.0.0")
        .replace("{handle}", "none")
        .replace("{token}", "none")
}

/// Whether a document says that an operation may answer so.
fn may_answer(document: &Value, operation: &Value, reply: &Reply) -> Result<(), String> {
    let status = reply.status.as_u16();
    let mut response = &operation["responses"][status.to_string()];
    if let Some(pointer) = response["$ref"].as_str() {
        response = document
            .pointer(pointer.trim_start_matches('#'))
            .unwrap_or(&Value::Null);
    }
    if response.is_null() {
        return Err(format!("{status} is not described: {}", reply.text()));
    }
    let media = reply
        .header("content-type")
        .split(';')
        .next()
        .unwrap_or_default();
    let content = response["content"].as_object();
    match (content, reply.body.is_empty()) {
        (None, true) => Ok(()),
        (Some(content), false) if content.contains_key(media) => Ok(()),
        _ => Err(format!(
            "{status} with `{media}` is not described: {}",
            reply.text()
        )),
    }
}

/// Every path with every method: what is described answers as described, and nothing else does anything.
async fn walk(
    base: &str,
    document: &Value,
    headers: &[(&str, &str)],
) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    let paths = document["paths"].as_object().ok_or("no paths")?;
    for (template, item) in paths {
        for method in &METHODS {
            let operation = &item[method.as_str().to_ascii_lowercase()];
            let url = format!("{base}{}", filled(template));
            let reply = http::send(method.clone(), &url, headers, "{}").await?;
            if operation.is_null() {
                if reply.status.is_success() {
                    wrong.push(format!(
                        "{method} {template} is not described, and {}",
                        reply.status
                    ));
                }
                continue;
            }
            if let Err(reason) = may_answer(document, operation, &reply) {
                wrong.push(format!("{method} {template}: {reason}"));
            }
            let text = reply.text();
            if reply.status == 405
                || text.contains("nothing lives")
                || text.contains("there is no collection")
            {
                wrong.push(format!("{method} {template} is described, and {text}"));
            }
        }
    }
    Ok(wrong)
}

#[tokio::test]
async fn the_public_document_is_true() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let document = described(&gateway.public).await?;
    assert_eq!(document["servers"][0]["url"], gateway.public);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = walk(&gateway.public, &document, &form).await?;
    assert!(wrong.is_empty(), "{wrong:#?}");
    let json = [("content-type", "application/json")];
    let wrong = walk(&gateway.public, &document, &json).await?;
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(document["paths"]["/admin/v1/instances"].is_null());
    Ok(())
}

#[tokio::test]
async fn the_admin_document_is_true() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let document = described(&gateway.admin).await?;
    let anonymous = [("content-type", "application/json")];
    let credential = format!("Bearer {}", gateway.token());
    let known = [anonymous[0], ("authorization", credential.as_str())];
    for headers in [&anonymous[..], &known] {
        let wrong = walk(&gateway.admin, &document, headers).await?;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
    for path in document["paths"].as_object().ok_or("no paths")?.keys() {
        if path.starts_with("/admin/v1/") {
            let reply = http::get(&format!("{}{}", gateway.admin, filled(path)), &[]).await?;
            assert_eq!(reply.status, 401, "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_route_that_takes_the_path_comes_first() -> Outcome {
    let gateway = TestGateway::start().await?;
    let upstream = tests::upstream::start().await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    assert_eq!(described(&gateway.public).await?["openapi"], "3.1.0");
    let route =
        json!({"path_prefix": "/openapi.json", "upstream": upstream.url(), "anonymous": "only"});
    let reply = gateway
        .admin(Method::PUT, "/admin/v1/routes/all", route.to_string())
        .await?;
    assert!(reply.status.is_success(), "{}", reply.text());
    let reply = http::get(&format!("{}/openapi.json", gateway.public), &[]).await?;
    assert_eq!(reply.json()["path"], "/openapi.json", "{}", reply.text());
    Ok(())
}
