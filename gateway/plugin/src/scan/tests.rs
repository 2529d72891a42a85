use proptest::prelude::*;

use super::*;
use crate::manifest::{Manifest, embed, manifest_in};

fn scanned(text: &str) -> Result<Scan, PluginRejected> {
    scan(&wat::parse_str(text).unwrap())
}

fn too_complex(text: &str) -> &'static str {
    match scanned(text).unwrap_err() {
        PluginRejected::TooComplex { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn the_manifest_is_the_components_own() {
    let own = r#"(@custom "cambist:manifest" "{}")"#;
    let found = |text: &str| scanned(text).map(|scan| scan.manifest);
    assert_eq!(found("(component)").unwrap(), None);
    assert_eq!(
        found(&format!("(component {own})")).unwrap(),
        Some(b"{}".to_vec())
    );
    assert_eq!(
        found(&format!(
            "(component (component {own}) (core module {own}))"
        ))
        .unwrap(),
        None
    );
    assert!(matches!(
        found(&format!("(component {own} {own})")),
        Err(PluginRejected::Manifest(_))
    ));
    let large = format!(
        r#"(component (@custom "cambist:manifest" "{}"))"#,
        "x".repeat(256 * 1024 + 1)
    );
    assert!(matches!(found(&large), Err(PluginRejected::Manifest(_))));
}

#[test]
fn wa_11_structure_is_bounded() {
    let many = |part: &str, n: usize| format!("(component {})", part.repeat(n));
    assert!(scanned(&many("(core module)", 299)).is_ok());
    assert_eq!(
        too_complex(&many("(core module)", 300)),
        "modules and components"
    );
    let deep = format!("{}{}", "(component ".repeat(5), ")".repeat(5));
    assert_eq!(too_complex(&deep), "nested components");
    let imports = |n: usize| {
        let each = (0..n).map(|i| format!(r#"(import "a{i}" (func))"#));
        format!("(component {})", each.collect::<String>())
    };
    assert!(scanned(&imports(256)).is_ok());
    assert_eq!(too_complex(&imports(257)), "imports");
    let long = format!(r#"(component (import "{}" (func)))"#, "a".repeat(257));
    assert_eq!(
        too_complex(&long),
        "bytes in the name of an import or export"
    );
}

#[test]
fn what_modules_define_is_added_up() {
    let scan = scanned(
        r"(component
            (core module $a (memory 3) (table 7 funcref) (table 2 funcref))
            (core module $b (memory 1 9) (table 5 funcref))
            (core instance (instantiate $a))
            (core instance (instantiate $b))
            (core instance (instantiate $b))
            (core instance))",
    )
    .unwrap();
    let expected = Wants {
        core_instances: 3,
        tables: 3,
        table_elements: 7,
        memory_bytes: 3 * 65536,
    };
    assert_eq!(scan.wants, expected);
}

/// A component with a bit of everything that is read of one before it is compiled.
fn specimen() -> Vec<u8> {
    let component = wat::parse_str(
        r#"(component
            (import "cambist:sts/log@0.1.0" (instance $log))
            (core module $m (memory (export "m") 3) (table 7 funcref) (func (export "f")))
            (core instance $i (instantiate $m))
            (component (core module (memory 1)))
            (func $f (canon lift (core func $i "f")))
            (export "f" (func $f))
            (@custom "cambist:manifest" "{\"name\": \"a\", \"version\": \"1.0.0\"}"))"#,
    );
    component.unwrap()
}

#[test]
fn wa_11_a_module_that_is_cut_off_is_refused() {
    let whole = wat::parse_str("(component (core module (memory 1)))").unwrap();
    assert!(scan(&whole).is_ok());
    for end in 9..whole.len() {
        assert!(scan(&whole[..end]).is_err(), "{end}");
    }
}

/// One thing done to bytes.
#[derive(Clone, Debug)]
enum Change {
    Byte(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => (any::<usize>(), 1..40_usize).prop_map(|(at, n)| Change::Remove(at, n)),
        1 => (any::<usize>(), 1..40_usize).prop_map(|(at, n)| Change::Repeat(at, n)),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        let length = bytes.len().max(1);
        let span = |at: usize, n: usize| {
            (at % length).min(bytes.len())..(at % length + n).min(bytes.len())
        };
        match change {
            Change::Byte(at, byte) => {
                if let Some(place) = bytes.get_mut(at % length) {
                    *place = byte;
                }
            }
            Change::Cut(at) => bytes.truncate(at % length),
            Change::Remove(at, n) => drop(bytes.drain(span(at, n))),
            Change::Repeat(at, n) => {
                let copied = bytes[span(at, n)].to_vec();
                bytes.extend(copied);
            }
            Change::Insert(at, inserted) => {
                let at = (at % length).min(bytes.len());
                drop(bytes.splice(at..at, inserted));
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn wa_11_a_damaged_component_is_read_or_refused(changes in prop::collection::vec(change(), 1..6)) {
        let damaged = changed(specimen(), changes);
        let scan = scan(&damaged);
        let manifest = manifest_in(&damaged);
        if let Ok(scan) = scan {
            // Both readers of the manifest agree on what they both read.
            prop_assert_eq!(manifest.ok().flatten(), scan.manifest.as_deref());
        }
        if let Ok(embedded) = embed(&damaged, &Manifest::default()) {
            // It can be put in only where it can be taken out again, of a component that is.
            let json = serde_json::to_vec(&Manifest::default()).unwrap();
            let expected = Parser::is_component(&damaged).then_some(json);
            prop_assert_eq!(manifest_in(&embedded).ok().flatten(), expected.as_deref());
            prop_assert!(expected.is_some() || Parser::is_core_wasm(&damaged));
        }
    }

    #[test]
    fn wa_11_bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(scan(&bytes));
        let _ = manifest_in(&bytes);
    }
}
