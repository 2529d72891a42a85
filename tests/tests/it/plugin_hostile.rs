//! A plugin that means harm, in a gateway that goes on serving.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use cambist_token::jose::Algorithm;
use hyper::Method;
use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::TestGateway,
    guests,
    http::{self, Failure},
    issuer::{Issuer, now},
    ticket::ticket,
};

use crate::{INSTANCE, Outcome};

const HOSTILE: &str = "urn:example:hostile";

/// Ends the call, and the request with it.
const ENDED: [&str; 9] = [
    "loop",
    "fill",
    "memory",
    "recursion",
    "panic",
    "answer",
    "list",
    "reserved",
    "exit",
];

/// Finds nothing there.
const EMPTY: [&str; 7] = [
    "files",
    "write",
    "network",
    "environment",
    "arguments",
    "clock",
    "output",
];

async fn gateway() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    gateway.put_plugin("hostile", guests::hostile()).await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &documents::with_ticket(),
        )
        .await?;
    let hostile = json!({
        "validators": {"hostile": {"kind": "plugin", "plugin": "hostile", "token_type": HOSTILE, "scopes": ["orders:read"]}},
        "providers": {"access": {"kind": "access_token", "claims": {"seen": "seen"}}},
        "transformations": [{"subject": "hostile", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"]}}
    });
    gateway.put("/admin/v1/instances/hostile", &hostile).await?;
    Ok(gateway)
}

async fn attack(gateway: &TestGateway, attack: &str) -> Result<(u16, serde_json::Value), Failure> {
    let reply = gateway
        .exchange("hostile", WEB, attack, HOSTILE, &[])
        .await?;
    Ok((reply.status.as_u16(), reply.json()))
}

/// WA-02, WA-03, WA-04, WA-08: whatever it does, its own request fails closed and nobody else's does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ab_24_wa_08_plugin_that_means_harm_harms_nobody_else() -> Outcome {
    let gateway = Arc::new(gateway().await?);
    let (stop, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let neighbour = tokio::spawn({
        let (gateway, stop, served) =
            (Arc::clone(&gateway), Arc::clone(&stop), Arc::clone(&served));
        async move {
            while !stop.load(Ordering::Relaxed) {
                let token = ticket("frank", now());
                let reply = gateway
                    .exchange(INSTANCE, WEB, &token, documents::TICKET, &[])
                    .await?;
                if reply.status != 200 {
                    return Err(format!("{}: {}", reply.status, reply.text()).into());
                }
                served.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failure>(())
        }
    });
    for name in ENDED {
        let before = served.load(Ordering::Relaxed);
        let (status, body) = attack(&gateway, name).await?;
        assert_eq!(
            (status, body["error"].as_str()),
            (500, Some("server_error")),
            "{name}: {body}"
        );
        assert!(!body.to_string().contains("purpose"), "{body}");
        assert_eq!(attack(&gateway, "nothing").await?.0, 400, "after {name}");
        while served.load(Ordering::Relaxed) == before {
            assert!(!neighbour.is_finished(), "during {name}");
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    neighbour.await??;
    let metrics = http::get(&format!("{}/metrics", gateway.admin), &[])
        .await?
        .text();
    let failures = metrics
        .lines()
        .find(|line| {
            line.starts_with("cambist_plugin_failures_total{plugin=\"hostile\",digest=\"sha256:")
        })
        .ok_or_else(|| metrics.clone())?;
    assert!(
        failures.ends_with(&format!(" {}", ENDED.len())),
        "{failures}"
    );
    Ok(())
}

/// WA-07: files, network, environment, clock are not there, and looking for them costs one request.
#[tokio::test]
async fn ab_25_wa_07_plugin_finds_an_empty_world() -> Outcome {
    let gateway = gateway().await?;
    for name in EMPTY {
        let (status, body) = attack(&gateway, name).await?;
        if status == 200 {
            let token = body["access_token"].as_str().unwrap_or_default();
            assert_eq!(http::claims(token).get("seen"), None, "{name}");
        } else {
            assert_eq!(
                (status, body["error"].as_str()),
                (500, Some("server_error")),
                "{name}: {body}"
            );
        }
    }
    assert!(!std::path::Path::new("/tmp/mallory").exists());
    Ok(())
}

/// WA-06: what one call leaves in its memory no other ever sees.
#[tokio::test]
async fn wa_06_plugin_remembers_nothing_between_calls() -> Outcome {
    let gateway = gateway().await?;
    for _ in 0..50 {
        let (status, body) = attack(&gateway, "canary").await?;
        assert_eq!(status, 200, "{body}");
        let token = body["access_token"].as_str().unwrap_or_default();
        assert_eq!(http::claims(token).get("seen"), None);
    }
    Ok(())
}

/// WA-08, WA-10: the record of a failed request names the plugin with its digest and its last words.
#[tokio::test]
async fn wa_10_plugin_failures_are_recorded_with_the_digest() -> Outcome {
    let gateway = gateway().await?;
    let plugin = gateway
        .admin(Method::GET, "/admin/v1/plugins/hostile", "")
        .await?
        .json();
    let (_, body) = attack(&gateway, "panic").await?;
    let correlation = body["correlation_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let audit = gateway.data().ok_or("no data")?.join("audit.jsonl");
    // Stopping writes what is queued, and hands the directory over before it vanishes.
    let _directory = gateway.stop().await?;
    let records = std::fs::read_to_string(audit)?;
    let record = records
        .lines()
        .find(|line| line.contains(&correlation))
        .ok_or("no record")?;
    let digest = plugin["digest"].as_str().unwrap_or_default();
    assert!(record.contains(&format!("hostile@{digest}")), "{record}");
    assert!(record.contains("on purpose"), "{record}");
    Ok(())
}
