use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;

/// A program that misbehaves, in a way that the time it is given tells.
const PROGRAM: &str = r#"#!/bin/sh
case "$2" in
  1) exec sleep 600 ;;
  2) while :; do echo 0123456789abcdef; done ;;
  3) printf 'too \033[31mred\n' >&2; exit 10 ;;
  4) exit 11 ;;
  5) echo "other version" >&2; exit 12 ;;
  6) kill -XCPU $$ ;;
  7) echo "memory allocation of 12 bytes failed" >&2; kill -ABRT $$ ;;
  8) while :; do echo complaint; done >&2 & sleep 1; kill $!; exit 101 ;;
  9) exec >&-; exec sleep 600 ;;
  10) cat; echo "$1,$3,$4,$#,$HOME,$(pwd)" ;;
esac
"#;

static SCRIPT: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    fs::write(&path, PROGRAM).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    (directory, path)
});

fn limits(seconds: u64) -> CompilerLimits {
    CompilerLimits {
        time: Duration::from_secs(seconds),
        memory_bytes: 1 << 30,
        code_bytes: 1 << 20,
    }
}

fn run(program: &Path, seconds: u64, input: &[u8]) -> Result<Vec<u8>, PluginRejected> {
    let limits = limits(seconds);
    let job = Job::new(Task::Compile, &limits);
    process::run_until(
        program,
        &limits,
        &job,
        input,
        Instant::now() + Duration::from_secs(2),
    )
}

fn misbehaving(way: u64) -> PluginRejected {
    run(&SCRIPT.1, way, b"abc").unwrap_err()
}

#[test]
fn every_end_of_a_child_has_a_name() {
    assert_eq!(
        misbehaving(3),
        PluginRejected::Compile("too  [31mred".to_owned())
    );
    let limit = 1 << 30;
    assert_eq!(misbehaving(4), PluginRejected::TooMuchMemory { limit });
    assert_eq!(
        misbehaving(5),
        PluginRejected::CompilerMissing("other version".to_owned())
    );
    let limit = Duration::from_secs(6);
    assert_eq!(misbehaving(6), PluginRejected::TooSlow { limit });
    let limit = 1 << 30;
    assert_eq!(misbehaving(7), PluginRejected::TooMuchMemory { limit });
    match misbehaving(8) {
        PluginRejected::CompilerFailed(text) => {
            assert!(text.contains("101") && text.contains("complaint"), "{text}");
            assert!(text.len() < 5000, "{}", text.len());
        }
        other => panic!("{other}"),
    }
    let missing = run(Path::new("/nowhere/cambist"), 1, b"").unwrap_err();
    assert!(matches!(missing, PluginRejected::CompilerMissing(text) if text.contains("/nowhere")));
}

#[test]
fn wa_11_a_child_that_does_not_end_is_killed() {
    for way in [1, 9] {
        let started = Instant::now();
        let limit = Duration::from_secs(way);
        assert_eq!(misbehaving(way), PluginRejected::TooSlow { limit });
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    let started = Instant::now();
    assert!(matches!(
        misbehaving(2),
        PluginRejected::TooComplex {
            what: "bytes of native code",
            ..
        }
    ));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_child_is_told_its_job_and_nothing_else() {
    let input = vec![b'x'; 300_000];
    let output = run(&SCRIPT.1, 10, &input).unwrap();
    let (echo, rest) = output.split_at(input.len());
    assert_eq!(echo, input);
    assert_eq!(
        String::from_utf8_lossy(rest),
        "compile-plugin,1073741824,compile,4,,/\n"
    );
    // One that reads nothing of a long input is no trouble.
    assert!(run(&SCRIPT.1, 4, &vec![0; 1 << 20]).is_err());
}

#[test]
fn a_job_survives_its_command_line() {
    for task in [Task::Compile, Task::Componentize] {
        let job = Job::new(task, &limits(3));
        let arguments: Vec<OsString> = job.arguments().into_iter().map(Into::into).collect();
        assert_eq!(Job::parse(&arguments), Some(job));
        assert_eq!(Job::parse(&arguments[1..]), None);
    }
    let job = Job::new(
        Task::Componentize,
        &CompilerLimits {
            time: Duration::from_millis(1),
            ..limits(0)
        },
    );
    assert_eq!(job.seconds, 1);
    assert_eq!(
        Job::parse(&["-1", "1", "componentize"].map(Into::into)),
        None
    );
}
