//! What was acknowledged is there after any end.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cambist::config::Config;
use hyper::Method;
use serde_json::Value;
use tests::{
    documents::{self, TICKET, WEB},
    gateway::TestGateway,
    guests,
    http::{self, Failure},
    issuer::{Issuer, now},
    ticket::ticket,
};

use crate::{INSTANCE, Outcome};

#[tokio::test]
async fn a_restart_serves_what_was_published() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    let gateway = TestGateway::start_in(&data, Config::default()).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    let published = gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &documents::with_ticket(),
        )
        .await?;
    let keys = http::get(&format!("{}/oauth2/{INSTANCE}/jwks", gateway.public), &[])
        .await?
        .text();
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, Config::default()).await?;
    let read = gateway
        .admin(Method::GET, "/admin/v1/instances/alpha/orders", "")
        .await?;
    assert_eq!(
        read.header("etag"),
        format!("\"{}\"", published["revision"])
    );
    assert_eq!(
        http::get(&format!("{}/oauth2/{INSTANCE}/jwks", gateway.public), &[])
            .await?
            .text(),
        keys,
        "the keys are the same"
    );
    let reply = gateway
        .exchange(INSTANCE, WEB, &ticket("frank", now()), TICKET, &[])
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn two_gateways_cannot_share_a_directory() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let first = TestGateway::start_in(&data, Config::default()).await?;
    assert!(
        TestGateway::start_in(&data, Config::default())
            .await
            .is_err()
    );
    first.stop().await?;
    Ok(())
}

struct Process {
    child: Child,
    admin: String,
    token: String,
}

impl Process {
    fn start(data: &Path, ports: (u16, u16)) -> Result<Self, Failure> {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_gateway")), data, ports)
    }

    fn start_as(mut command: Command, data: &Path, ports: (u16, u16)) -> Result<Self, Failure> {
        let child = command
            .args(["serve", "--data-dir"])
            .arg(data)
            .args([
                "--public",
                &format!("127.0.0.1:{}", ports.0),
                "--admin",
                &format!("127.0.0.1:{}", ports.1),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut process = Self {
            child,
            admin: format!("127.0.0.1:{}", ports.1),
            token: String::new(),
        };
        for _ in 0..300 {
            let token = std::fs::read_to_string(data.join("admin-token"));
            if let (Ok(_), Ok(token)) = (std::net::TcpStream::connect(&process.admin), token) {
                token.trim().clone_into(&mut process.token);
                return Ok(process);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the gateway did not start".into())
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<http::Reply, Failure> {
        let credential = format!("Bearer {}", self.token);
        http::send(
            method,
            &format!("http://{}{path}", self.admin),
            &[("authorization", &credential)],
            body,
        )
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// ST-01: killed in the middle of publishing, several times; every acknowledged publication is there after.
#[tokio::test]
async fn st_01_kill_9_loses_no_acknowledged_publication() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..5 {
        let mut process = Process::start(&data, (free_port()?, free_port()?))?;
        let listed = process
            .request(Method::GET, "/admin/v1/instances", String::new())
            .await?
            .json();
        let there: Vec<&str> = listed["instances"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|i: &Value| i["id"].as_str())
            .collect();
        for id in &acknowledged {
            assert!(
                there.contains(&id.as_str()),
                "{id} was acknowledged before the kill and is gone"
            );
        }
        let mut number = 0;
        let killer = tokio::time::sleep(Duration::from_millis(300 + round * 70));
        tokio::pin!(killer);
        loop {
            let id = format!("crash/r{round}-{number}");
            let path = format!("/admin/v1/instances/{id}");
            let publish = process.request(Method::PUT, &path, documents::passwords().to_string());
            tokio::select! {
                reply = publish => if reply?.status == 201 { acknowledged.push(id) },
                () = &mut killer => break,
            }
            number += 1;
        }
        process.child.kill()?;
        process.child.wait()?;
    }
    assert!(
        acknowledged.len() > 5,
        "{} publications",
        acknowledged.len()
    );
    Ok(())
}

/// ST-03: when the disk takes no more, a publication fails whole and says so, and what is live serves on.
#[tokio::test]
async fn st_03_a_store_that_refuses_writes_loses_nothing() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -f 1200; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_gateway"),
    ]);
    let process = Process::start_as(limited, &data, (free_port()?, free_port()?))?;
    let mut document = documents::passwords();
    document["description"] = Value::String("x".repeat(60_000));
    let mut acknowledged = Vec::new();
    let refused = loop {
        let id = format!("full/i{}", acknowledged.len());
        let path = format!("/admin/v1/instances/{id}");
        let reply = process
            .request(Method::PUT, &path, document.to_string())
            .await?;
        if reply.status != 201 {
            break reply;
        }
        acknowledged.push(id);
        assert!(acknowledged.len() < 200, "the disk never filled up");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["code"], "store_unavailable");
    assert!(!acknowledged.is_empty());
    let not_there = format!("/admin/v1/instances/full/i{}", acknowledged.len());
    assert_eq!(
        process
            .request(Method::GET, &not_there, String::new())
            .await?
            .status,
        404
    );
    let still = process
        .request(Method::GET, "/admin/v1/instances/full/i0", String::new())
        .await?;
    assert_eq!(still.status, 200);
    drop(process);
    let process = Process::start(&data, (free_port()?, free_port()?))?;
    let listed = process
        .request(Method::GET, "/admin/v1/instances", String::new())
        .await?
        .json();
    let there = listed["instances"].as_array().map_or(0, Vec::len);
    assert_eq!(
        there,
        acknowledged.len(),
        "neither more nor fewer than were acknowledged"
    );
    Ok(())
}

/// A request that is under way when the gateway is told to stop gets its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_requests_finish() -> Outcome {
    let slow = tests::server::Server::start(|_| {
        std::thread::sleep(Duration::from_millis(600));
        tests::server::json(&Value::Bool(true))
    })
    .await?;
    let (gateway, issuer) = crate::with_partner().await?;
    let route = serde_json::json!({
        "path_prefix": "/slow", "upstream": slow.url(), "instance": INSTANCE,
        "audience": documents::ORDERS, "subject_token_type": tests::gateway::ID_TOKEN
    });
    gateway.put("/admin/v1/routes/slow", &route).await?;
    let (url, credential) = (
        format!("{}/slow", gateway.public),
        format!("Bearer {}", issuer.id_token("dana", WEB.0)?),
    );
    let request =
        tokio::spawn(async move { http::get(&url, &[("authorization", &credential)]).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let public = gateway.public.clone();
    gateway.stop().await?;
    let reply = request.await??;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (200, Value::Bool(true))
    );
    assert!(
        http::get(&public, &[]).await.is_err(),
        "nobody listens any more"
    );
    Ok(())
}
