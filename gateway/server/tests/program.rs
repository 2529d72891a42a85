//! The program as it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use cambist_plugin::{
    Compilation, CompilerLimits, HostLimits, Nowhere, PluginHost, PluginRejected,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cambist");

/// A validator that does nothing good, and a function that takes a compiler long.
fn component(loops: usize) -> Vec<u8> {
    let nest = format!("{} {}", "(loop ".repeat(loops), ")".repeat(loops));
    wat::parse_str(format!(
        r#"(component
             (core module $m (func (export "f") {nest}))
             (core instance $i (instantiate $m))
             (instance $v)
             (export "cambist:sts/validator@0.1.0" (instance $v)))"#
    ))
    .unwrap()
}

fn host(limits: CompilerLimits) -> PluginHost {
    let compilation = Compilation {
        program: Some(PathBuf::from(PROGRAM)),
        limits,
        ..Compilation::default()
    };
    PluginHost::new(HostLimits::default(), compilation, Arc::new(Nowhere)).unwrap()
}

#[test]
fn it_says_its_version() {
    let output = Command::new(PROGRAM).arg("version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("cambist {}\n", env!("CARGO_PKG_VERSION")));
}

/// What comes back was compiled, and is no plugin for a reason that only the linker finds.
#[test]
fn it_compiles_plugins_for_the_gateway_in_a_child() {
    let refused = host(CompilerLimits::default()).compile(&component(1));
    assert!(
        matches!(refused, Err(PluginRejected::WrongType(_))),
        "{refused:?}"
    );
}

#[test]
fn wa_11_a_child_that_compiles_too_long_is_stopped() {
    let limits = CompilerLimits {
        time: Duration::from_secs(1),
        ..CompilerLimits::default()
    };
    let refused = host(limits).compile(&component(3000));
    assert!(
        matches!(
            refused,
            Err(PluginRejected::TooSlow { .. } | PluginRejected::TooMuchMemory { .. })
        ),
        "{refused:?}"
    );
}
