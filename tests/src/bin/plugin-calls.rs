//! What a call of a plugin costs the thread that asks: processor time and page faults.
//!
//! `plugin-calls fresh|reused CALLS` asks a trivial validator in a sandbox, over and over.
//! `plugin-calls guest DIR fresh|ready|reused CALLS PAUSE_MS [TOKEN]` asks the validator of visitor passes built in
//! `tests/interop/guests/DIR`, with a pause before each call, in which instances are made ahead. Without a token
//! it shows a good pass.

#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use cambist_core::{Call, Declared, Proofs, Timestamp, Token, TokenType, Validator};
use cambist_plugin::{
    Bound, CodeCache, Compilation, HostLimits, Nowhere, PluginHost, Point, manifest::Isolation,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tests::{
    guests,
    http::Failure,
    plugins::{VISITOR_PASS_KEY, binding, compiled, mac_key, visitor_pass},
};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [kind @ ("fresh" | "reused"), calls] => echo(kind == "reused", calls.parse()?),
        ["guest", folder, kind, calls, pause] => {
            guest(folder, kind, calls.parse()?, pause.parse()?, None)
        }
        ["guest", folder, kind, calls, pause, token] => {
            guest(folder, kind, calls.parse()?, pause.parse()?, Some(token))
        }
        _ => Err("usage: plugin-calls fresh|reused CALLS, or guest DIR fresh|ready|reused CALLS PAUSE_MS [TOKEN]".into()),
    }
}

fn call() -> Call<'static> {
    Call {
        now: Timestamp(1_900_000_000),
        instance: "bench",
        correlation: "0123456789abcdef",
        random: [7; 16],
        proofs: Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    }
}

fn validator(bound: &Bound) -> Arc<dyn Validator> {
    bound.validator(TokenType::new("urn:example:echo"), Declared::default())
}

fn echo(reuse: bool, calls: u32) -> Result<(), Failure> {
    let plugin = compiled(guests::echo())?;
    let mut binding = binding("echo", &json!({}), &[]);
    binding.grants.reuse = reuse;
    let validator = validator(&plugin.bind(&[Point::Validator], binding)?);
    let call = call();
    let token = Token::new("dana");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut best = f64::INFINITY;
        for _ in 0..10 {
            let began = micros();
            for _ in 0..calls / 10 {
                validator.validate(&token, &call).await?;
            }
            best = best.min((micros() - began) / f64::from(calls / 10));
        }
        println!("{best:.3} us per call");
        Ok(())
    })
}

fn guest(
    folder: &str,
    kind: &str,
    calls: u32,
    pause: u64,
    token: Option<&str>,
) -> Result<(), Failure> {
    let (component, mut manifest) =
        visitor_pass(folder)?.ok_or("`tests/interop/run plugins` builds it")?;
    let presented = token
        .or_else(|| {
            let case = manifest.cases.iter().find(|case| case.token.is_some())?;
            case.token.as_ref()?.as_str()
        })
        .map(Token::new)
        .ok_or("no token in the cases")?;
    manifest.isolation = match kind {
        "fresh" => Isolation::Fresh,
        "ready" => Isolation::Ready,
        "reused" => Isolation::Worker,
        _ => return Err("usage: fresh, ready or reused".into()),
    };
    if kind == "reused" {
        manifest.worker_calls = Some(4096);
        manifest.warm_up = None;
    }
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugin-calls-code");
    let host = PluginHost::new(
        HostLimits::default(),
        Compilation {
            cache: Some(CodeCache::new(cache, [7; 32].into())),
            ..Compilation::default()
        },
        Arc::new(Nowhere),
    )?;
    let component = cambist_plugin::manifest::embed(&component, &manifest)?;
    let plugin = Arc::new(host.compile(&component)?);
    let key = mac_key(VISITOR_PASS_KEY)?;
    let mut binding = binding("pass", &json!({}), &[("pass", key)]);
    binding.grants.reuse = kind == "reused";
    let validator = validator(&plugin.bind(&[Point::Validator], binding)?);
    let call = call();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut costs = Vec::new();
    let mut faults = Vec::new();
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..calls {
        std::thread::sleep(Duration::from_millis(pause));
        let (began, faults_before) = (micros(), faults_so_far()?);
        let outcome = runtime.block_on(validator.validate(&presented, &call));
        costs.push(micros() - began);
        faults.push(faults_so_far()? - faults_before);
        if token.is_none() {
            outcome?;
        }
    }
    println!(
        "{folder} {kind}: {} us, {} page faults",
        spread(costs),
        spread(faults)
    );
    Ok(())
}

/// The median, and where the lowest and the highest tenth begin.
fn spread(mut figures: Vec<f64>) -> String {
    figures.sort_by(f64::total_cmp);
    let at = |share: usize| {
        let place = figures.len().saturating_sub(1) * share / 100;
        figures.get(place).copied().unwrap_or_default()
    };
    format!("{:.0} ({:.0} to {:.0})", at(50), at(10), at(90))
}

/// Page faults of this thread that no device was asked for.
fn faults_so_far() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/thread-self/stat")?;
    let fields = stat.rsplit_once(") ").ok_or("no stat")?.1;
    Ok(fields.split(' ').nth(7).ok_or("no faults")?.parse()?)
}

/// Processor time of this thread.
fn micros() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
    .as_secs_f64()
        * 1e6
}
