//! Swapping a plugin while it answers: what the slowest requests see of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    documents::{self, TICKET, WEB},
    gateway::{TOKEN_EXCHANGE, TestGateway, basic},
    guests,
    http::{Connection, Failure, form},
    issuer::now,
    ticket::ticket,
};

use crate::{Limit, Row};

const SWAPS: usize = 1_000;
const CONNECTIONS: usize = 8;
const INSTANCE: &str = "bench/swapped";
/// Between two swaps.
const PAUSE: Duration = Duration::from_millis(5);

/// The 99th percentile by the clock, with a thousand swaps and without any.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("bench")
        .enable_all()
        .build()?;
    let (quiet, swapped) = runtime.block_on(both())?;
    Ok(vec![Row {
        work: format!("plugin: p99 of exchanges during {SWAPS} swaps / without"),
        cost: swapped,
        reference: quiet,
        limit: Limit::Times(1.5),
    }])
}

async fn both() -> Result<(f64, f64), Failure> {
    let gateway = TestGateway::start_with(|config| config.public.workers = Some(1)).await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    gateway
        .put(&format!("/admin/v1/instances/{INSTANCE}"), &document()?)
        .await?;
    // The first run warms up, and says how long the second must last.
    let began = Instant::now();
    percentile(&gateway, swap(&gateway)).await?;
    let length = began.elapsed();
    let quiet = percentile(&gateway, async {
        tokio::time::sleep(length).await;
        Ok(())
    })
    .await?;
    let swapped = percentile(&gateway, swap(&gateway)).await?;
    gateway.stop().await?;
    Ok((quiet, swapped))
}

/// The plugin as the only validator.
fn document() -> Result<Value, Failure> {
    let whole = documents::with_ticket();
    let mut document = documents::passwords();
    let members = document.as_object_mut().ok_or("no object")?;
    let ticket = whole.pointer("/validators/ticket").ok_or("no ticket")?;
    members.insert("validators".to_owned(), json!({"ticket": ticket}));
    members.insert(
        "transformations".to_owned(),
        json!([{"subject": "ticket", "issue": "access"}]),
    );
    Ok(document)
}

/// Uploads one edition after the other. The instance serves each from the next request on.
async fn swap(gateway: &TestGateway) -> Result<(), Failure> {
    for round in 0..SWAPS {
        let edition = if round % 2 == 0 {
            guests::legacy_ticket_second()
        } else {
            guests::legacy_ticket()
        };
        gateway.put_plugin("legacy-ticket", edition).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The 99th percentile in microseconds of requests sent one after the other on each connection, for as long as
/// `meanwhile` lasts. A request that fails ends the measurement.
async fn percentile(
    gateway: &TestGateway,
    meanwhile: impl Future<Output = Result<(), Failure>>,
) -> Result<f64, Failure> {
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (url, is_over) = (
                format!("{}/oauth2/{INSTANCE}/token", gateway.public),
                Arc::clone(&is_over),
            );
            tokio::spawn(async move { client(&url, &is_over).await })
        })
        .collect();
    meanwhile.await?;
    is_over.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    times.sort_by(f64::total_cmp);
    let place = times.len() * 99 / 100;
    Ok(times.get(place).copied().unwrap_or_default())
}

async fn client(url: &str, is_over: &AtomicBool) -> Result<Vec<f64>, Failure> {
    let mut connection = Connection::open(url).await?;
    let authorization = basic(WEB);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let token = ticket("frank", now());
    let body = form(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", &token),
        ("subject_token_type", TICKET),
    ]);
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let reply = connection
            .send(Method::POST, url, &headers, body.clone())
            .await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        if reply.status != StatusCode::OK {
            return Err(format!("{}: {}", reply.status, reply.text()).into());
        }
    }
    Ok(times)
}
