//! Plugins over the admin API: upload, bind, swap, refuse.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::Method;
use serde_json::json;
use tests::{
    documents::{self, TICKET, WEB},
    gateway::{TOKEN_EXCHANGE, TestGateway, basic},
    guests,
    http::{Connection, Failure, claims, form},
    issuer::{Issuer, now},
    ticket::ticket,
};

use crate::{INSTANCE, Outcome, error};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const PLUGIN: &str = "/admin/v1/plugins/legacy-ticket";

async fn with_plugin() -> Result<(TestGateway, Issuer), Failure> {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    gateway.put(PATH, &documents::with_ticket()).await?;
    Ok((gateway, issuer))
}

async fn edition(gateway: &TestGateway) -> Result<Option<String>, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, &ticket("frank", now()), TICKET, &[])
        .await?;
    let body = reply.json();
    let token = body["access_token"].as_str().ok_or_else(|| reply.text())?;
    let claims = claims(token);
    assert_eq!(claims["sub"], "wam:frank");
    Ok(claims["edition"].as_str().map(ToOwned::to_owned))
}

#[tokio::test]
async fn a_ticket_nobody_foresaw_is_exchanged_by_its_plugin() -> Outcome {
    let (gateway, _issuer) = with_plugin().await?;
    assert_eq!(edition(&gateway).await?, None);
    let forged = ticket("frank", now()).replace("frank", "admin");
    let stale = ticket("frank", now() - 3600);
    for bad in [forged.as_str(), stale.as_str(), "v1|", "", "\u{0}"] {
        assert_eq!(
            error(&gateway, bad, TICKET, &[]).await?,
            "invalid_request",
            "{bad:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn replacing_swaps_for_who_names_it_and_not_for_who_pins_it() -> Outcome {
    let (gateway, _issuer) = with_plugin().await?;
    let first = gateway.admin(Method::GET, PLUGIN, "").await?.json();
    let digest = first["digest"].as_str().unwrap_or_default().to_owned();
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket_second())
        .await?;
    assert_eq!(edition(&gateway).await?.as_deref(), Some("2"));
    let mut pinned = documents::with_ticket();
    pinned["validators"]["ticket"]["plugin"] = json!(format!("legacy-ticket@{digest}"));
    gateway.put(PATH, &pinned).await?;
    assert_eq!(
        edition(&gateway).await?,
        None,
        "the first edition, by digest"
    );
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket_second())
        .await?;
    assert_eq!(edition(&gateway).await?, None, "still pinned");
    pinned["validators"]["ticket"]["plugin"] =
        json!(format!("legacy-ticket@sha256:{}", "0".repeat(64)));
    let unknown = gateway.admin(Method::PUT, PATH, pinned.to_string()).await?;
    assert_eq!(
        (unknown.status.as_u16(), unknown.json()["path"].as_str()),
        (422, Some("validators.ticket.plugin"))
    );
    Ok(())
}

#[tokio::test]
async fn a_broken_component_is_422_and_the_old_one_serves_on() -> Outcome {
    let (gateway, _issuer) = with_plugin().await?;
    let before = gateway.admin(Method::GET, PLUGIN, "").await?.text();
    let truncated = guests::legacy_ticket().get(..2000).unwrap_or_default();
    let module: &[u8] = b"\0asm\x01\0\0\0";
    for (bytes, code) in [
        (&b"not wasm at all"[..], "not_a_component"),
        (truncated, "malformed_component"),
        (module, "core_module"),
        (b"", "not_a_component"),
        (b"(component)", "not_a_component"),
    ] {
        let reply = gateway.admin(Method::PUT, PLUGIN, bytes.to_vec()).await?;
        let problem = reply.json();
        assert_eq!(
            (reply.status.as_u16(), problem["code"].as_str()),
            (422, Some(code)),
            "{problem}"
        );
        assert_eq!(problem["type"], format!("urn:cambist:problem:{code}"));
        assert!(
            problem["hint"]
                .as_str()
                .is_some_and(|hint| !hint.is_empty())
        );
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{problem}"
        );
    }
    assert_eq!(gateway.admin(Method::GET, PLUGIN, "").await?.text(), before);
    assert_eq!(edition(&gateway).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_is_too_large_is_413() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        config.limits.plugin_bytes = 4096;
        config.plugins.memory_bytes = 32 << 20;
    })
    .await?;
    let huge = gateway.admin(Method::PUT, PLUGIN, vec![0; 8192]).await?;
    assert_eq!(huge.status, 413, "{}", huge.text());
    Ok(())
}

#[tokio::test]
async fn a_plugin_in_use_cannot_be_deleted() -> Outcome {
    let (gateway, _issuer) = with_plugin().await?;
    assert_eq!(gateway.admin(Method::DELETE, PLUGIN, "").await?.status, 409);
    gateway.put(PATH, &documents::with_partner()).await?;
    assert_eq!(gateway.admin(Method::DELETE, PLUGIN, "").await?.status, 204);
    let gone = gateway
        .admin(Method::PUT, PATH, documents::with_ticket().to_string())
        .await?;
    assert_eq!(
        (gone.status.as_u16(), gone.json()["path"].as_str()),
        (422, Some("validators.ticket.plugin"))
    );
    Ok(())
}

#[tokio::test]
async fn tx_23_a_plugin_may_not_take_an_ietf_type() -> Outcome {
    let (gateway, _issuer) = with_plugin().await?;
    let mut document = documents::with_ticket();
    document["validators"]["ticket"]["token_type"] =
        json!("urn:ietf:params:oauth:token-type:saml2");
    let reply = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["path"].as_str()),
        (422, Some("validators.ticket.token_type")),
        "TX-23"
    );
    Ok(())
}

/// WA-09: a thousand swaps under load, and not one request fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_09_a_thousand_swaps_under_load_fail_no_request() -> Outcome {
    const SWAPS: usize = 1_000;
    let (gateway, _issuer) = with_plugin().await?;
    let gateway = Arc::new(gateway);
    let (stop, done, editions) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (gateway, stop, done, editions) = (
            Arc::clone(&gateway),
            Arc::clone(&stop),
            Arc::clone(&done),
            Arc::clone(&editions),
        );
        clients.push(tokio::spawn(async move {
            let mut connection = Connection::open(&gateway.public).await?;
            let credential = basic(WEB);
            let headers = [
                ("authorization", credential.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
            while !stop.load(Ordering::Relaxed) {
                let token = ticket("frank", now());
                let body = form(&[
                    ("grant_type", TOKEN_EXCHANGE),
                    ("subject_token", &token),
                    ("subject_token_type", TICKET),
                ]);
                let reply = connection.send(Method::POST, &url, &headers, body).await?;
                if reply.status != 200 {
                    return Err(format!("{}: {}", reply.status, reply.text()).into());
                }
                let body = reply.json();
                let second =
                    claims(body["access_token"].as_str().unwrap_or_default())["edition"] == "2";
                editions.fetch_or(if second { 2 } else { 1 }, Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<(), Failure>(())
        }));
    }
    for swap in 0..SWAPS {
        gateway
            .put_plugin(
                "legacy-ticket",
                if swap % 2 == 0 {
                    guests::legacy_ticket_second()
                } else {
                    guests::legacy_ticket()
                },
            )
            .await?;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    assert!(
        done.load(Ordering::Relaxed) > SWAPS / 4,
        "the load really ran: {done:?}"
    );
    assert_eq!(
        editions.load(Ordering::Relaxed),
        3,
        "both editions answered"
    );
    Ok(())
}
