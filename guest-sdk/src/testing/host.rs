use std::{env, path::Path, process::Command};

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
    let output = Command::new(&program)
        .args(["plugin", "test"])
        .arg(project.as_ref())
        .output();
    match output {
        Ok(output) => assert!(
            output.status.success(),
            "the golden cases failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!(
            "{} does not start ({error}): set CAMBIST to the gateway's program",
            Path::new(&program).display()
        ),
    }
}
