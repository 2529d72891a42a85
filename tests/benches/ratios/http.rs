//! The exchange over HTTP, against raw cryptography plus a bare hyper server that echoes as many bytes.

use std::{convert::Infallible, sync::mpsc};

use bytes::Bytes;
use cambist_token::jose::Algorithm;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tests::{
    documents::{self, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    guests,
    http::{Failure, form},
    issuer::Issuer,
};

use crate::{
    Limit, Row,
    cpu::{is_gateway, median, process_micros},
    load::{self, Request},
    raw,
};

const CONNECTIONS: usize = 16;
const TOTAL: usize = 8_000;
const ROUNDS: usize = 5;
const INSTANCE: &str = "bench/orders";
const TWIN: &str = "bench/twin";
const TWIN_TYPE: &str = "urn:example:twin";

/// ES256 → ES256 through the token endpoint.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let crypto = raw::es256_verify()? + raw::es256_sign()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("bench")
        .enable_all()
        .build()?;
    let (gateway, [request, twin]) = runtime.block_on(prepare())?;
    let echo = echo()?;
    let bare = Request {
        url: echo,
        ..request.clone()
    };
    let (mut costs, mut echoes, mut twins) = (Vec::new(), Vec::new(), Vec::new());
    load::run(vec![request.clone(), twin.clone()], CONNECTIONS, 500)?;
    for _ in 0..ROUNDS {
        costs.push(measured(&request, is_gateway)?);
        twins.push(measured(&twin, is_gateway)?);
        echoes.push(measured(&bare, |name| name == "echo")?);
    }
    runtime.block_on(gateway.stop())?;
    let builtin = median(&mut costs);
    Ok(vec![
        Row {
            work: "http: exchange ES256 -> ES256 / raw verify + sign + bare echo".to_owned(),
            cost: builtin,
            reference: crypto + median(&mut echoes),
            limit: Limit::Times(1.35),
        },
        // 85 % of the throughput is 1 / 0.85 of the cost.
        Row {
            work: "plugin: the same exchange, validated by the builtin's twin / builtin".to_owned(),
            cost: median(&mut twins),
            reference: builtin,
            limit: Limit::Times(1.18),
        },
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests")]
fn measured(request: &Request, is_counted: impl Fn(&str) -> bool) -> Result<f64, Failure> {
    let before = process_micros(std::process::id(), &is_counted);
    load::run(vec![request.clone()], CONNECTIONS, TOTAL)?;
    Ok((process_micros(std::process::id(), &is_counted) - before) / TOTAL as f64)
}

async fn prepare() -> Result<(TestGateway, [Request; 2]), Failure> {
    let gateway = TestGateway::start_with(|config| config.public.workers = Some(1)).await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    // The twin verifies every token, so the builtin must as well.
    let mut partner = documents::partner(&issuer.url());
    if let Some(members) = partner.as_object_mut() {
        members.insert("verified_tokens".to_owned(), json!(0));
    }
    gateway.put("/admin/v1/issuers/partner", &partner).await?;
    gateway
        .put(
            &format!("/admin/v1/instances/{INSTANCE}"),
            &documents::with_partner(),
        )
        .await?;
    let token = issuer.id_token("erin", WEB.0)?;
    let reply = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?;
    if reply.status != 200 {
        return Err(reply.text().into());
    }
    publish_twin(&gateway, &issuer).await?;
    let reply = gateway.exchange(TWIN, WEB, &token, TWIN_TYPE, &[]).await?;
    if reply.status != 200 {
        return Err(reply.text().into());
    }
    let request = |instance: &str, token_type: &str| Request {
        method: Method::POST,
        url: format!("{}/oauth2/{instance}/token", gateway.public),
        body: form(&[
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", &token),
            ("subject_token_type", token_type),
        ]),
        headers: vec![
            ("authorization".to_owned(), basic(WEB)),
            (
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ),
        ],
    };
    let requests = [request(INSTANCE, ID_TOKEN), request(TWIN, TWIN_TYPE)];
    Ok((gateway, requests))
}

/// The same tokens, read by a plugin that does what the builtin does.
#[expect(
    clippy::indexing_slicing,
    reason = "the document is an object made here"
)]
async fn publish_twin(gateway: &TestGateway, issuer: &Issuer) -> Result<(), Failure> {
    let key = json!({"algorithm": "ES256", "pem": issuer.first_pem()});
    gateway.put("/admin/v1/secrets/issuer", &key).await?;
    gateway.put_plugin("twin", guests::twin()).await?;
    let mut document = documents::passwords();
    document["validators"] = json!({"twin": {
        "kind": "plugin", "plugin": "twin", "token_type": TWIN_TYPE, "subject_prefix": "partner:", "scopes": ["orders:read"],
        "config": {"kind": "id_token", "issuer": issuer.url(), "audiences": [WEB.0]},
        "grants": {"keys": {"jwt": "issuer"}}
    }});
    document["transformations"] = json!([{"subject": "twin", "issue": "access"}]);
    gateway
        .put(&format!("/admin/v1/instances/{TWIN}"), &document)
        .await?;
    Ok(())
}

/// A server that reads a request and sends its body back, on a thread of its own.
fn echo() -> Result<String, Failure> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("echo".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
                let _ = sender.send(listener.local_addr()?);
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    tokio::spawn(async move {
                        let service = service_fn(
                            |request: hyper::Request<hyper::body::Incoming>| async move {
                                let body: Bytes = request
                                    .into_body()
                                    .collect()
                                    .await
                                    .map(http_body_util::Collected::to_bytes)
                                    .unwrap_or_default();
                                Ok::<_, Infallible>(Response::new(Full::new(body)))
                            },
                        );
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
                #[expect(unreachable_code, reason = "gives the block its type")]
                Ok::<(), std::io::Error>(())
            })
        })?;
    Ok(format!("http://{}/", receiver.recv()?))
}
