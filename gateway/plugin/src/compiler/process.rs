//! The parent's side: starts a child, feeds it, and waits no longer than allowed.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{
    CompilerLimits,
    job::{COMMAND, Job, NOT_STARTED, OUT_OF_MEMORY, REFUSED},
};
use crate::PluginRejected;

/// Bytes read of what a child says of a failure.
const MAX_REASON: u64 = 4 << 10;
/// Beyond twice the processor time: for a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a child that has closed its output is asked whether it ended.
const PAUSE: Duration = Duration::from_millis(1);
/// Stack of the threads that move bytes.
const STACK: usize = 128 << 10;

/// Runs one job to its end.
pub(super) fn run(
    program: &Path,
    limits: &CompilerLimits,
    job: &Job,
    input: &[u8],
) -> Result<Vec<u8>, PluginRejected> {
    let wait = limits.time.saturating_mul(2).saturating_add(PATIENCE);
    run_until(program, limits, job, input, Instant::now() + wait)
}

/// The same, until `deadline`.
pub(super) fn run_until(
    program: &Path,
    limits: &CompilerLimits,
    job: &Job,
    input: &[u8],
    deadline: Instant,
) -> Result<Vec<u8>, PluginRejected> {
    let mut worker = Worker::start(program, job)?;
    let (end, said) = worker.exchange(input, limits.code_bytes, deadline)?;
    match end {
        End::Complete { status, output } => judge(status, limits, &said, output),
        End::Late => Err(PluginRejected::TooSlow { limit: limits.time }),
        End::TooLong => Err(PluginRejected::TooComplex {
            what: "bytes of native code",
            found: limits.code_bytes as u64 + 1,
            limit: limits.code_bytes as u64,
        }),
    }
}

fn judge(
    status: ExitStatus,
    limits: &CompilerLimits,
    said: &str,
    output: Vec<u8>,
) -> Result<Vec<u8>, PluginRejected> {
    let too_much_memory = PluginRejected::TooMuchMemory {
        limit: limits.memory_bytes,
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match (code, status.signal()) {
        (Some(0), _) => Ok(output),
        (Some(REFUSED), _) => Err(PluginRejected::Compile(said.to_owned())),
        (Some(OUT_OF_MEMORY), _) => Err(too_much_memory),
        (Some(NOT_STARTED), _) => Err(PluginRejected::CompilerMissing(said.to_owned())),
        (_, Some(signal)) if signal == Signal::XCPU.as_raw() => {
            Err(PluginRejected::TooSlow { limit: limits.time })
        }
        // What the standard library says before it aborts for want of memory.
        (_, Some(signal))
            if signal == Signal::ABORT.as_raw() && said.contains("memory allocation of") =>
        {
            Err(too_much_memory)
        }
        _ => Err(PluginRejected::CompilerFailed(format!("{status}: {said}"))),
    }
}

/// How a child ended.
enum End {
    /// By itself.
    Complete { status: ExitStatus, output: Vec<u8> },
    /// It was killed, being late.
    Late,
    /// It was killed, having said too much.
    TooLong,
}

/// A started child. It does not outlive this.
struct Worker {
    child: Child,
}

impl Worker {
    fn start(program: &Path, job: &Job) -> Result<Self, PluginRejected> {
        Command::new(program)
            .arg(COMMAND)
            .args(job.arguments())
            .env_clear()
            .current_dir("/")
            // What a terminal sends to the gateway is not meant for its children.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(|child| Self { child })
            .map_err(|error| {
                PluginRejected::CompilerMissing(format!("{}: {error}", program.display()))
            })
    }

    /// Feeds the child and takes what it says. A child that is late or says too much is killed.
    fn exchange(
        &mut self,
        input: &[u8],
        limit: usize,
        deadline: Instant,
    ) -> Result<(End, String), PluginRejected> {
        let (Some(stdin), Some(stdout), Some(stderr)) = (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        ) else {
            return Err(broken(io::ErrorKind::BrokenPipe.into()));
        };
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            let threads = (|| {
                let builder = || thread::Builder::new().stack_size(STACK);
                builder().spawn_scoped(scope, move || feed(stdin, input))?;
                builder().spawn_scoped(scope, move || take(stdout, limit, &sender))?;
                builder().spawn_scoped(scope, move || listen(stderr))
            })();
            let output = match &threads {
                Ok(_) => receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                Err(_) => Err(RecvTimeoutError::Disconnected),
            };
            // Whatever comes: once the child is gone its pipes end their threads, for which the scope waits.
            let end = match output {
                Ok(Ok(bytes)) if bytes.len() > limit => Ok(End::TooLong),
                Ok(Ok(output)) => self.ended(deadline).map(|status| match status {
                    Some(status) => End::Complete { status, output },
                    None => End::Late,
                }),
                Ok(Err(error)) => Err(error),
                Err(RecvTimeoutError::Timeout) => Ok(End::Late),
                Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
            };
            self.kill();
            let said = threads.map_err(broken)?.join().unwrap_or_default();
            Ok((end.map_err(broken)?, said))
        })
    }

    /// Waits for a child that has closed its output. None if it stays.
    fn ended(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Kills the child and whatever it may have started.
    fn kill(&mut self) {
        // One that has ended and was waited for has no number any more, and another may have it.
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                // Gone already is as good.
                let _ = kill_process_group(group, Signal::KILL);
            }
            drop(self.child.kill());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        drop(self.child.wait());
    }
}

/// A child that ends early leaves the rest unread, which is for its exit code to explain.
fn feed(mut stdin: impl Write, input: &[u8]) {
    drop(stdin.write_all(input).and_then(|()| stdin.flush()));
}

/// Sends what comes, or `limit` bytes and one more.
fn take(stdout: impl Read, limit: usize, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut output = Vec::new();
    let read = stdout.take(limit as u64 + 1).read_to_end(&mut output);
    // Nobody listens once the time is over.
    drop(sender.send(read.map(|_| output)));
}

/// The beginning of what comes, in printable characters; the rest is read so that nobody waits.
fn listen(mut stderr: impl Read) -> String {
    let mut said = Vec::new();
    drop(stderr.by_ref().take(MAX_REASON).read_to_end(&mut said));
    drop(io::copy(&mut stderr, &mut io::sink()));
    let printable = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    String::from_utf8_lossy(&said)
        .trim()
        .chars()
        .map(printable)
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn broken(error: io::Error) -> PluginRejected {
    PluginRejected::CompilerFailed(error.to_string())
}
