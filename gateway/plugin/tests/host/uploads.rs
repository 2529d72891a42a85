//! What is not taken at upload, and why.

use std::time::{Duration, Instant};

use cambist_plugin::{HeavyLimits, HostLimits, PluginRejected};

use crate::{guest::Guest, host, host_of};

fn rejected(bytes: &[u8]) -> PluginRejected {
    host().compile(bytes).unwrap_err()
}

fn with_fields(fields: String) -> Vec<u8> {
    Guest {
        fields,
        ..Guest::default()
    }
    .bytes()
}

#[test]
fn a_good_component_says_what_it_is() {
    let bytes = Guest::default().bytes();
    let plugin = host().compile(&bytes).unwrap();
    let (scheme, digits) = plugin.digest().split_once(':').unwrap();
    assert_eq!((scheme, digits.len()), ("sha256", 64));
    assert_eq!(plugin.size(), bytes.len());
    assert_eq!(plugin.imports(), ["cambist:sts/types@0.1.0"]);
    assert_eq!(plugin.exports(), ["cambist:sts/validator@0.1.0"]);
    assert_eq!(host().compile(&bytes).unwrap().digest(), plugin.digest());
}

#[test]
fn wa_11_what_is_not_webassembly_is_called_by_its_name() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "an empty file"),
        (b"  (component)", "WebAssembly text"),
        (b"\x7fELF\x02\x01\x01", "a native program"),
        (b"\0asm\x63\0\0\0", "WebAssembly of an unknown version"),
        (b"\0as", "something else"),
        (b"<html>not found</html>", "something else"),
    ];
    for (bytes, found) in cases {
        assert_eq!(rejected(bytes), PluginRejected::NotWasm { found });
    }
}

#[test]
fn a_core_module_is_told_from_a_component() {
    let error = rejected(&wat::parse_str("(module)").unwrap());
    assert_eq!(error, PluginRejected::CoreModule);
    assert!(
        error.to_string().contains("--target wasm32-wasip2"),
        "{error}"
    );
}

#[test]
fn wa_12_precompiled_code_is_never_loaded() {
    let engine = wasmtime::Engine::default();
    let native = engine
        .precompile_component(&Guest::default().bytes())
        .unwrap();
    assert_eq!(rejected(&native), PluginRejected::Precompiled);
}

#[test]
fn wa_11_size_is_checked_first() {
    let host = host_of(HostLimits {
        component_bytes: 50,
        heavy: HeavyLimits {
            component_bytes: 100,
            ..HeavyLimits::default()
        },
        ..HostLimits::default()
    });
    assert_eq!(
        host.compile(&[0; 101]).unwrap_err(),
        PluginRejected::TooLarge {
            size: 101,
            limit: 100
        }
    );
}

#[test]
fn wa_11_every_truncation_is_an_error() {
    let host = host();
    let bytes = Guest::default().bytes();
    // The last section holds names only; without it the component is whole.
    let names = (0..bytes.len())
        .rfind(|at| bytes[*at..].starts_with(b"\x0ecomponent-name"))
        .unwrap()
        - 2;
    assert!(host.compile(&bytes[..names]).is_ok());
    for length in 0..names {
        assert!(
            host.compile(&bytes[..length]).is_err(),
            "{length} of {} bytes",
            bytes.len()
        );
    }
}

/// A component with one byte changed may be good or bad, but the host survives it.
#[test]
fn wa_11_changed_bytes_do_no_harm() {
    let host = host();
    let bytes = Guest::default().bytes();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0x15;
        drop(host.compile(&changed));
    }
    assert!(host.compile(&bytes).is_ok());
}

#[test]
fn wa_07_every_other_import_is_refused_by_its_name() {
    let imports = [
        "wasi:cli/environment@0.3.0",
        "wasi:cli/environment",
        "cambist:sts/files@0.1.0",
        "cambist:other/types@0.1.0",
        "acme:else/thing",
    ];
    for import in imports {
        let mut guest = Guest::default();
        guest
            .imports
            .insert_str(0, &format!(r#"(import "{import}" (instance))"#));
        match rejected(&guest.bytes()) {
            PluginRejected::Import { import: named, .. } => assert_eq!(named, import),
            other => panic!("{import}: {other}"),
        }
    }
}

#[test]
fn wa_07_types_bring_no_function() {
    let mut guest = Guest::default();
    guest.imports = guest.imports.replacen(
        "(instance $types",
        r#"(instance $types (export "steal" (func))"#,
        1,
    );
    match rejected(&guest.bytes()) {
        PluginRejected::Import { import, .. } => {
            assert_eq!(import, "cambist:sts/types@0.1.0#steal");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_root_function_is_an_import_too() {
    let mut guest = Guest::default();
    guest.imports.insert_str(0, r#"(import "steal" (func))"#);
    assert!(
        matches!(rejected(&guest.bytes()), PluginRejected::Import { import, .. } if import == "steal")
    );
}

#[test]
fn wa_07_a_capability_is_asked_for_in_the_manifest() {
    let mut guest = Guest::default();
    guest
        .imports
        .insert_str(0, r#"(import "cambist:sts/log@0.1.0" (instance))"#);
    let error = rejected(&guest.bytes()).to_string();
    assert!(error.contains("imports `cambist:sts/log@0.1.0`"), "{error}");
}

#[test]
fn another_version_of_the_interface_is_named() {
    let mut guest = Guest::default();
    let other = "cambist:sts/types@0.2.0";
    guest
        .imports
        .insert_str(0, &format!(r#"(import "{other}" (instance))"#));
    assert_eq!(
        rejected(&guest.bytes()),
        PluginRejected::Version(other.to_owned())
    );
    let text = Guest::default()
        .text()
        .replace("cambist:sts/validator@0.1.0", "cambist:sts/validator@0.9.0");
    assert_eq!(
        rejected(&wat::parse_str(text).unwrap()),
        PluginRejected::Version("cambist:sts/validator@0.9.0".to_owned())
    );
}

#[test]
fn a_point_must_be_filled() {
    let text = Guest::default()
        .text()
        .replace("cambist:sts/validator@0.1.0", "acme:else/validator@0.1.0");
    let found = vec!["acme:else/validator@0.1.0".to_owned()];
    assert_eq!(
        rejected(&wat::parse_str(text).unwrap()),
        PluginRejected::MissingExport { found }
    );
}

/// Each of these links and would fail at the first call.
#[test]
fn another_shape_of_the_interface_is_found_at_upload() {
    let changes = [
        (r#"(field "issuer" (option string)) "#, ""),
        (r#""unavailable" "internal""#, r#""unavailable""#),
        (r#"(field "now" u64)"#, r#"(field "when" u64)"#),
        (r#"(export "validate-token""#, r#"(export "validate""#),
    ];
    for (original, changed) in changes {
        let text = Guest::default().text();
        assert!(text.contains(original));
        let error = rejected(&wat::parse_str(text.replace(original, changed)).unwrap());
        assert!(
            matches!(error, PluginRejected::WrongType(_)),
            "{original}: {error}"
        );
    }
}

#[test]
fn what_no_sandbox_has_is_refused() {
    let refused = |guest: Guest| rejected(&guest.bytes()).to_string();
    for memory in ["2049", "1 1 shared", "i64 1"] {
        let error = refused(Guest {
            memory: memory.to_owned(),
            ..Guest::default()
        });
        assert!(
            error.contains("memor") || error.contains("threads"),
            "{memory}: {error}"
        );
    }
    for fields in [
        "(memory 1)",
        "(table 30000 funcref)",
        &"(table 1 funcref)".repeat(9),
    ] {
        let error = refused(Guest {
            fields: fields.to_owned(),
            ..Guest::default()
        });
        assert!(
            error.contains("memor") || error.contains("table"),
            "{fields}: {error}"
        );
    }
}

#[test]
fn a_trial_instance_must_come_up_in_time() {
    let endless = with_fields("(func $start (loop $again (br $again))) (start $start)".to_owned());
    let started = Instant::now();
    assert_eq!(
        rejected(&endless),
        PluginRejected::TrialTime(Duration::from_secs(1))
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    let trapping = with_fields("(func $start (unreachable)) (start $start)".to_owned());
    assert!(matches!(rejected(&trapping), PluginRejected::Trial(_)));
}

#[test]
fn components_inside_have_no_code() {
    let mut guest = Guest::default();
    guest.imports.insert_str(
        0,
        r#"(component $inner
             (core module $m (func (export "f")))
             (core instance $i (instantiate $m))
             (func (export "f") (canon lift (core func $i "f"))))"#,
    );
    assert_eq!(rejected(&guest.bytes()), PluginRejected::Composed);
}
