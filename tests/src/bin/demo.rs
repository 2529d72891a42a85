//! `cargo demo`: a walk through the whole product on loopback, each step with a check.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that lacks a member reads as null, and the check fails"
)]
#![expect(
    clippy::print_stdout,
    reason = "it is a program that talks to a person"
)]

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cambist_token::jose::Algorithm;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, TICKET, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway, USERNAME, basic},
    guests,
    http::{self, Connection, Failure, Reply, claims},
    issuer::{Issuer, now},
    ticket::ticket,
    upstream,
};

const INSTANCE: &str = "demo/orders";
const SWAPS: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--once");
    match walk(once).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("\nFAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn walk(once: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let gateway = Arc::new(TestGateway::start().await?);
    step(
        "start",
        &format!("public {}, admin {}", gateway.public, gateway.admin),
    );
    publish(&gateway).await?;
    let issuer = upload(&gateway).await?;
    exchange(&gateway, &issuer).await?;
    let upstream = upstream::start().await?;
    proxy(&gateway, &issuer, &upstream.url()).await?;
    hot_swap(&gateway).await?;
    println!(
        "\nEvery check held, in {:.1} s.",
        began.elapsed().as_secs_f32()
    );
    if !once {
        stay(&gateway, &issuer).await?;
    }
    drop(upstream);
    Ok(())
}

fn step(name: &str, what: &str) {
    println!("\n[{name}] {what}");
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    println!("  {} {what}", if holds { "ok  " } else { "FAIL" });
    if holds {
        Ok(())
    } else {
        Err(what.to_owned().into())
    }
}

fn show(title: &str, value: &Value) {
    println!("  {title}");
    for line in serde_json::to_string_pretty(value)
        .unwrap_or_default()
        .lines()
    {
        println!("    {line}");
    }
}

async fn publish(gateway: &TestGateway) -> Result<(), Failure> {
    step(
        "publish",
        "an instance that takes passwords and issues access tokens and ID tokens",
    );
    gateway
        .put_user(
            "/demo",
            "dana",
            "correct horse battery staple",
            json!({"email": "dana@example.com"}),
        )
        .await?;
    let answer = gateway
        .put(
            &format!("/admin/v1/instances/{INSTANCE}"),
            &documents::passwords(),
        )
        .await?;
    show("PUT /admin/v1/instances/demo/orders →", &answer);
    let metadata = http::get(
        &format!(
            "{}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}",
            gateway.public
        ),
        &[],
    )
    .await?;
    expect(
        metadata.json()["token_endpoint"] == answer["token_endpoint"],
        "it is live: its metadata names its token endpoint",
    )?;
    let mut broken = documents::passwords();
    broken["transformations"][0]["issue"] = json!("acess");
    let refused = gateway
        .admin(
            Method::PUT,
            &format!("/admin/v1/instances/{INSTANCE}"),
            broken.to_string(),
        )
        .await?;
    let problem = refused.json();
    expect(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY
            && problem["path"] == "transformations[0].issue",
        "a mistake changes nothing and is named:",
    )?;
    println!(
        "       {}: {}; {}",
        text(&problem["path"]),
        text(&problem["detail"]),
        text(&problem["hint"])
    );
    Ok(())
}

async fn upload(gateway: &TestGateway) -> Result<Issuer, Failure> {
    step(
        "plugin",
        "a Wasm component that reads the tickets of a legacy access manager, and a foreign OpenID provider",
    );
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    let answer = gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    println!(
        "  PUT /admin/v1/plugins/legacy-ticket → {} bytes, {}",
        answer["size"],
        text(&answer["digest"])
    );
    let issuer = Issuer::start(Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    let revised = gateway
        .put(
            &format!("/admin/v1/instances/{INSTANCE}"),
            &documents::with_ticket(),
        )
        .await?;
    expect(
        revised["revision"].is_u64(),
        "the instance takes both from now on, without a restart",
    )?;
    Ok(issuer)
}

async fn exchange(gateway: &TestGateway, issuer: &Issuer) -> Result<(), Failure> {
    step(
        "exchange",
        "three kinds of subject token, one endpoint (RFC 8693)",
    );
    let password =
        json!({"username": "dana", "password": "correct horse battery staple"}).to_string();
    let from_password = one_exchange(gateway, "password", &password, USERNAME).await?;
    expect(
        from_password["sub"] == "dana" && from_password["email"] == "dana@example.com",
        "a password became an access token for dana",
    )?;
    let foreign = issuer.id_token("erin", WEB.0)?;
    let from_foreign = one_exchange(gateway, "foreign ID token", &foreign, ID_TOKEN).await?;
    expect(
        from_foreign["sub"] == "partner:erin",
        "a foreign ID token became one, its subject kept apart by a prefix",
    )?;
    let from_ticket =
        one_exchange(gateway, "legacy ticket", &ticket("frank", now()), TICKET).await?;
    expect(
        from_ticket["sub"] == "wam:frank" && from_ticket["groups"] == json!(["sales", "ops"]),
        "a custom ticket became one, by the plugin",
    )?;
    let forged = ticket("frank", now()).replace("frank", "admin");
    let refused = gateway
        .exchange(INSTANCE, WEB, &forged, TICKET, &[])
        .await?;
    expect(
        refused.status == StatusCode::BAD_REQUEST && refused.json()["error"] == "invalid_request",
        "a forged ticket is invalid_request",
    )?;
    let wide = gateway
        .exchange(
            INSTANCE,
            WEB,
            &foreign,
            ID_TOKEN,
            &[("scope", "orders:write")],
        )
        .await?;
    expect(
        wide.json()["error"] == "invalid_scope",
        "a scope beyond the allow-lists is invalid_scope",
    )
}

async fn one_exchange(
    gateway: &TestGateway,
    what: &str,
    token: &str,
    token_type: &str,
) -> Result<Value, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, token_type, &[])
        .await?;
    let issued = access_token(&reply)?;
    let claims = claims(&issued);
    show(&format!("{what} → access token with the claims"), &claims);
    Ok(claims)
}

fn access_token(reply: &Reply) -> Result<String, Failure> {
    let token = reply.json()["access_token"].as_str().map(ToOwned::to_owned);
    token.ok_or_else(|| format!("{}: {}", reply.status, reply.text()).into())
}

async fn proxy(gateway: &TestGateway, issuer: &Issuer, upstream: &str) -> Result<(), Failure> {
    step(
        "proxy",
        "an API behind the gateway receives the token it trusts, never the caller's",
    );
    gateway
        .put(
            "/admin/v1/routes/orders",
            &json!({"path_prefix": "/orders", "upstream": upstream, "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN}),
        )
        .await?;
    let original = issuer.id_token("erin", WEB.0)?;
    let credential = format!("Bearer {original}");
    let reply = http::get(
        &format!("{}/orders/7?full=1", gateway.public),
        &[("authorization", &credential), ("x-trace", "1")],
    )
    .await?;
    let received = reply.json();
    let forwarded = received["headers"]["authorization"]
        .as_str()
        .unwrap_or_default()
        .trim_start_matches("Bearer ")
        .to_owned();
    show(
        "what the API received:",
        &json!({"path": received["path"], "authorization claims": claims(&forwarded)}),
    );
    expect(
        reply.status == StatusCode::OK && claims(&forwarded)["aud"] == ORDERS,
        "the API got a token addressed to it",
    )?;
    expect(
        !reply.text().contains(&original),
        "the original token did not go through",
    )?;
    let refused = http::get(&format!("{}/orders/7", gateway.public), &[]).await?;
    expect(
        refused.status == StatusCode::UNAUTHORIZED
            && refused.header("www-authenticate").starts_with("Bearer"),
        "without a token: 401 with a challenge",
    )
}

async fn hot_swap(gateway: &Arc<TestGateway>) -> Result<(), Failure> {
    step(
        "hot swap",
        &format!(
            "the plugin is replaced {SWAPS} times while four clients exchange tickets without a pause"
        ),
    );
    let load = Arc::new(Load::default());
    let clients: Vec<_> = (0..4)
        .map(|_| tokio::spawn(exchange_tickets(Arc::clone(gateway), Arc::clone(&load))))
        .collect();
    let began = Instant::now();
    for swap in 0..SWAPS {
        let component = if swap % 2 == 0 {
            guests::legacy_ticket_second()
        } else {
            guests::legacy_ticket()
        };
        gateway.put_plugin("legacy-ticket", component).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket_second())
        .await?;
    load.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    let (done, failed) = (
        load.done.load(Ordering::Relaxed),
        load.failed.load(Ordering::Relaxed),
    );
    println!(
        "  {} swaps in {:.1} s, {done} exchanges meanwhile, {failed} failed",
        SWAPS + 1,
        began.elapsed().as_secs_f32()
    );
    expect(failed == 0 && done > 0, "no request failed")?;
    let ticket = ticket("frank", now());
    let after = one_exchange(gateway, "legacy ticket, after the swap", &ticket, TICKET).await?;
    expect(
        after["edition"] == "2",
        "the second edition of the plugin answers",
    )
}

#[derive(Default)]
struct Load {
    stop: AtomicBool,
    done: AtomicUsize,
    failed: AtomicUsize,
}

/// One client that exchanges tickets over one connection until it is told to stop.
async fn exchange_tickets(gateway: Arc<TestGateway>, load: Arc<Load>) -> Result<(), Failure> {
    let mut connection = Connection::open(&gateway.public).await?;
    let (credential, ticket) = (basic(WEB), ticket("frank", now()));
    let body = http::form(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", &ticket),
        ("subject_token_type", TICKET),
    ]);
    let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    while !load.stop.load(Ordering::Relaxed) {
        let reply = connection
            .send(Method::POST, &url, &headers, body.clone())
            .await?;
        load.done.fetch_add(1, Ordering::Relaxed);
        if reply.status != StatusCode::OK {
            load.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

async fn stay(gateway: &TestGateway, issuer: &Issuer) -> Result<(), Failure> {
    let public = &gateway.public;
    println!("\nThe gateway stays up. Paste any of these; Ctrl-C ends it.\n");
    println!("export CAMBIST_TOKEN={}", gateway.token());
    println!(
        "curl -s -H \"Authorization: Bearer $CAMBIST_TOKEN\" {}/admin/v1/instances/{INSTANCE}",
        gateway.admin
    );
    println!(
        "curl -s -u '{}:{}' {public}/oauth2/{INSTANCE}/token -d grant_type={TOKEN_EXCHANGE} -d subject_token_type={TICKET} --data-urlencode 'subject_token={}'",
        WEB.0,
        WEB.1,
        ticket("frank", now())
    );
    println!(
        "curl -s {public}/orders/7 -H 'Authorization: Bearer {}'",
        issuer.id_token("erin", WEB.0)?
    );
    println!("curl -s {public}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
