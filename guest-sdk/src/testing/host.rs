use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// Runs the golden cases of the plugin in `project` in the gateway's own sandbox: `cambist plugin test`,
/// with the program that the variable `CAMBIST` names, else `cambist`. Panics with what it said if a case
/// fails.
///
/// ```no_run
/// cambist_guest::testing::in_the_host(env!("CARGO_MANIFEST_DIR"));
/// ```
#[track_caller]
pub fn in_the_host(project: impl AsRef<Path>) {
    let program = env::var_os("CAMBIST").unwrap_or_else(|| "cambist".into());
    if let Err(said) = golden_cases(&program, project.as_ref()) {
        panic!("{said}");
    }
}

pub(super) fn golden_cases(program: &OsStr, project: &Path) -> Result<(), String> {
    let output = Command::new(program)
        .args(["plugin", "test"])
        .arg(project)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            format!(
                "{} does not start ({error}): set CAMBIST to the gateway's program",
                program.display()
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the golden cases failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
