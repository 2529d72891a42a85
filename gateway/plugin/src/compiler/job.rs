//! What a child is told on its command line, and what its exit code says.

use std::{ffi::OsString, time::Duration};

use super::CompilerLimits;

/// The first argument: which of the program's faces is meant.
pub(super) const COMMAND: &str = "compile-plugin";

/// Exit code: the component is at fault; standard error says how.
pub(super) const REFUSED: u8 = 10;
/// Exit code: the memory is used up.
pub(super) const OUT_OF_MEMORY: u8 = 11;
/// Exit code: the child could not begin; standard error says why.
pub(super) const NOT_STARTED: u8 = 12;

/// What is to be done with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// A component to native code.
    Compile,
    /// A core module to a component.
    Componentize,
}

/// A task and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) task: Task,
    /// Seconds of processor time.
    pub(super) seconds: u64,
    /// Bytes of address space.
    pub(super) memory_bytes: u64,
}

impl Job {
    pub(super) fn new(task: Task, limits: &CompilerLimits) -> Self {
        Self {
            task,
            seconds: whole_seconds(limits.time),
            memory_bytes: limits.memory_bytes,
        }
    }

    /// The arguments behind [`COMMAND`].
    pub(super) fn arguments(&self) -> Vec<String> {
        let task = match self.task {
            Task::Compile => "compile",
            Task::Componentize => "componentize",
        };
        vec![
            self.seconds.to_string(),
            self.memory_bytes.to_string(),
            task.to_owned(),
        ]
    }

    /// Reads what [`arguments`](Self::arguments) wrote.
    pub(super) fn parse(arguments: &[OsString]) -> Option<Self> {
        let arguments: Vec<&str> = arguments
            .iter()
            .map(|argument| argument.to_str())
            .collect::<Option<_>>()?;
        let (seconds, memory_bytes, task) = match arguments.as_slice() {
            [seconds, memory, "compile"] => (seconds, memory, Task::Compile),
            [seconds, memory, "componentize"] => (seconds, memory, Task::Componentize),
            _ => return None,
        };
        Some(Self {
            task,
            seconds: seconds.parse().ok()?,
            memory_bytes: memory_bytes.parse().ok()?,
        })
    }
}

/// The kernel counts processor time in whole seconds, and takes none for a reason to kill at once.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0))
        .max(1)
}
