//! A new project, from the template.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{CliError, PluginError, say};

/// Where each file goes, and its text. `{{name}}` and `{{guest}}` are filled in.
const FILES: [(&str, &str); 7] = [
    (
        "Cargo.toml",
        include_str!("../../../../../guest-sdk/template/Cargo.toml.in"),
    ),
    (
        "README.md",
        include_str!("../../../../../guest-sdk/template/README.md.in"),
    ),
    (
        "cambist-plugin.toml",
        include_str!("../../../../../guest-sdk/template/cambist-plugin.toml.in"),
    ),
    (
        "cases.toml",
        include_str!("../../../../../guest-sdk/template/cases.toml.in"),
    ),
    (
        ".cargo/config.toml",
        include_str!("../../../../../guest-sdk/template/cargo-config.toml.in"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../../../guest-sdk/template/src/lib.rs.in"),
    ),
    (".gitignore", "/target\n"),
];

pub(super) fn run(name: &str, guest: Option<&Path>) -> Result<(), CliError> {
    let directory = create(Path::new("."), name, guest)?;
    let directory = directory.strip_prefix(".").unwrap_or(&directory).display();
    say(&format!(
        "{directory} is a plugin that validates badges. Next:\n  cambist plugin test {directory}\n  cambist plugin push {directory}\n\
         and see {directory}/README.md for how to bind it.\n"
    ))
}

fn create(parent: &Path, name: &str, guest: Option<&Path>) -> Result<PathBuf, PluginError> {
    if !is_name(name) {
        return Err(PluginError::Name(name.to_owned()));
    }
    let guest = match guest {
        Some(guest) => guest
            .canonicalize()
            .map_err(|source| file_error("find", guest, source))?,
        None => find_guest(parent).ok_or(PluginError::NoGuest)?,
    };
    let guest = format!(
        "cambist-guest = {{ path = {} }}",
        toml::Value::String(guest.display().to_string())
    );
    let directory = parent.join(name);
    if directory.exists() {
        return Err(PluginError::Exists(directory));
    }
    for (path, template) in FILES {
        let path = directory.join(path);
        let text = template
            .replace("{{name}}", name)
            .replace("{{guest}}", &guest);
        let parent = path.parent().unwrap_or(&directory);
        fs::create_dir_all(parent).map_err(|source| file_error("create", parent, source))?;
        fs::write(&path, text).map_err(|source| file_error("write", &path, source))?;
    }
    Ok(directory)
}

/// The crate of this source tree: around the new project, or around the running program.
fn find_guest(start: &Path) -> Option<PathBuf> {
    let program = env::current_exe().ok();
    let starts = [start.canonicalize().ok(), program];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|above| above.join("guest-sdk"))
        .find(|guest| guest.join("Cargo.toml").is_file())
}

/// A plugin's name that is a crate's name too.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn file_error(doing: &'static str, path: &Path, source: std::io::Error) -> PluginError {
    PluginError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use cambist_plugin::{Manifest, case::cases_from_toml};

    use super::*;

    #[test]
    fn a_new_project_is_whole_and_never_put_over_another() {
        let parent = tempfile::tempdir().unwrap();
        let made = create(parent.path(), "my-badge", None).unwrap();
        let read = |path: &str| fs::read_to_string(made.join(path)).unwrap();
        for (path, _) in FILES {
            assert!(!read(path).contains("{{"), "{path}");
        }
        let manifest = Manifest::from_toml(&read("cambist-plugin.toml")).unwrap();
        assert_eq!(manifest.name.as_deref(), Some("my-badge"));
        assert!(!cases_from_toml(&read("cases.toml")).unwrap().is_empty());
        let cargo: toml::Table = read("Cargo.toml").parse().unwrap();
        let guest = cargo["dependencies"]["cambist-guest"]["path"].as_str();
        assert!(Path::new(guest.unwrap()).join("Cargo.toml").is_file());
        let again = create(parent.path(), "my-badge", None);
        assert!(matches!(again, Err(PluginError::Exists(_))));
        for name in ["", "1a", "../up", "a_b", "Badge"] {
            let refused = create(parent.path(), name, None);
            assert!(matches!(refused, Err(PluginError::Name(_))), "{name}");
        }
    }
}
