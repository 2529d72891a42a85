//! Does the harm that its token asks for.

use std::{
    fs, hint,
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use cambist_guest::{Call, Principal, Refusal, Token, Validator, export};

/// A mark that an earlier call left, if a sandbox were ever used twice.
static CANARY: AtomicBool = AtomicBool::new(false);

/// The validator.
pub struct Hostile;

impl Validator for Hostile {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        let principal = Principal::new("mallory").expires_at(call.now + 60);
        match token.text()? {
            "loop" => loop {
                hint::spin_loop();
            },
            "fill" => {
                let mut block = vec![0_u8; 8 << 20];
                loop {
                    block.fill(hint::black_box(1));
                    hint::black_box(&mut block);
                }
            }
            "memory" => {
                let mut held = Vec::new();
                loop {
                    held.push(vec![1_u8; 1 << 20]);
                    hint::black_box(&mut held);
                }
            }
            "recursion" => Ok(principal.claim("depth", deep(1).to_string())),
            "panic" => panic!("on purpose"),
            "answer" => Ok(principal.claim("much", "x".repeat(4 << 20))),
            "list" => Ok(principal.claim("many", vec![String::new(); 500_000])),
            "reserved" => Ok(principal.claim("iss", "https://sts.example")),
            "exit" => std::process::exit(0),
            "files" => Ok(seen(principal, fs::read_to_string("/etc/passwd").is_ok())),
            "write" => Ok(seen(
                principal,
                fs::write("/tmp/mallory", "was here").is_ok(),
            )),
            "network" => Ok(seen(principal, TcpStream::connect("127.0.0.1:80").is_ok())),
            "environment" => Ok(seen(principal, std::env::vars().next().is_some())),
            "arguments" => Ok(seen(principal, std::env::args().next().is_some())),
            "clock" => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let is_the_calls = now.is_ok_and(|now| now.as_secs() == call.now);
                Ok(seen(principal, !is_the_calls))
            }
            "output" => {
                let mut standard_error = std::io::stderr();
                let line = "x".repeat(4096);
                for _ in 0..100 {
                    drop(writeln!(standard_error, "{line}"));
                }
                Ok(seen(principal, false))
            }
            "canary" => Ok(seen(principal, CANARY.swap(true, Ordering::SeqCst))),
            _ => Err(Refusal::malformed()),
        }
    }
}

export!(Hostile: Validator);

/// Says whether something was there that should not be.
fn seen(principal: Principal, seen: bool) -> Principal {
    if seen {
        principal.claim("seen", true)
    } else {
        principal
    }
}

fn deep(level: u64) -> u64 {
    let block = hint::black_box([level; 64]);
    if level == u64::MAX {
        return 0;
    }
    deep(level + 1).wrapping_add(block.iter().sum())
}
