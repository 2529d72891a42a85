//! What is read of an uploaded plugin before it is compiled: kind, structure, imports, exports, manifest, and
//! whether a core module becomes a component. Nothing may make it panic, and what was read once is what is read
//! again.

#![no_main]

use std::{fs, panic, path::Path};

use cambist_plugin::{HostLimits, manifest::embed, outline};
use libfuzzer_sys::fuzz_target;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const SEEDS: &str = "corpus/upload";

const COMPONENT: &str = r#"(component
    (import "cambist:sts/log@0.1.0" (instance $log))
    (import "wasi:cli/environment@0.2.6" (instance $environment))
    (core module $m (memory (export "m") 3) (table 7 funcref) (func (export "f")))
    (core instance $i (instantiate $m))
    (component (core module (memory 1)))
    (instance $validator)
    (export "cambist:sts/validator@0.1.0" (instance $validator))
    (@custom "cambist:manifest" "{\"name\": \"a\", \"version\": \"1.0.0\", \"capabilities\": {\"log\": \"to tell\"},"
        "\"config\": {\"size\": {\"type\": \"integer\", \"default\": 7}}, \"cases\": [{\"name\": \"b\", \"expect\": {}}]}"))"#;

const WORLD: &str = "package cambist:sts@0.1.0; interface policy { decide: func() -> u32; } world w { export policy; }";
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cambist:sts/policy@0.1.0#decide") (result i32) (i32.const 7)))"#;

fn prepare() {
    // The fuzzer's own hook aborts at every panic. Those that are caught are refusals; it aborts at the others
    // all the same.
    drop(panic::take_hook());
    panic::set_hook(Box::new(|_| ()));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("w.wit", WORLD).expect("an interface");
    let world = resolve
        .select_world(&[package], Some("w"))
        .expect("a world");
    let mut module = wat::parse_str(MODULE).expect("a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a description");
    let component = wat::parse_str(COMPONENT).expect("a component");
    fs::create_dir_all(SEEDS).expect("a directory");
    for (name, seed) in [("component", component), ("module", module)] {
        outline(&seed, &HostLimits::default()).expect("a seed that is taken");
        fs::write(Path::new(SEEDS).join(format!("seed-{name}")), seed).expect("a seed");
    }
}

fuzz_target!(
    init: prepare(),
    |upload: &[u8]| {
        let limits = HostLimits::default();
        let Ok(read) = outline(upload, &limits) else {
            return;
        };
        assert!(!read.points.is_empty(), "it fills something");
        let written = embed(upload, &read.manifest).expect("what was read can be written");
        assert_eq!(outline(&written, &limits), Ok(read));
    }
);
