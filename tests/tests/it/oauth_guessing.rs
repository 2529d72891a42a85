//! Who asks about tokens too often has to wait, and learns nothing from it (RFC 7662 §4).

use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{TestGateway, USERNAME, basic},
    http::{self, Failure, Reply, form},
};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;
const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

/// A gateway at which a caller may ask 20 questions at once, each unknown token counting as five.
async fn start() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start_with(|config| {
        config.introspection.per_second = 2;
        config.introspection.inactive_cost = 5;
    })
    .await?;
    let mut document = documents::passwords();
    document["relying_parties"]["https://stock.example"] = json!({"scopes": ["orders:read"]});
    document["clients"]["web"]["audiences"] = json!([ORDERS, "https://stock.example"]);
    for name in ["api", "twin", "third"] {
        document["clients"][name] = json!({"secret": SECRET, "introspects": [ORDERS]});
    }
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    Ok(gateway)
}

async fn ask(gateway: &TestGateway, client: &str, token: &str) -> Result<Reply, Failure> {
    let credential = basic((client, SECRET));
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let url = format!("{}/oauth2/{INSTANCE}/introspect", gateway.public);
    http::send(
        hyper::Method::POST,
        &url,
        &headers,
        form(&[("token", token)]),
    )
    .await
}

/// How many questions are answered before one is not.
async fn answered(gateway: &TestGateway, client: &str, token: &str) -> Result<u64, Failure> {
    for count in 0..100 {
        let reply = ask(gateway, client, token).await?;
        if reply.status == 200 {
            continue;
        }
        assert_eq!(reply.status, 429, "{}", reply.text());
        assert_eq!(reply.json()["error"], "temporarily_unavailable");
        let wait: u64 = reply.header("retry-after").parse()?;
        assert!((1..=11).contains(&wait), "{wait}");
        return Ok(count);
    }
    Err("nobody has to wait".into())
}

async fn issued(gateway: &TestGateway, audience: &str) -> Result<String, Failure> {
    let asked = [("audience", audience)];
    let reply = gateway
        .exchange(INSTANCE, WEB, DANA, USERNAME, &asked)
        .await?;
    let token = reply.json()["access_token"].as_str().map(ToOwned::to_owned);
    Ok(token.ok_or_else(|| reply.text())?)
}

#[tokio::test]
async fn in_07_each_caller_has_a_rate_and_guesses_count_more() -> Outcome {
    let gateway = start().await?;
    let token = issued(&gateway, ORDERS).await?;
    // A second may begin in between, or two.
    let active = answered(&gateway, "api", &token).await?;
    assert!((20..=30).contains(&active), "{active}");
    let guesses = answered(&gateway, "twin", "cbt_AAAAAAAAAAAAAAAAAAAAAA").await?;
    assert!((4..=6).contains(&guesses), "{guesses}");
    // Whoever waits is told the same about every token, and others are not in their way.
    for token in [token.as_str(), "cbt_AAAAAAAAAAAAAAAAAAAAAA", "x"] {
        assert_eq!(ask(&gateway, "twin", token).await?.status, 429);
    }
    assert_eq!(ask(&gateway, "third", &token).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn in_07_sx_14_what_is_left_does_not_tell_a_token_for_others_from_no_token() -> Outcome {
    let gateway = start().await?;
    let others = issued(&gateway, "https://stock.example").await?;
    let of_others = answered(&gateway, "api", &others).await?;
    let of_nobody = answered(&gateway, "twin", "nothing").await?;
    assert!(
        of_others.abs_diff(of_nobody) <= 1,
        "{of_others} {of_nobody}"
    );
    // After a while it goes on.
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if ask(&gateway, "api", &others).await?.status == 200 {
            return Ok(());
        }
    }
    Err("the wait does not end".into())
}

#[tokio::test]
async fn in_07_without_authentication_nothing_is_counted_and_nothing_told() -> Outcome {
    let gateway = start().await?;
    let token = issued(&gateway, ORDERS).await?;
    let credential = basic(("api", "a-wrong-secret-of-more-than-thirty-two-letters"));
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let url = format!("{}/oauth2/{INSTANCE}/introspect", gateway.public);
    for _ in 0..30 {
        let body = form(&[("token", token.as_str())]);
        let reply = http::send(hyper::Method::POST, &url, &headers, body).await?;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(ask(&gateway, "api", &token).await?.json()["active"], true);
    Ok(())
}
