//! Passwords cannot be guessed at leisure.

use hyper::Method;
use serde_json::json;
use tests::{
    documents::{self, WEB},
    gateway::{TestGateway, USERNAME},
    http,
    sts::{self, Sts, id_token, password},
};

use crate::Outcome;

#[tokio::test]
async fn a_guesser_waits_on_every_face_and_others_do_not() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        config.passwords.user_failures = 2;
    })
    .await?;
    for name in ["dana", "erin"] {
        gateway
            .put_user("/alpha", name, sts::DANA.1, json!({}))
            .await?;
    }
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    let sts = Sts { gateway };
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let wrong = json!({"token_type": "USERNAME", "username": "dana", "password": "wrong"});
    for _ in 0..2 {
        assert_eq!(sts.translate(&id, &wrong, &id_token()).await?.status, 401);
    }
    // Even the right one is not looked at.
    let reply = sts.translate(&id, &password(), &id_token()).await?;
    let body = reply.json();
    assert_eq!(reply.status, 429, "{body}");
    assert_eq!(
        (&body["code"], &body["reason"]),
        (&json!(429), &json!("Too Many Requests"))
    );
    let seconds: u64 = reply.header("retry-after").parse()?;
    assert!((1..=6).contains(&seconds), "{seconds}");

    let token = json!({"username": "dana", "password": sts::DANA.1}).to_string();
    let reply = sts
        .gateway
        .exchange("alpha/orders", WEB, &token, USERNAME, &[])
        .await?;
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert!(reply.header("retry-after").parse::<u64>().is_ok());

    let url = format!(
        "{}/json/realms/root/realms/alpha/authenticate",
        sts.gateway.public
    );
    let headers = [
        ("x-openam-username", "dana"),
        ("x-openam-password", sts::DANA.1),
    ];
    let reply = http::send(Method::POST, &url, &headers, "").await?;
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert!(reply.header("retry-after").parse::<u64>().is_ok());

    let erin = json!({"token_type": "USERNAME", "username": "erin", "password": sts::DANA.1});
    sts.issued(&id, &erin, &id_token()).await?;
    Ok(())
}

#[tokio::test]
async fn an_address_that_tries_many_names_waits() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        config.passwords.address_failures = 3;
    })
    .await?;
    gateway
        .put_user("/alpha", sts::DANA.0, sts::DANA.1, json!({}))
        .await?;
    let sts = Sts { gateway };
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let mut statuses = Vec::new();
    for index in 0..8 {
        let name = format!("user-{index}");
        let input = json!({"token_type": "USERNAME", "username": name, "password": "x"});
        statuses.push(
            sts.translate(&id, &input, &id_token())
                .await?
                .status
                .as_u16(),
        );
    }
    assert_eq!(statuses[..3], [401, 401, 401]);
    assert!(statuses.contains(&429), "{statuses:?}");
    Ok(())
}
