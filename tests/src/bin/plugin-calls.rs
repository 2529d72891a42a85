//! `plugin-calls fresh|reused CALLS`: asks a trivial validator in a sandbox so often, on one thread, and prints
//! the processor time of a call. What `tests/bench/plugin-syscalls` counts system calls of.

#![expect(clippy::print_stdout, reason = "it is a program that prints a figure")]

use cambist_core::{Call, Declared, Proofs, Timestamp, Token, TokenType};
use cambist_plugin::Point;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tests::{
    guests,
    http::Failure,
    plugins::{binding, compiled},
};

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let reuse = match arguments.next().as_deref() {
        Some("fresh") => false,
        Some("reused") => true,
        _ => return Err("usage: plugin-calls fresh|reused CALLS".into()),
    };
    let calls: u32 = arguments.next().ok_or("how many calls?")?.parse()?;
    let plugin = compiled(guests::echo())?;
    let mut binding = binding("echo", &json!({}), &[]);
    binding.grants.reuse = reuse;
    let bound = plugin.bind(&[Point::Validator], binding)?;
    let validator = bound.validator(TokenType::new("urn:example:echo"), Declared::default());
    let call = Call {
        now: Timestamp(1_900_000_000),
        instance: "bench",
        correlation: "0123456789abcdef",
        random: [7; 16],
        proofs: Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    let token = Token::new("dana");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let began = micros();
        for _ in 0..calls {
            validator.validate(&token, &call).await?;
        }
        println!("{:.2} us per call", (micros() - began) / f64::from(calls));
        Ok(())
    })
}

/// Processor time of this thread.
fn micros() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    std::time::Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
    .as_secs_f64()
        * 1e6
}
