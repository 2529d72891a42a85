//! The child's side.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::ExitCode,
};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, nice, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use wasmtime::Engine;

use super::job::{Job, NOT_STARTED, OUT_OF_MEMORY, REFUSED, Task};
use crate::{PluginRejected, componentize::componentize, engine::config};

/// How much nicer than its parent a child is.
const NICE: i32 = 10;
/// No upload is larger.
const MAX_INPUT: u64 = 256 << 20;

/// What a program does when a [`PluginHost`](crate::PluginHost) has started it to compile, with the
/// arguments that followed `compile-plugin`. It first limits **this process** for good, then reads
/// standard input to its end, and writes native code to standard output or the reason why not to standard
/// error.
pub fn compile_child(arguments: &[OsString]) -> ExitCode {
    let Some(job) = Job::parse(arguments) else {
        return failed(NOT_STARTED, "the arguments are another version's");
    };
    if let Err(error) = confine(&job) {
        return failed(
            NOT_STARTED,
            &format!("the limits cannot be set: {}", io::Error::from(error)),
        );
    }
    let mut input = Vec::new();
    if let Err(error) = io::stdin().lock().take(MAX_INPUT).read_to_end(&mut input) {
        return failed(
            NOT_STARTED,
            &format!("standard input cannot be read: {error}"),
        );
    }
    match work(job.task, &input) {
        Ok(output) => {
            let mut out = io::stdout().lock();
            // A parent that does not listen any more has no use for a reason either.
            match out.write_all(&output).and_then(|()| out.flush()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(NOT_STARTED),
            }
        }
        Err(PluginRejected::Compile(reason)) => failed(REFUSED, &reason),
        Err(PluginRejected::TooMuchMemory { .. }) => ExitCode::from(OUT_OF_MEMORY),
        Err(other) => failed(REFUSED, &other.to_string()),
    }
}

fn work(task: Task, input: &[u8]) -> Result<Vec<u8>, PluginRejected> {
    match task {
        Task::Compile => Engine::new(&config())
            .and_then(|engine| engine.precompile_component(input))
            .map_err(|error| {
                if error.is::<wasmtime::OutOfMemory>() {
                    PluginRejected::TooMuchMemory { limit: 0 }
                } else {
                    PluginRejected::Compile(format!("{error:#}"))
                }
            }),
        Task::Componentize => componentize(input),
    }
}

/// Bounds this process. Nothing that it does later can lift a bound again.
fn confine(job: &Job) -> rustix::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Whoever started this waits for it. Without them nobody does.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    nice(NICE)?;
    lower(Resource::Core, 0, 0)?;
    lower(Resource::As, job.memory_bytes, job.memory_bytes)?;
    // The signal of the first bound says what happened; the second is there in case it is blocked.
    lower(Resource::Cpu, job.seconds, job.seconds.saturating_add(2))
}

/// Lowers a limit; one that is lower already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let present = getrlimit(resource);
    let least = |wanted: u64, present: Option<u64>| Some(present.map_or(wanted, |p| p.min(wanted)));
    setrlimit(
        resource,
        Rlimit {
            current: least(soft, present.maximum),
            maximum: least(hard, present.maximum),
        },
    )
}

fn failed(code: u8, reason: &str) -> ExitCode {
    // With standard error gone the exit code has to do.
    let _ = io::stderr().write_all(reason.as_bytes());
    ExitCode::from(code)
}
