//! The program as it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{path::PathBuf, process::Command, sync::Arc};

use cambist_plugin::{Compilation, HostLimits, Nowhere, PluginHost, PluginRejected};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cambist");

#[test]
fn it_says_its_version() {
    let output = Command::new(PROGRAM).arg("version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("cambist {}\n", env!("CARGO_PKG_VERSION")));
}

/// What comes back was compiled, and is no plugin for a reason that only the linker finds.
#[test]
fn it_compiles_plugins_for_the_gateway_in_a_child() {
    let compilation = Compilation {
        program: Some(PathBuf::from(PROGRAM)),
        ..Compilation::default()
    };
    let host = PluginHost::new(HostLimits::default(), compilation, Arc::new(Nowhere)).unwrap();
    let empty = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (instance $v)
        (export "cambist:sts/validator@0.1.0" (instance $v)))"#;
    let refused = host.compile(&wat::parse_str(empty).unwrap());
    assert!(
        matches!(refused, Err(PluginRejected::WrongType(_))),
        "{refused:?}"
    );
}
