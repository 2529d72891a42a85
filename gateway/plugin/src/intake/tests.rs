use proptest::prelude::*;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;
use crate::manifest::embed;

const COMPONENT: &str = r#"(component
    (import "cambist:sts/log@0.1.0" (instance $log))
    (import "wasi:cli/environment@0.2.6" (instance $environment))
    (core module $m (memory (export "m") 3) (func (export "f")))
    (core instance (instantiate $m))
    (instance $validator)
    (export "cambist:sts/validator@0.1.0" (instance $validator))
    (@custom "cambist:manifest" "{\"name\": \"a\", \"version\": \"1.0.0\", \"capabilities\": {\"log\": \"to tell\"}}"))"#;

const WORLD: &str = "package cambist:sts@0.1.0; interface policy { decide: func() -> u32; } world w { export policy; }";
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cambist:sts/policy@0.1.0#decide") (result i32) (i32.const 7)))"#;

/// A component, and a core module that says how to become one.
fn specimens() -> [Vec<u8>; 2] {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("w.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = wat::parse_str(MODULE).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    [wat::parse_str(COMPONENT).unwrap(), module]
}

fn outlined(upload: &[u8]) -> Result<Outline, PluginRejected> {
    outline(upload, &HostLimits::default())
}

#[test]
fn an_upload_is_outlined_without_a_compiler() {
    let [component, module] = specimens();
    let found = outlined(&component).unwrap();
    assert_eq!(found.points, [Point::Validator]);
    assert_eq!(found.exports, ["cambist:sts/validator@0.1.0"]);
    assert_eq!(
        found.imports,
        ["cambist:sts/log@0.1.0", "wasi:cli/environment@0.2.6"]
    );
    assert_eq!(found.manifest.version.as_deref(), Some("1.0.0"));
    assert_eq!(outlined(&module).unwrap().points, [Point::Policy]);
    let limits = HostLimits {
        component_bytes: 10,
        heavy: crate::HeavyLimits {
            component_bytes: 10,
            ..crate::HeavyLimits::default()
        },
        ..HostLimits::default()
    };
    assert!(matches!(
        outline(&component, &limits),
        Err(PluginRejected::TooLarge { limit: 10, .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn wa_11_a_damaged_upload_is_outlined_or_refused(
        which in 0..2_usize,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut upload = specimens()[which].clone();
        for (place, byte) in bytes {
            let place = place.index(upload.len());
            upload[place] = byte;
        }
        if let Some(cut) = cut {
            upload.truncate(cut.index(upload.len()));
        }
        if let Ok(found) = outlined(&upload) {
            prop_assert!(!found.points.is_empty());
            // What was read of it is what is read again when it is written.
            let written = embed(&upload, &found.manifest).unwrap();
            prop_assert_eq!(outlined(&written).unwrap(), found);
        }
    }
}
