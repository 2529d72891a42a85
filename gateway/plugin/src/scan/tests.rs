use super::*;

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
