//! What a sandbox costs: the same work done in one and without.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use cambist_core::{Call, Declared, Principal, Timestamp, Token, TokenType, Validator};
use cambist_plugin::{
    Bound, CodeCache, Compilation, HostLimits, Nowhere, Plugin, PluginHost, Point,
};
use serde_json::json;
use tests::{
    guests,
    http::Failure,
    plugins::{VISITOR_PASS_KEY, binding, compiled, host, mac_key, visitor_pass},
};

use crate::{Limit, Row, cpu};

const CALLS: u32 = 4_000;

pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let mut rows = calls()?;
    rows.push(loading()?);
    rows.push(memory()?);
    Ok(rows)
}

/// Requests of a burst: as many as instances are kept.
const BURST: usize = 4;

/// Guests that are interpreters, with instances made ahead: what is left on the way of a request. It depends on
/// what the processor still has at hand, so one that comes after a rest is measured apart from several at once.
pub(crate) fn interpreters() -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (language, folder, limit) in [("JavaScript", "js", 120.0), ("Python", "python", 60.0)] {
        // On a thread of its own, so that a profile tells calls from compiling.
        let made = std::thread::Builder::new()
            .name(format!("guest-{folder}"))
            .spawn(move || heavy(language, folder, limit))?;
        rows.extend(made.join().map_err(|_| "a guest panicked")??);
    }
    Ok(rows)
}

/// A trivial validator, native and in sandboxes of both kinds.
fn calls() -> Result<Vec<Row>, Failure> {
    let plugin = compiled(guests::echo())?;
    let native: Arc<dyn Validator> = Arc::new(Native);
    let native = per_call(&native)?;
    let fresh = per_call(&validator(&bound(&plugin, false)?))?;
    let reused = per_call(&validator(&bound(&plugin, true)?))?;
    let row = |work: &str, cost, limit| Row {
        work: format!("plugin: trivial validator, {work} - native"),
        cost,
        reference: native,
        limit: Limit::Over(limit),
    };
    Ok(vec![
        row("fresh store per call", fresh, 12.0),
        row("sandbox reused", reused, 1.5),
    ])
}

fn bound(plugin: &Arc<Plugin>, reuse: bool) -> Result<Bound, Failure> {
    let mut binding = binding("echo", &json!({}), &[]);
    binding.grants.reuse = reuse;
    Ok(plugin.bind(&[Point::Validator], binding)?)
}

fn validator(bound: &Bound) -> Arc<dyn Validator> {
    bound.validator(TokenType::new("urn:example:echo"), Declared::default())
}

/// The same as the guest does.
struct Native;

impl Validator for Native {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> cambist_core::BoxFuture<'a, Result<Arc<Principal>, cambist_core::ValidateError>> {
        Box::pin(async move {
            let subject = token.as_str().ok_or(cambist_core::Rejection::Malformed)?;
            Ok(Arc::new(Principal {
                subject: subject.to_owned(),
                expires_at: Some(call.now.plus(60)),
                ..Principal::default()
            }))
        })
    }
}

fn call() -> Call<'static> {
    Call {
        now: Timestamp(1_900_000_000),
        instance: "bench",
        correlation: "0123456789abcdef",
        random: [7; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    }
}

/// Microseconds of CPU for one validation, the median of nine runs.
fn per_call(validator: &Arc<dyn Validator>) -> Result<f64, Failure> {
    let call = call();
    let token = Token::new("dana");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut runs = Vec::new();
        for _ in 0..9 {
            let began = cpu::thread_micros();
            for _ in 0..CALLS {
                validator.validate(&token, &call).await?;
            }
            runs.push((cpu::thread_micros() - began) / f64::from(CALLS));
        }
        Ok(cpu::median(&mut runs))
    })
}

fn heavy(language: &str, folder: &str, limit: f64) -> Result<Vec<Row>, Failure> {
    let Some((component, manifest)) = visitor_pass(folder)? else {
        println!("(no {language} guest: `tests/interop/run plugins` builds it)");
        return Ok(Vec::new());
    };
    let plugin = compiled(&cambist_plugin::manifest::embed(&component, &manifest)?)?;
    let key = mac_key(VISITOR_PASS_KEY)?;
    let bound = plugin.bind(
        &[Point::Validator],
        binding("pass", &json!({}), &[("pass", key)]),
    )?;
    let validator = bound.validator(TokenType::new("urn:example:pass"), Declared::default());
    let good = manifest
        .cases
        .iter()
        .find_map(|case| case.token.as_ref()?.as_str().map(Token::new))
        .ok_or("no token in the cases")?;
    let call = call();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let costs = |token: &Token, is_good: bool| -> Result<[f64; 2], Failure> {
        let (mut first, mut further) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            // Time for others to be made, and for caches to be used otherwise.
            std::thread::sleep(Duration::from_millis(25));
            for place in 0..BURST {
                let began = cpu::thread_micros();
                let outcome = runtime.block_on(validator.validate(token, &call));
                let cost = cpu::thread_micros() - began;
                if outcome.is_ok() != is_good {
                    return Err(format!("{language}: {outcome:?}").into());
                }
                if place == 0 { &mut first } else { &mut further }.push(cost);
            }
        }
        Ok([cpu::median(&mut first), cpu::median(&mut further)])
    };
    let mut rows = Vec::new();
    for (work, token, is_good) in [
        ("first look", Token::new("v1|user=dana"), false),
        ("a whole pass", good, true),
    ] {
        let [rested, bursting] = costs(&token, is_good)?;
        for (when, cost) in [("after a rest", rested), ("in a burst", bursting)] {
            rows.push(Row {
                work: format!("plugin: {language}, made ahead, {work}, {when}"),
                cost,
                reference: 0.0,
                limit: Limit::Over(limit),
            });
        }
    }
    Ok(rows)
}

/// From stored native code to a plugin that can be called, by the clock, in microseconds.
fn loading() -> Result<Row, Failure> {
    let directory = tempfile::tempdir()?;
    let key = [7; 32];
    let open = || -> Result<PluginHost, Failure> {
        let compilation = Compilation {
            cache: Some(CodeCache::new(directory.path().to_owned(), key.into())),
            ..Compilation::default()
        };
        Ok(PluginHost::new(
            HostLimits::default(),
            compilation,
            Arc::new(Nowhere),
        )?)
    };
    drop(open()?.compile(guests::legacy_ticket())?);
    let host = open()?;
    let mut runs = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        let plugin = host.compile(guests::legacy_ticket())?;
        runs.push(began.elapsed().as_secs_f64() * 1e6);
        drop(plugin);
    }
    Ok(Row {
        work: "plugin: loading a cached component, by the clock".to_owned(),
        cost: cpu::median(&mut runs),
        reference: 0.0,
        limit: Limit::Over(5_000.0),
    })
}

/// Two hundred different plugins loaded at once: KiB of memory each.
fn memory() -> Result<Row, Failure> {
    const PLUGINS: u32 = 200;
    let host = host()?;
    // One loads what all share.
    let first = host.compile(guests::echo())?;
    let before = resident_kib()?;
    let mut loaded = Vec::new();
    for number in 0..PLUGINS {
        let manifest = cambist_plugin::Manifest {
            description: Some(format!("plugin {number}")),
            ..cambist_plugin::Manifest::default()
        };
        let component = cambist_plugin::manifest::embed(guests::echo(), &manifest)?;
        loaded.push(host.compile(&component)?);
    }
    std::thread::sleep(Duration::from_millis(50));
    let each = (resident_kib()? - before) / f64::from(PLUGINS);
    drop((first, loaded));
    Ok(Row {
        work: "plugin: memory of one of 200 loaded, KiB, code included".to_owned(),
        cost: each,
        reference: 0.0,
        limit: Limit::Over(2_048.0),
    })
}

fn resident_kib() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
