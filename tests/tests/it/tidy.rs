//! The house stays tidy: small rooms with names of their own.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// Longest source file, in lines.
const LONGEST: usize = 500;
const VAGUE: [&str; 6] = ["common", "helper", "helpers", "manager", "misc", "utils"];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn files_are_short_and_named_for_what_they_hold() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no root")?;
    let mut found = Vec::new();
    sources(root, &mut found)?;
    assert!(
        found.len() > 100,
        "the walk found only {} files",
        found.len()
    );
    for path in found {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        assert!(
            !VAGUE.contains(&stem),
            "{}: a name that says nothing",
            path.display()
        );
        let is_test = stem == "tests" || path.components().any(|part| part.as_os_str() == "tests");
        let lines = std::fs::read_to_string(&path)?.lines().count();
        assert!(
            is_test || lines <= LONGEST,
            "{}: {lines} lines",
            path.display()
        );
    }
    Ok(())
}
