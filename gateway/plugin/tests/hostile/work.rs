//! Components that keep a compiler busy for minutes or fill its memory. It runs in a child, which ends.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use cambist_plugin::{Compilation, CompilerLimits, PluginHost, PluginRejected};

use crate::{
    Guest,
    adapter::{self, ask, compile},
};

/// Each of the bombs takes eight times as long and more; an honest plugin, a twentieth.
const TIME: Duration = Duration::from_secs(1);

fn limited(limits: CompilerLimits) -> PluginHost {
    adapter::host(Compilation {
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_compile-plugin"))),
        limits,
        ..Compilation::default()
    })
}

fn limits() -> CompilerLimits {
    CompilerLimits {
        time: TIME,
        ..CompilerLimits::default()
    }
}

fn function(body: &str) -> String {
    format!("(func (param i32) (result i32) {body} (local.get 0))")
}

fn nested_loops(n: usize) -> String {
    let ends = "local.get 0 br_if 0 end ".repeat(n);
    function(&format!("{} {ends}", "loop ".repeat(n)))
}

fn assigning(locals: usize, block: &str, n: usize) -> String {
    let assign = |i: usize| {
        let local = 1 + i % locals;
        format!("{block} (local.set {local} (i32.const 3)) (br_if 0 (local.get 0)) end ")
    };
    function(&format!(
        "(local {}) {}",
        "i32 ".repeat(locals),
        (0..n).map(assign).collect::<String>()
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_11_a_child_makes_plugins() {
    let host = limited(limits());
    let component = compile(&host, &Guest::default().bytes()).unwrap();
    assert_eq!(ask(&component).await.unwrap().subject, "dana");
    let module = compile(&host, &Guest::default().module()).unwrap();
    assert_eq!(ask(&module).await.unwrap().subject, "dana");
    let broken = Guest::default().module();
    let broken = compile(&host, &broken[..broken.len() - 1]);
    assert!(matches!(broken, Err(PluginRejected::Malformed(_))));
    let memory64 = Guest {
        memory: "i64 1".to_owned(),
        ..Guest::default()
    };
    let invalid = std::panic::catch_unwind(|| memory64.bytes());
    if let Ok(bytes) = invalid {
        assert!(matches!(
            compile(&host, &bytes),
            Err(PluginRejected::Compile(_))
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wa_11_compile_bombs_are_stopped_while_others_are_served() {
    let host = limited(limits());
    let neighbour = compile(&host, &Guest::default().bytes()).unwrap();
    let branches = (0..20_000).map(|n| {
        format!(
            "(local.set 0 (i32.add (local.get 0) (i32.const {n}))) (br_if 0 (i32.eq (local.get 0) (i32.const {n})))"
        )
    });
    let branches = function(&format!("(block {})", branches.collect::<String>()));
    let bombs = [
        ("2,000 nested loops", nested_loops(2000)),
        ("20,000 branches", branches),
        ("10,000 loops", assigning(1, "loop", 10_000)),
        ("1,000 variables in loops", assigning(1000, "loop", 10_000)),
        (
            "many functions of moderate size",
            assigning(200, "loop", 500).repeat(200),
        ),
    ];
    for (what, bomb) in bombs {
        let bytes = Guest::with(bomb).bytes();
        let started = Instant::now();
        let host = host.clone();
        let upload = tokio::task::spawn_blocking(move || compile(&host, &bytes).map(drop));
        let mut asked = 0;
        while !upload.is_finished() {
            assert_eq!(ask(&neighbour).await.unwrap().subject, "dana", "{what}");
            asked += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let outcome = upload.await.unwrap();
        assert_eq!(
            outcome,
            Err(PluginRejected::TooSlow { limit: TIME }),
            "{what}"
        );
        let took = started.elapsed();
        assert!(took < Duration::from_secs(30), "{what}: {took:?}");
        assert!(asked > 10, "{what}: {asked}");
    }
}

#[test]
fn wa_11_a_child_that_needs_too_much_memory_ends() {
    let limit = 160 << 20;
    let host = limited(CompilerLimits {
        memory_bytes: limit,
        time: Duration::from_secs(20),
        ..limits()
    });
    assert!(compile(&host, &Guest::default().bytes()).is_ok());
    let wide = function(&"(local.set 0 (i32.mul (local.get 0) (i32.const 3)))".repeat(400_000));
    let bytes = Guest::with(wide).bytes();
    match compile(&host, &bytes).map(drop) {
        Err(PluginRejected::TooMuchMemory { limit: named }) => assert_eq!(named, limit),
        other => panic!("{other:?}"),
    }
}

#[test]
fn wa_11_native_code_has_a_bound_too() {
    let host = limited(CompilerLimits {
        code_bytes: 100 << 10,
        time: Duration::from_secs(20),
        ..limits()
    });
    let small = compile(&host, &Guest::default().bytes()).map(drop);
    assert_eq!(small, Ok(()));
    let large =
        Guest::with(function("(local.set 0 (i32.mul (local.get 0) (local.get 0)))").repeat(20_000));
    match compile(&host, &large.bytes()).map(drop) {
        Err(PluginRejected::TooComplex { what, .. }) => assert_eq!(what, "bytes of native code"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_compiler_is_not_the_components_fault() {
    let host = adapter::host(Compilation {
        program: Some(PathBuf::from("/nowhere/cambist")),
        ..Compilation::default()
    });
    assert!(matches!(
        compile(&host, &Guest::default().bytes()).map(drop),
        Err(PluginRejected::CompilerMissing(_))
    ));
}
