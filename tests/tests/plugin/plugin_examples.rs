//! Every example plugin: its golden cases, its size, and what it asks for.

use cambist_plugin::{Manifest, Point, manifest::Isolation};
use tests::{guests, plugins::compiled};

/// What each fills.
const POINTS: [(&str, &[Point]); 9] = [
    ("api-key", &[Point::Validator]),
    ("change-window", &[Point::Policy]),
    (
        "claim-map",
        &[Point::AcrMapper, Point::AmrMapper, Point::ClaimMapper],
    ),
    ("department-attributes", &[Point::AttributeStatements]),
    ("introspection", &[Point::Validator]),
    ("legacy-ticket", &[Point::Validator]),
    ("legacy-ticket-second", &[Point::Validator]),
    ("opening-hours", &[Point::AuthzDecisionStatements]),
    ("paseto", &[Point::Provider]),
];

#[test]
fn every_example_passes_its_own_cases_in_the_host() {
    for name in guests::names() {
        let plugin = compiled(guests::example(name)).unwrap();
        let cases = &plugin.manifest().cases;
        assert!(cases.len() >= 5, "{name} has {} cases", cases.len());
        for case in cases {
            let outcome = plugin.run_case(case);
            assert_eq!(outcome.failure, None, "{name}: {}", case.name);
            // More, and every call would cost system calls.
            assert!(outcome.memory <= 256 << 10, "{name}: {}", outcome.memory);
        }
    }
}

#[test]
fn a_case_that_is_wrong_fails_and_says_where() {
    let plugin = compiled(guests::example("legacy-ticket")).unwrap();
    let mut case = plugin
        .manifest()
        .cases
        .iter()
        .find(|case| case.expect.get("ok").is_some())
        .unwrap()
        .clone();
    case.expect["ok"]["subject"] = "somebody else".into();
    let failure = plugin.run_case(&case).failure.unwrap();
    assert!(
        failure.starts_with("expected `ok.subject` to be \"somebody else\""),
        "{failure}"
    );
}

#[test]
fn every_example_fills_its_points_and_is_small() {
    assert_eq!(POINTS.len(), guests::names().count());
    for (name, points) in POINTS {
        let plugin = compiled(guests::example(name)).unwrap();
        let mut found = plugin.points().to_vec();
        found.sort();
        assert_eq!(found, points, "{name}");
        assert!(plugin.size() < 400_000, "{name}: {} bytes", plugin.size());
        assert_eq!(plugin.isolation(), Isolation::Fresh, "{name}");
    }
}

/// Beside capabilities, a Rust component imports only what its standard library does.
#[test]
fn an_ordinary_rust_build_imports_what_the_manifest_says() {
    for name in guests::names() {
        let plugin = compiled(guests::example(name)).unwrap();
        let asked: Vec<_> = plugin.manifest().capabilities.keys().copied().collect();
        let mut imported: Vec<_> = plugin.capabilities().iter().map(|(c, _)| *c).collect();
        imported.sort();
        assert_eq!(imported, asked, "{name}");
        let others: Vec<_> = plugin
            .imports()
            .iter()
            .filter(|import| !import.starts_with("wasi:") && !import.starts_with("cambist:sts/"))
            .collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[test]
fn a_component_without_its_manifest_is_not_taken() {
    let bare =
        cambist_plugin::manifest::embed(guests::example("legacy-ticket"), &Manifest::default())
            .unwrap();
    let refused = compiled(&bare).unwrap_err().to_string();
    assert!(
        refused.contains("imports `cambist:sts/crypto@0.1.0`"),
        "{refused}"
    );
}
