//! What a guest may do while it runs.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use cambist_core::{Fault, ValidateError};
use cambist_plugin::HostLimits;

use crate::{ask, failure, guest::Guest, host, host_of, validator};

const FOREVER: &str = "(loop $again (br $again))";

#[tokio::test]
async fn a_guest_is_called() {
    let principal = ask(&validator(&host(), &Guest::default()), "any")
        .await
        .unwrap();
    assert_eq!(principal.subject, "dana");
}

#[tokio::test]
async fn token_and_time_arrive() {
    let seen = "
      (if (i64.ne (local.get $now) (i64.const 1900000000)) (then (unreachable)))
      (if (i32.ne (local.get $length) (i32.const 3)) (then (unreachable)))
      (if (i32.ne (i32.load8_u (local.get $token)) (i32.const 97)) (then (unreachable)))";
    let validator = validator(&host(), &Guest::doing(seen));
    assert!(ask(&validator, "abc").await.is_ok());
    failure(ask(&validator, "xbc").await);
}

/// On one thread: whoever else runs there is not held up for long.
#[tokio::test]
async fn wa_02_an_endless_loop_ends_at_the_deadline() {
    let host = host();
    let endless = validator(&host, &Guest::doing(FOREVER));
    let good = validator(&host, &Guest::default());
    let started = Instant::now();
    let (answer, neighbour) = tokio::join!(ask(&endless, "t"), ask(&good, "t"));
    assert_eq!(failure(answer), "no answer within 50ms");
    assert!(neighbour.is_ok());
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert!(ask(&good, "t").await.is_ok());
}

#[tokio::test]
async fn wa_02_so_do_bulk_operations_and_the_allocator() {
    let host = host();
    let fill = "(loop $again (memory.fill (i32.const 131072) (i32.const 1) (i32.const 131072)) (br $again))";
    let bulk = validator(&host, &Guest::doing(fill));
    assert_eq!(failure(ask(&bulk, "t").await), "no answer within 50ms");
    let realloc = format!("{FOREVER} (i32.const 0)");
    let allocator = validator(
        &host,
        &Guest {
            realloc,
            ..Guest::default()
        },
    );
    assert_eq!(failure(ask(&allocator, "t").await), "no answer within 50ms");
}

#[tokio::test]
async fn wa_03_memory_and_tables_do_not_grow_past_the_limit() {
    let host = host();
    let bomb = Guest::doing("(loop $again (drop (memory.grow (i32.const 16))) (br $again))");
    let reason = failure(ask(&validator(&host, &bomb), "t").await);
    assert!(reason.contains("growing memory"), "{reason}");

    let mut bomb = Guest::doing(
        "(loop $again (drop (table.grow $table (ref.null func) (i32.const 5000))) (br $again))",
    );
    bomb.fields = "(table $table 1 funcref)".to_owned();
    let reason = failure(ask(&validator(&host, &bomb), "t").await);
    assert!(reason.contains("growing table"), "{reason}");
    assert!(ask(&validator(&host, &Guest::default()), "t").await.is_ok());
}

#[tokio::test]
async fn deep_recursion_is_a_trap() {
    let host = host();
    let mut deep = Guest::doing("(call $down)");
    deep.fields = "(func $down (call $down) (call $down))".to_owned();
    let reason = failure(ask(&validator(&host, &deep), "t").await);
    assert!(reason.contains("stack exhausted"), "{reason}");
}

#[tokio::test]
async fn a_trap_ends_one_call_only() {
    let host = host();
    let traps_on_x =
        "(if (i32.eq (i32.load8_u (local.get $token)) (i32.const 120)) (then (unreachable)))";
    let validator = validator(&host, &Guest::doing(traps_on_x));
    for _ in 0..8 {
        let reason = failure(ask(&validator, "x").await);
        assert!(reason.contains("unreachable"), "{reason}");
        assert!(ask(&validator, "y").await.is_ok());
    }
}

/// Every call looks at all its memory, its globals and its table, and leaves marks everywhere.
#[tokio::test]
async fn wa_06_nothing_survives_a_call() {
    let host = host_of(HostLimits {
        concurrent_calls: 1,
        ..HostLimits::default()
    });
    let mut canary = Guest::doing(
        "(if (global.get $mark) (then (unreachable)))
         (if (i32.eqz (ref.is_null (table.get $table (i32.const 0)))) (then (unreachable)))
         (local.set $at (i32.const 131072))
         (loop $next
           (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (unreachable)))
           (i64.store (local.get $at) (i64.const -1))
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $next (i32.lt_u (local.get $at) (i32.const 1048576))))
         (global.set $mark (i32.const 1))
         (table.set $table (i32.const 0) (ref.func $dana))",
    );
    canary.memory = "16".to_owned();
    canary.fields =
        "(global $mark (mut i32) (i32.const 0)) (table $table 1 funcref) (elem declare func $dana)"
            .to_owned();
    canary.body = format!("(local $at i32) {}", canary.body);
    let validator = validator(&host, &canary);
    for _ in 0..50 {
        ask(&validator, "t").await.unwrap();
    }
}

#[tokio::test]
async fn wa_05_a_call_may_be_dropped_at_any_time() {
    let host = host_of(HostLimits {
        concurrent_calls: 2,
        ..HostLimits::default()
    });
    let endless = validator(&host, &Guest::doing(FOREVER));
    let good = validator(&host, &Guest::default());
    for _ in 0..10_000 {
        let mut asking = pin!(ask(&endless, "t"));
        let is_pending =
            poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending())).await;
        assert!(is_pending);
    }
    let (one, two) = tokio::join!(ask(&good, "t"), ask(&good, "t"));
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test]
async fn too_many_calls_are_turned_away_and_not_blamed_on_the_plugin() {
    let host = host_of(HostLimits {
        concurrent_calls: 1,
        turn_wait: Duration::from_millis(10),
        ..HostLimits::default()
    });
    let endless = validator(&host, &Guest::doing(FOREVER));
    let (first, second) = tokio::join!(ask(&endless, "t"), ask(&endless, "t"));
    failure(first);
    assert!(
        matches!(second, Err(ValidateError::Fault(Fault::Overloaded(_)))),
        "{second:?}"
    );
}

#[tokio::test]
async fn wa_07_what_is_inert_ends_the_call() {
    let mut exiting = Guest::doing("(call $exit (i32.const 0))");
    exiting.imports.insert_str(0, r#"(import "wasi:cli/exit@0.2.6" (instance $cli (export "exit" (func (param "status" (result))))))
         (core func $exit (canon lower (func $cli "exit")))"#);
    let text = exiting
        .text()
        .replace(
            "(core module $module",
            r#"(core module $module (import "cli" "exit" (func $exit (param i32)))"#,
        )
        .replace(
            "(instantiate $module)",
            r#"(instantiate $module (with "cli" (instance (export "exit" (func $exit)))))"#,
        );
    let host = host();
    let plugin = host.compile(&wat::parse_str(text).unwrap()).unwrap();
    assert_eq!(
        plugin.imports(),
        ["wasi:cli/exit@0.2.6", "cambist:sts/types@0.1.0"]
    );
    let reason = failure(
        ask(
            &crate::bound(plugin, cambist_core::Declared::default()),
            "t",
        )
        .await,
    );
    assert!(reason.contains("wasi:cli/exit@0.2.6#exit"), "{reason}");
}

#[test]
fn plugins_outlive_the_host_that_made_them() {
    let validator = validator(&host(), &Guest::doing(FOREVER));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // The thread that interrupts guests must still be there.
    assert_eq!(
        failure(runtime.block_on(ask(&validator, "t"))),
        "no answer within 50ms"
    );
}
