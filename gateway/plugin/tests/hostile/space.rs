//! Guests that want everything.

use std::fs;

use cambist_plugin::PluginRejected;

use crate::{Guest, HOST, ask, attack, attacks, compile, refused};

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_03_memory_and_tables_stop_at_the_limit() {
    let before = resident();
    let touching = "(loop $again
        (memory.fill (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)) (i32.const 7) (i32.const 1048576))
        (br $again))";
    let table = "(table $table 0 funcref)".to_owned();
    attacks([
        (
            "memory by a page",
            Guest::doing("(loop $again (drop (memory.grow (i32.const 1))) (br $again))"),
            "growing memory",
        ),
        ("memory, all of it touched", Guest::doing(touching), "growing memory"),
        (
            "4 GiB at once",
            Guest::doing("(drop (memory.grow (i32.const 65535)))"),
            "growing memory",
        ),
        (
            "a table by 5,000",
            Guest {
                fields: table.clone(),
                ..Guest::doing(
                    "(loop $again (drop (table.grow $table (ref.null func) (i32.const 5000))) (br $again))",
                )
            },
            "growing table",
        ),
        (
            "a table of four billion",
            Guest {
                fields: table,
                ..Guest::doing("(drop (table.grow $table (ref.null func) (i32.const -1)))")
            },
            "growing table",
        ),
    ])
    .await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more than before");
}

#[test]
fn wa_03_what_begins_too_large_is_refused() {
    let module = |fields: &str, n: usize| Guest::default().beside(fields, n);
    for (what, bytes) in [
        (
            "4 GiB of memory",
            Guest {
                memory: "65536".to_owned(),
                ..Guest::default()
            }
            .bytes(),
        ),
        (
            "just more memory than there is",
            Guest {
                memory: "2049".to_owned(),
                ..Guest::default()
            }
            .bytes(),
        ),
        (
            "a table of nine million",
            Guest::with("(table 9000000 funcref)").bytes(),
        ),
        ("200 memories", module("(memory 1)", 200)),
        ("two memories", module("(memory 1)", 1)),
        ("200 tables", module("(table 1 funcref)", 200)),
        ("200 instances", module("", 200)),
    ] {
        let error = refused(&bytes);
        assert!(
            matches!(
                error,
                PluginRejected::Resources { .. } | PluginRejected::Compile(_)
            ),
            "{what}: {error}"
        );
    }
    let thousand = refused(&module("", 1000));
    assert!(
        matches!(thousand, PluginRejected::TooComplex { .. }),
        "{thousand}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_04_answers_are_bounded_before_they_are_copied() {
    // The fields of a principal: subject, audiences, methods and claims.
    let large = |words: &[(u32, u32)]| Guest {
        memory: "500".to_owned(),
        ..Guest::answering(words)
    };
    let before = resident();
    attacks([
        (
            "a subject of 16 MB",
            large(&[(8, 65536), (12, 16 << 20)]),
            "too much data",
        ),
        (
            "a million audiences",
            large(&[(28, 65536), (32, 1_000_000)]),
            "too much data",
        ),
        (
            "a million claims",
            large(&[(116, 65536), (120, 1_000_000)]),
            "too much data",
        ),
        (
            "lists that overlap",
            large(&[(28, 65536), (32, 50_000), (108, 65536), (112, 50_000)]),
            "too much data",
        ),
    ])
    .await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more than before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_04_a_million_handles_are_not_made() {
    let guest = Guest {
        imports: r#"(import "cambist:sts/crypto@0.1.0" "open" (func $open (param i32 i32 i32)))"#.to_owned(),
        manifest: Some(
            r#"{"capabilities": {"crypto": "to open too often"}, "keys": {"dana": {"description": "none"}}}"#,
        ),
        ..Guest::doing(
            "(local $n i32)
             (loop $again
               (call $open (i32.const 16) (i32.const 4) (i32.const 2048))
               (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000000))))",
        )
    };
    let reason = attack(&guest).await;
    assert!(
        reason.contains("resource table") || reason.contains("handle"),
        "{reason}"
    );
}

/// As an interpreter does that collects its garbage when it likes.
#[tokio::test]
async fn a_worker_that_lets_go_of_no_handle_is_replaced() {
    let guest = Guest {
        imports: r#"(import "cambist:sts/crypto@0.1.0" "open" (func $open (param i32 i32 i32)))"#
            .to_owned(),
        manifest: Some(
            r#"{"isolation": "worker", "capabilities": {"crypto": "to open it again"}, "keys": {"dana": {"description": "none"}}}"#,
        ),
        ..Guest::doing("(call $open (i32.const 16) (i32.const 4) (i32.const 2048))")
    };
    let validator = compile(&HOST, &guest.bytes()).unwrap();
    for call in 0..200 {
        assert!(ask(&validator).await.is_ok(), "call {call}");
    }
}

/// A component that begins with more memory than a light sandbox has runs in a heavy one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_03_heavy_guests_have_bounds_of_their_own() {
    let heavy = |instructions: &str| Guest {
        memory: "800".to_owned(),
        ..Guest::doing(instructions)
    };
    attacks([
        (
            "memory by a page",
            heavy("(loop $again (drop (memory.grow (i32.const 1))) (br $again))"),
            "growing memory",
        ),
        (
            "a loop",
            heavy("(loop $again (br $again))"),
            "no answer within",
        ),
        (
            "a subject of 16 MB",
            Guest {
                memory: "800".to_owned(),
                ..Guest::answering(&[(8, 65536), (12, 16 << 20)])
            },
            "too much data",
        ),
    ])
    .await;
}

/// Also where a sandbox is wiped in place: near, beyond what stays resident, and in what was grown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_06_nothing_survives_in_a_heavy_sandbox() {
    let canary = |address: u32| {
        format!(
            "(if (i32.load (i32.const {address})) (then (unreachable))) (i32.store (i32.const {address}) (i32.const 1))"
        )
    };
    let guest = Guest {
        memory: "800".to_owned(),
        ..Guest::doing(&format!(
            "{} {} (drop (memory.grow (i32.const 16))) {}",
            canary(4096),
            canary(40 << 20),
            canary(50 << 20)
        ))
    };
    let validator = compile(&HOST, &guest.bytes()).unwrap();
    for _ in 0..40 {
        assert_eq!(ask(&validator).await.unwrap().subject, "dana");
    }
}
