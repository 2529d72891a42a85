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

/// Of every component: with a small stack and room beside it, a guest need not ask for memory, which
/// would cost every call system calls.
const LINKING: &str = "-Clink-arg=-zstack-size=65536 -Clink-arg=--initial-memory=196608";

/// The example plugins and the tests' own, all built at once.
const GUESTS: [&str; 13] = [
    "api-key",
    "assertion-guest",
    "change-window",
    "claim-map",
    "custom-guest",
    "department-attributes",
    "echo-guest",
    "hostile-guest",
    "introspection",
    "legacy-ticket",
    "opening-hours",
    "paseto",
    "twin-guest",
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
    for path in ["example-plugins", "tests/guests"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    let guests = out.join("guests");
    let packages: Vec<&str> = GUESTS
        .iter()
        .flat_map(|package| ["--package", package])
        .collect();
    build(&workspace, &guests, &packages)?;
    for package in GUESTS {
        keep(&guests, &out, package, package)?;
    }
    // The next build writes the same file.
    let second = ["--package", "legacy-ticket", "--features", "second-edition"];
    build(&workspace, &guests, &second)?;
    keep(&guests, &out, "legacy-ticket", "legacy-ticket-second")?;
    println!("cargo::rustc-env=CAMBIST_GUESTS={}", out.display());
    Ok(())
}

/// Keeps a built component under a name of its own.
fn keep(guests: &Path, out: &Path, package: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let built = guests
        .join(TARGET)
        .join(PROFILE)
        .join(package.replace('-', "_"))
        .with_extension("wasm");
    std::fs::copy(&built, out.join(format!("{name}.wasm")))
        .map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(())
}

fn build(workspace: &Path, target_dir: &Path, packages: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(workspace)
        .args(["build", "--locked", "--profile", PROFILE, "--lib"])
        .args(["--target", TARGET])
        .args(packages)
        .arg("--target-dir")
        .arg(target_dir);
    // What the outer build was told about itself says nothing about this one.
    for name in [
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
    cargo.env("RUSTFLAGS", LINKING);
    let output = cargo.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!(
            "building the example plugins for {TARGET} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(())
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
