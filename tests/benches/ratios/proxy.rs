//! A proxied request with a warm exchange, against nginx proxying the same without any token work.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cambist_token::jose::Algorithm;
use hyper::Method;
use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure},
    issuer::Issuer,
};

use crate::{
    Limit, Row,
    cpu::{is_gateway, median, process_micros},
    load::{self, Request},
};

const CONNECTIONS: usize = 64;
const TOTAL: usize = 20_000;
const ROUNDS: usize = 5;
const TOKENS: usize = 1_000;
const INSTANCE: &str = "bench/orders";

/// Small responses over keep-alive, 1,000 distinct tokens.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let Some(program) = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists())
    else {
        eprintln_skipped();
        return Ok(Vec::new());
    };
    let directory = tempfile::tempdir()?;
    let nginx = Nginx::start(program, directory.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("bench")
        .enable_all()
        .build()?;
    let (gateway, through_gateway) = runtime.block_on(prepare(&nginx.backend))?;
    let through_nginx: Vec<Request> = through_gateway
        .iter()
        .map(|request| Request {
            url: format!("{}/orders/1", nginx.proxy),
            ..request.clone()
        })
        .collect();
    load::run(through_gateway.clone(), CONNECTIONS, TOTAL)?;
    load::run(through_nginx.clone(), CONNECTIONS, 2_000)?;
    let (mut costs, mut references) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = process_micros(std::process::id(), is_gateway);
        load::run(through_gateway.clone(), CONNECTIONS, TOTAL)?;
        costs.push(per_request(
            process_micros(std::process::id(), is_gateway) - before,
        ));
        let before = nginx.proxy_micros();
        load::run(through_nginx.clone(), CONNECTIONS, TOTAL)?;
        references.push(per_request(nginx.proxy_micros() - before));
    }
    runtime.block_on(gateway.stop())?;
    Ok(vec![Row {
        work: "proxy: warm exchange, 1,000 tokens / nginx proxy_pass".to_owned(),
        cost: median(&mut costs),
        reference: median(&mut references),
        limit: Limit::Times(1.6),
    }])
}

#[expect(
    clippy::print_stdout,
    reason = "a missing reference is said, never passed over"
)]
fn eprintln_skipped() {
    println!("proxy: skipped, nginx is not installed (apt-get install nginx-light)");
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests")]
fn per_request(micros: f64) -> f64 {
    micros / TOTAL as f64
}

async fn prepare(backend: &str) -> Result<(TestGateway, Vec<Request>), Failure> {
    let gateway = TestGateway::start_with(|config| config.public.workers = Some(1)).await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put(
            &format!("/admin/v1/instances/{INSTANCE}"),
            &documents::with_partner(),
        )
        .await?;
    let route = json!({"path_prefix": "/orders", "upstream": backend, "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN});
    gateway.put("/admin/v1/routes/orders", &route).await?;
    let url = format!("{}/orders/1", gateway.public);
    let mut requests = Vec::new();
    for index in 0..TOKENS {
        let token = issuer.id_token(&format!("user-{index}"), WEB.0)?;
        let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        requests.push(Request {
            method: Method::GET,
            url: url.clone(),
            headers,
            body: String::new(),
        });
    }
    let first = requests
        .first()
        .and_then(|request| request.headers.first())
        .ok_or("no token")?;
    let reply = http::get(&url, &[("authorization", &first.1)]).await?;
    if reply.status != 200 {
        return Err(format!("{}: {}", reply.status, reply.text()).into());
    }
    let refused = http::get(&url, &[("authorization", &format!("{}x", first.1))]).await?;
    if refused.status == 401 {
        Ok((gateway, requests))
    } else {
        Err("a tampered token went through".into())
    }
}

/// One nginx that proxies and one that is the API.
struct Nginx {
    processes: [Child; 2],
    proxy: String,
    backend: String,
}

impl Nginx {
    fn start(program: &str, directory: &Path) -> Result<Self, Failure> {
        let (proxy, backend) = (free_port()?, free_port()?);
        let api = format!(
            "server {{ listen 127.0.0.1:{backend}; location / {{ return 200 'hello world!'; }} }}"
        );
        let forward = format!(
            "upstream api {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 100000000; }}
             server {{ listen 127.0.0.1:{proxy}; location / {{ proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ''; }} }}"
        );
        let processes = [
            spawn(program, directory, "api", &api)?,
            spawn(program, directory, "proxy", &forward)?,
        ];
        let nginx = Self {
            processes,
            proxy: format!("http://127.0.0.1:{proxy}"),
            backend: format!("http://127.0.0.1:{backend}"),
        };
        for _ in 0..100 {
            if [proxy, backend]
                .iter()
                .all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok())
            {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("nginx did not start".into())
    }

    fn proxy_micros(&self) -> f64 {
        self.processes
            .last()
            .map_or(0.0, |process| process_micros(process.id(), |_| true))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn spawn(program: &str, directory: &Path, name: &str, http: &str) -> Result<Child, Failure> {
    let file = directory.join(format!("{name}.conf"));
    let state = directory.display();
    std::fs::write(
        &file,
        format!(
            "daemon off; master_process off; pid {state}/{name}.pid; error_log stderr crit;
             events {{ worker_connections 1024; }}
             http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {state}/{name}-body; proxy_temp_path {state}/{name}-proxy;
             fastcgi_temp_path {state}/{name}-f; uwsgi_temp_path {state}/{name}-u; scgi_temp_path {state}/{name}-s; {http} }}"
        ),
    )?;
    Ok(Command::new(program)
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
