use std::collections::BTreeSet;

use super::*;

fn paths(source: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(source).unwrap();
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// The paths that the public document names.
pub(crate) fn public_paths() -> BTreeSet<String> {
    paths(PUBLIC)
}

/// The string literals in a piece of Rust.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn between<'s>(source: &'s str, from: &str, to: &str) -> &'s str {
    let (_, rest) = source.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

#[test]
fn every_collection_of_the_admin_api_is_described_and_no_other() {
    let code = include_str!("../admin/api.rs");
    let arms = between(code, "match (collection, name) {", "there is no collection");
    let is_collection = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b':'))
    };
    let beside = include_str!("../admin.rs").split("resource == ").skip(1);
    let answered: BTreeSet<&str> = literals(arms)
        .chain(beside.filter_map(|rest| literals(rest).next()))
        .filter(is_collection)
        .collect();
    let admin = paths(ADMIN);
    let described: BTreeSet<&str> = admin
        .iter()
        .filter_map(|path| path.strip_prefix("/admin/v1/")?.split('/').next())
        .collect();
    assert!(answered.len() > 10, "{answered:?}");
    assert_eq!(answered, described);
}

#[test]
fn everything_else_on_the_admin_listener_is_described_and_nothing_more() {
    let code = include_str!("../admin.rs");
    let arms = between(code, "match path {", "nothing lives at this path");
    let mut answered: BTreeSet<&str> = literals(arms)
        .filter(|text| text.starts_with('/'))
        .map(|path| path.trim_end_matches('/'))
        .collect();
    answered.insert(PATH);
    assert!(answered.len() > 6, "{answered:?}");
    let admin = paths(ADMIN);
    for path in &answered {
        assert!(
            admin.iter().any(|described| described.starts_with(path)),
            "{path} is not described"
        );
    }
    for described in &admin {
        assert!(
            answered.iter().any(|path| described.starts_with(path)),
            "{described} is not answered"
        );
    }
}

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(pointer)) = members.get("$ref") {
                found.push(pointer);
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn both_documents_are_whole() {
    for bytes in [public("https://sts.example", true), admin()] {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut found = Vec::new();
        references(&document, &mut found);
        for pointer in found {
            let target = pointer
                .strip_prefix('#')
                .and_then(|at| document.pointer(at));
            assert!(target.is_some(), "{pointer}");
        }
        let operations = document["paths"].as_object().unwrap().values();
        let ids: Vec<&str> = operations
            .flat_map(|path| path.as_object().unwrap().values())
            .filter_map(|operation| operation.get("operationId")?.as_str())
            .collect();
        let distinct: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}

#[test]
fn sessions_are_described_where_they_are_offered() {
    let at = |has_sessions| {
        String::from_utf8(public("https://sts.example", has_sessions).to_vec()).unwrap()
    };
    assert!(at(true).contains("/json/authenticate") && at(true).contains("https://sts.example"));
    assert!(!at(false).contains("/json/authenticate"));
}
