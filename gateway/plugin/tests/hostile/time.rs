//! Guests that do not end.

use std::time::{Duration, Instant};

use cambist_plugin::PluginRejected;

use crate::{Guest, NEIGHBOUR, adapter::CALL_TIME, ask, attack, attacks, refused};

const FOREVER: &str = "(loop $again (br $again))";
const LATE: &str = "no answer within";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_loops_end_at_the_deadline() {
    let helpers = "
        (table $table 10 funcref) (elem declare func $leaf) (func $leaf)
        (func $even (br_if 0 (i32.const 0)) (return_call $odd)) (func $odd (return_call $even))
        (func $twice (param i32) (if (local.get 0) (then
          (call $twice (i32.sub (local.get 0) (i32.const 1))) (call $twice (i32.sub (local.get 0) (i32.const 1))))))";
    let doing = |instructions: &str| Guest {
        fields: helpers.to_owned(),
        ..Guest::doing(instructions)
    };
    let forever = |instructions: &str| doing(&format!("(loop $again {instructions} (br $again))"));
    attacks([
        ("an empty loop", doing(FOREVER), LATE),
        ("calls", forever("(call $leaf)"), LATE),
        ("tail calls", doing("(call $even)"), LATE),
        (
            "2^60 calls, never deep",
            doing("(call $twice (i32.const 60))"),
            LATE,
        ),
        (
            "a loop inside 40 others",
            doing(&format!(
                "{} (br 0) {}",
                "loop ".repeat(40),
                "end ".repeat(40)
            )),
            LATE,
        ),
        (
            "a jump table",
            doing("(block $out (loop $again (br_table $again $again $out (i32.const 1))))"),
            LATE,
        ),
        ("memory.size", forever("(drop (memory.size))"), LATE),
        (
            "growth by nothing",
            forever("(drop (memory.grow (i32.const 0)))"),
            LATE,
        ),
        (
            "table growth by nothing",
            forever("(drop (table.grow $table (ref.null func) (i32.const 0)))"),
            LATE,
        ),
        (
            "divisions",
            forever("(drop (i64.div_u (i64.const -1) (i64.extend_i32_u (memory.size))))"),
            LATE,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_so_do_bulk_operations() {
    // 16 MiB at a time.
    let forever = |instructions: &str| Guest {
        memory: "257".to_owned(),
        fields: "(table $table 20000 funcref)".to_owned(),
        ..Guest::doing(&format!("(loop $again {instructions} (br $again))"))
    };
    attacks([
        (
            "memory.fill",
            forever("(memory.fill (i32.const 65536) (i32.const 7) (i32.const 16777216))"),
            LATE,
        ),
        (
            "memory.copy",
            forever("(memory.copy (i32.const 65537) (i32.const 65536) (i32.const 16777215))"),
            LATE,
        ),
        (
            "table.fill",
            forever("(table.fill $table (i32.const 0) (ref.null func) (i32.const 20000))"),
            LATE,
        ),
        (
            "table.copy",
            forever("(table.copy $table $table (i32.const 1) (i32.const 0) (i32.const 19999))"),
            LATE,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_so_does_the_allocator() {
    let reason = attack(&Guest {
        realloc: format!("{FOREVER} (i32.const 0)"),
        ..Guest::default()
    })
    .await;
    assert!(reason.contains(LATE), "{reason}");
}

/// Whatever it does, a guest's turn ends soon after its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_the_deadline_is_kept() {
    let fill = "(loop $again (memory.fill (i32.const 65536) (i32.const 7) (i32.const 16777216)) (br $again))";
    let guest = Guest {
        memory: "257".to_owned(),
        ..Guest::doing(fill)
    };
    let attacker = crate::compile(&crate::HOST, &guest.bytes()).unwrap();
    let started = Instant::now();
    crate::reason(ask(&attacker).await);
    let took = started.elapsed();
    assert!(took < CALL_TIME + Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_the_start_function_has_a_deadline_at_the_upload() {
    let endless = Guest::with(format!("(func $start {FOREVER}) (start $start)")).bytes();
    let upload = tokio::task::spawn_blocking(move || refused(&endless));
    while !upload.is_finished() {
        assert!(ask(&NEIGHBOUR).await.is_ok());
    }
    assert!(matches!(
        upload.await.unwrap(),
        PluginRejected::TrialTime(_)
    ));
    let filling = "(func $start (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br $again))) (start $start)";
    let filling = Guest {
        memory: "257".to_owned(),
        ..Guest::with(filling)
    };
    assert!(matches!(
        refused(&filling.bytes()),
        PluginRejected::TrialTime(_)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_02_recursion_ends_at_the_stack() {
    let wide = "(func $wide (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
        (i64.add (local.get 0) (call $wide (local.get 1) (local.get 2) (local.get 3) (local.get 4)
          (local.get 5) (local.get 6) (local.get 7) (call $wide (local.get 7) (local.get 6) (local.get 5)
          (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0)))))";
    let zeros = "(i64.const 0)".repeat(8);
    let table = "(type $void (func)) (table 1 funcref) (elem (i32.const 0) $round)
        (func $round (call_indirect (type $void) (i32.const 0)) (drop (i32.const 1)))";
    attacks([
        (
            "a function that calls itself",
            Guest {
                fields: "(func $deeper (call $deeper) (drop (i32.const 1)))".to_owned(),
                ..Guest::doing("(call $deeper)")
            },
            "stack",
        ),
        (
            "wide frames",
            Guest {
                fields: wide.to_owned(),
                ..Guest::doing(&format!("(drop (call $wide {zeros}))"))
            },
            "stack",
        ),
        (
            "through a table",
            Guest {
                fields: table.to_owned(),
                ..Guest::doing("(call $round)")
            },
            "stack",
        ),
        (
            "in the allocator",
            Guest {
                fields: "(func $deeper (call $deeper) (drop (i32.const 1)))".to_owned(),
                realloc: "(call $deeper) (i32.const 0)".to_owned(),
                ..Guest::default()
            },
            "stack",
        ),
    ])
    .await;
}
