//! From a project's directory to a component that carries its manifest.

use std::{
    env,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use cambist_plugin::{
    Manifest,
    case::cases_from_toml,
    manifest::{Build, MANIFEST_BYTES, embed},
};
use serde_json::Value;

use super::PluginError;
use crate::store::component_digest;

const MANIFEST: &str = "cambist-plugin.toml";
const CASES: &str = "cases.toml";
const TARGET: &str = "wasm32-wasip2";
/// Most bytes of a file that is read as a component; what a gateway takes is less and its own affair.
const MAX_COMPONENT: u64 = 256 << 20;

/// For a project without a `.cargo/config.toml` of its own: a component that never has to grow its memory
/// starts faster.
const LINKING: &str = "target.wasm32-wasip2.rustflags=[\"-Clink-arg=-zstack-size=65536\", \"-Clink-arg=--initial-memory=196608\"]";

/// A built component.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) component: Vec<u8>,
    pub(super) name: String,
}

impl Built {
    pub(super) fn digest(&self) -> String {
        component_digest(&self.component)
    }
}

/// Builds the project in `directory`. What the build says goes to standard error.
pub(super) fn build(directory: &Path) -> Result<Built, PluginError> {
    let manifest = manifest(directory)?;
    let name = manifest.name.clone().ok_or(PluginError::NoName)?;
    let made = match &manifest.build {
        Some(build) => run_own(directory, build)?,
        None => run_cargo(directory)?,
    };
    let component = with_manifest(&made, &manifest)?;
    let target = directory.join("target");
    fs::create_dir_all(&target).map_err(|source| file_error("create", &target, source))?;
    let path = target.join(format!("{name}.wasm"));
    fs::write(&path, &component).map_err(|source| file_error("write", &path, source))?;
    Ok(Built {
        path,
        component,
        name,
    })
}

/// The manifest of a project with its golden cases.
fn manifest(directory: &Path) -> Result<Manifest, PluginError> {
    let path = directory.join(MANIFEST);
    if !path.is_file() {
        return Err(PluginError::NoProject(directory.to_owned()));
    }
    let wrong = |path: &Path, reason: String| PluginError::Manifest {
        path: path.to_owned(),
        reason,
    };
    let mut manifest = Manifest::from_toml(&text(&path)?)
        .map_err(|rejected| wrong(&path, rejected.to_string()))?;
    let cases = directory.join(CASES);
    if cases.is_file() {
        manifest.cases = cases_from_toml(&text(&cases)?).map_err(|reason| wrong(&cases, reason))?;
    }
    Ok(manifest)
}

/// The component in the file `made`, with the manifest inside.
fn with_manifest(made: &Path, manifest: &Manifest) -> Result<Vec<u8>, PluginError> {
    let shipped = Manifest {
        build: None,
        ..manifest.clone()
    };
    let json = serde_json::to_vec(&shipped).map_err(|error| PluginError::Manifest {
        path: made.to_owned(),
        reason: error.to_string(),
    })?;
    // What was merged of two files is held to the same rules as each.
    Manifest::from_json(&json)?;
    Ok(embed(&read(made)?, &shipped)?)
}

fn run_own(directory: &Path, build: &Build) -> Result<PathBuf, PluginError> {
    let Some((program, arguments)) = build.command.split_first() else {
        return Err(PluginError::Manifest {
            path: directory.join(MANIFEST),
            reason: "`build.command` is empty".to_owned(),
        });
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory);
    run(command, &build.command.join(" "), "")?;
    Ok(directory.join(&build.component))
}

fn run_cargo(directory: &Path) -> Result<PathBuf, PluginError> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(directory).args([
        "build",
        "--release",
        "--lib",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    if !directory.join(".cargo/config.toml").is_file() {
        command.args(["--config", LINKING]);
    }
    // They would replace the project's own, and are meant for this machine.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    let shown = format!("cargo build --release --target {TARGET}");
    let hint = "; if the target is missing: rustup target add wasm32-wasip2";
    let output = run(command, &shown, hint)?;
    artifact(&output.stdout, directory).ok_or(PluginError::NoComponent)
}

/// Runs it with its errors shown and its output taken.
fn run(mut command: Command, shown: &str, hint: &'static str) -> Result<Output, PluginError> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| PluginError::Command(shown.to_owned(), source))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(PluginError::Build {
            command: shown.to_owned(),
            hint,
        })
    }
}

/// The component among what cargo says it made for the package in `directory`.
fn artifact(messages: &[u8], directory: &Path) -> Option<PathBuf> {
    let own = directory.join("Cargo.toml").canonicalize().ok()?;
    let is_own = |message: &Value| {
        message.get("reason").and_then(Value::as_str) == Some("compiler-artifact")
            && message
                .get("manifest_path")
                .and_then(Value::as_str)
                .is_some_and(|path| Path::new(path) == own)
    };
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(is_own)
        .filter_map(|message| {
            let files = message.get("filenames")?.as_array()?;
            files
                .iter()
                .filter_map(Value::as_str)
                .find(|file| Path::new(file).extension().is_some_and(|end| end == "wasm"))
                .map(PathBuf::from)
        })
        .next_back()
}

/// A component's file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, PluginError> {
    bytes(path, MAX_COMPONENT)
}

fn text(path: &Path) -> Result<String, PluginError> {
    String::from_utf8(bytes(path, MANIFEST_BYTES as u64)?).map_err(|_| PluginError::Manifest {
        path: path.to_owned(),
        reason: "is not text".to_owned(),
    })
}

fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, PluginError> {
    let failed = |source| file_error("read", path, source);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(failed(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {limit} bytes"),
        )));
    }
    Ok(bytes)
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> PluginError {
    PluginError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cambist_plugin::manifest::manifest_in;

    fn project(manifest: &str, cases: Option<&str>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(MANIFEST), manifest).unwrap();
        fs::write(directory.path().join("empty.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
        if let Some(cases) = cases {
            fs::write(directory.path().join(CASES), cases).unwrap();
        }
        directory
    }

    const OWN: &str = "name = \"a\"\nversion = \"1.0.0\"\n[build]\ncommand = [\"cp\", \"empty.wasm\", \"made.wasm\"]\ncomponent = \"made.wasm\"\n";

    #[test]
    fn a_project_is_built_by_its_own_command_and_carries_manifest_and_cases() {
        let cases = "[[case]]\nname = \"good\"\ntoken = \"x\"\nexpect.ok = {}\n";
        let directory = project(OWN, Some(cases));
        let built = build(directory.path()).unwrap();
        assert_eq!(built.path, directory.path().join("target/a.wasm"));
        assert_eq!(read(&built.path).unwrap(), built.component);
        let json = manifest_in(&built.component).unwrap().unwrap();
        let shipped = Manifest::from_json(json).unwrap();
        assert_eq!((shipped.cases.len(), shipped.build), (1, None));
        assert_eq!(build(directory.path()).unwrap().digest(), built.digest());
    }

    #[test]
    fn what_is_wrong_with_a_project_is_named() {
        let failure = |manifest: &str, cases| match build(project(manifest, cases).path()) {
            Ok(_) => panic!("built"),
            Err(error) => error.to_string(),
        };
        assert!(failure("name = 1", None).contains("cambist-plugin.toml: the manifest"));
        assert!(failure("", None).contains("has no name"));
        assert!(failure(OWN, Some("[[case]]\nnme = 1")).contains("cases.toml: "));
        let failing = OWN.replace("\"cp\"", "\"false\"");
        assert!(failure(&failing, None).contains("`false empty.wasm made.wasm` failed"));
        let missing = OWN.replace("\"cp\"", "\"no-such-program-here\"");
        assert!(failure(&missing, None).contains("is it installed"));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(
            build(empty.path()),
            Err(PluginError::NoProject(_))
        ));
    }

    #[test]
    fn the_component_is_found_among_what_cargo_made() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("Cargo.toml");
        fs::write(&own, "").unwrap();
        let own = own.canonicalize().unwrap();
        let line = |reason: &str, manifest: &str, files: &str| {
            format!(r#"{{"reason":"{reason}","manifest_path":"{manifest}","filenames":[{files}]}}"#)
        };
        let messages = [
            line(
                "compiler-artifact",
                "/other/Cargo.toml",
                "\"/t/other.wasm\"",
            ),
            line(
                "compiler-artifact",
                own.to_str().unwrap(),
                "\"/t/a.rlib\", \"/t/a.wasm\"",
            ),
            "not JSON".to_owned(),
            line("build-finished", own.to_str().unwrap(), "\"/t/b.wasm\""),
        ]
        .join("\n");
        assert_eq!(
            artifact(messages.as_bytes(), directory.path()).unwrap(),
            Path::new("/t/a.wasm")
        );
    }
}
