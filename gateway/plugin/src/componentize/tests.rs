use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;

const WORLD: &str = "package a:b; interface i { f: func() -> u32; } world w { export i; }";
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "a:b/i#f") (result i32) (i32.const 7)))"#;

fn described(module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("w.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut bytes = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    bytes
}

#[test]
fn a_described_module_becomes_a_component() {
    let module = described(MODULE);
    let component = componentize(&module).unwrap();
    assert!(Parser::is_component(&component));
    assert_eq!(crate::scan::scan(&component).unwrap().exports, ["a:b/i"]);
    assert_eq!(componentize(&module).unwrap(), component);
}

#[test]
fn another_module_is_told_what_to_do() {
    let plain = wat::parse_str(MODULE).unwrap();
    assert_eq!(componentize(&plain), Err(PluginRejected::CoreModule));
    let preview1 = described(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
            (memory (export "memory") 1)
            (func (export "a:b/i#f") (result i32) (i32.const 7)))"#,
    );
    let refused = componentize(&preview1).unwrap_err();
    assert_eq!(refused, PluginRejected::Preview1);
    assert!(refused.to_string().contains("`wasm32-wasip2`"));
    let unlike = described("(module)");
    assert!(matches!(
        componentize(&unlike),
        Err(PluginRejected::Compile(_))
    ));
}

#[test]
fn wa_11_every_truncation_is_an_error() {
    let module = described(MODULE);
    for length in 0..module.len() {
        let cut = &module[..length];
        assert!(componentize(cut).is_err(), "{length} of {}", module.len());
    }
}

/// Found by fuzzing: the reader of descriptions panics over this one.
#[test]
fn wa_11_a_description_that_contradicts_itself_is_refused() {
    let refused = componentize(include_bytes!("contradiction.wasm")).unwrap_err();
    assert!(matches!(refused, PluginRejected::Compile(_)), "{refused}");
}
