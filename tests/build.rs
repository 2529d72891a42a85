//! Builds the example plugins to components, as their authors would.

use std::{
    env,
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";

/// One component: the variable that names its file, the package, its features.
const GUESTS: [(&str, &str, &[&str]); 2] = [
    ("CAMBIST_GUEST_LEGACY_TICKET", "legacy-ticket", &[]),
    (
        "CAMBIST_GUEST_LEGACY_TICKET_SECOND",
        "legacy-ticket",
        &["second-edition"],
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?)
        .join("..")
        .canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    for path in ["wit", "guest-sdk/src", "guest-sdk/Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    need_target()?;
    for (name, package, features) in GUESTS {
        for path in ["src", "Cargo.toml"] {
            println!(
                "cargo::rerun-if-changed={}",
                workspace
                    .join("example-plugins")
                    .join(package)
                    .join(path)
                    .display()
            );
        }
        let built = build(&workspace, &out.join("guests"), package, features)?;
        // The next build with other features writes the same file.
        let kept = out.join(format!("{name}.wasm"));
        std::fs::copy(&built, &kept).map_err(|error| format!("{}: {error}", built.display()))?;
        println!("cargo::rustc-env={name}={}", kept.display());
    }
    Ok(())
}

fn build(
    workspace: &Path,
    target_dir: &Path,
    package: &str,
    features: &[&str],
) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--profile",
            PROFILE,
            "--lib",
            "--target",
            TARGET,
            "--package",
            package,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        .args(features.iter().flat_map(|feature| ["--features", feature]));
    // What the outer build was told about itself says nothing about this one.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_outer_package(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!(
            "building {package} for {TARGET} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(target_dir
        .join(TARGET)
        .join(PROFILE)
        .join(package.replace('-', "_"))
        .with_extension("wasm"))
}

fn is_of_outer_package(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| {
        [
            "CARGO_PKG_",
            "CARGO_CFG_",
            "CARGO_FEATURE_",
            "CARGO_MANIFEST_",
            "CARGO_PROFILE_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    })
}

/// The standard library of the plugins' target, installed if rustup is there to do it.
fn need_target() -> Result<(), Box<dyn Error>> {
    let sysroot = Command::new(variable("RUSTC")?)
        .args(["--print", "sysroot"])
        .output()?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout)?.trim());
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    println!(
        "cargo::warning=the Rust target {TARGET} is missing: running `rustup target add {TARGET}`"
    );
    match Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!(
            "the example plugins need the Rust target {TARGET}; run `rustup target add {TARGET}`"
        )
        .into()),
    }
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("{name} is not set"))
}
