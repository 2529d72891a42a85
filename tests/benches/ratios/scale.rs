//! Ten thousand published REST STS instances, and issues that are on disk before they leave: what is promised of the
//! REST STS by the clock.

use std::{path::Path, time::Instant};

use cambist::config::Config;
use hyper::Method;
use serde_json::json;
use tests::{
    gateway::TestGateway,
    http::Failure,
    sts::{self, Sts},
};

use crate::{
    Limit, Row,
    cpu::{is_gateway, median, process_micros},
    load::{self, Request},
};

const INSTANCES: usize = 10_000;
const SAMPLE: usize = 200;
const CONNECTIONS: usize = 64;
const ISSUES: usize = 16_000;

/// What it costs to publish one more, to start, to keep them, and to keep what they issue.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("bench")
        .enable_all()
        .build()?;
    let mut rows = runtime.block_on(published())?;
    rows.push(persisted(&runtime)?);
    Ok(rows)
}

#[expect(clippy::cast_precision_loss, reason = "counts of bytes and instances")]
async fn published() -> Result<Vec<Row>, Failure> {
    let sts = Sts::start().await?;
    let mut times = Vec::with_capacity(INSTANCES);
    for index in 0..INSTANCES {
        let state = sts::state("/alpha", &format!("inst{index}"));
        let began = Instant::now();
        sts.create(&state).await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let (last, first) = (
        median(times.split_off(INSTANCES - SAMPLE).as_mut_slice()),
        times.get_mut(..SAMPLE).map(median).unwrap_or_default(),
    );
    let directory = sts.gateway.stop().await?.ok_or("no directory")?;
    let data = directory.path().join("data");
    let size = std::fs::metadata(data.join("cambist.db"))?.len();
    let started = started(&data).await?;
    Ok(vec![
        Row {
            work: "rest: publishing one more of 10,000, by the clock".to_owned(),
            cost: last,
            reference: 0.0,
            limit: Limit::Over(10_000.0),
        },
        Row {
            work: "rest: the same / one more of few".to_owned(),
            cost: last,
            reference: first,
            limit: Limit::Times(1.5),
        },
        Row {
            work: "rest: start-up with 10,000 instances, by the clock".to_owned(),
            cost: started,
            reference: 0.0,
            limit: Limit::Over(3_000_000.0),
        },
        Row {
            work: "rest: one of 10,000 instances at rest, bytes".to_owned(),
            cost: size as f64 / INSTANCES as f64,
            reference: 0.0,
            limit: Limit::Over(20.0 * 1024.0),
        },
    ])
}

/// Microseconds until a gateway with this data answers for the last of its instances.
async fn started(data: &Path) -> Result<f64, Failure> {
    let began = Instant::now();
    let gateway = TestGateway::start_in(data, Config::default()).await?;
    let sts = Sts { gateway };
    let path = format!("/alpha/inst{}", INSTANCES - 1);
    let reply = sts
        .publish(Method::GET, &path, &[], &serde_json::Value::Null)
        .await?;
    let micros = began.elapsed().as_secs_f64() * 1e6;
    if reply.status != 200 {
        return Err(reply.text().into());
    }
    sts.gateway.stop().await?;
    Ok(micros)
}

/// CPU of the whole gateway for one translation whose token is on disk before it leaves. Two cores have 400 us for
/// each of 5,000 a second.
#[expect(
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a count of requests, and an object made here"
)]
fn persisted(runtime: &tokio::runtime::Runtime) -> Result<Row, Failure> {
    let (sts, request) = runtime.block_on(async {
        let sts = Sts::start().await?;
        let mut state = sts::state("/alpha", "kept");
        state["persist-issued-tokens-in-cts"] = json!("true");
        state["supported-token-transforms"] = json!([
            {"inputTokenType": "OPENAM", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": false}
        ]);
        state["saml2-config"] = serde_json::Value::Null;
        let id = sts.create(&state).await?;
        let input = json!({"token_type": "OPENAM", "session_id": sts.session().await?});
        sts.issued(&id, &input, &sts::id_token()).await?;
        let body = json!({"input_token_state": input, "output_token_state": sts::id_token()});
        let request = Request {
            method: Method::POST,
            url: format!("{}/am/rest-sts/{id}?_action=translate", sts.gateway.public),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string(),
        };
        Ok::<_, Failure>((sts, request))
    })?;
    load::run(vec![request.clone()], CONNECTIONS, ISSUES / 8)?;
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = process_micros(std::process::id(), is_gateway);
        load::run(vec![request.clone()], CONNECTIONS, ISSUES)?;
        costs.push((process_micros(std::process::id(), is_gateway) - before) / ISSUES as f64);
    }
    runtime.block_on(sts.gateway.stop())?;
    Ok(Row {
        work: "rest: a translation persisted before it leaves, CPU".to_owned(),
        cost: median(&mut costs),
        reference: 0.0,
        limit: Limit::Over(400.0),
    })
}
