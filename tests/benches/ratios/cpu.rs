//! CPU time: of this thread, of threads by name, of other processes.

use std::{fs, io};

use rustix::{
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// Puts this process, and all it starts, on one CPU.
pub(crate) fn pin_to_one() -> io::Result<()> {
    let mut one = CpuSet::new();
    one.set(0);
    sched_setaffinity(None, &one)?;
    Ok(())
}

/// CPU time of the calling thread in microseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of one run fit a double"
)]
pub(crate) fn thread_micros() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// The median over nine runs of the CPU microseconds of one `work`, which is repeated `count` times a run.
pub(crate) fn median_micros(count: u32, mut work: impl FnMut()) -> f64 {
    work();
    let mut runs: Vec<f64> = (0..9)
        .map(|_| {
            let began = thread_micros();
            for _ in 0..count {
                work();
            }
            (thread_micros() - began) / f64::from(count)
        })
        .collect();
    median(&mut runs)
}

/// The same of one `work` that a runtime drives, without what entering the runtime costs.
pub(crate) fn median_driven_micros<W: Future>(
    runtime: &tokio::runtime::Runtime,
    count: u32,
    work: impl Fn() -> W,
) -> f64 {
    runtime.block_on(async {
        drop(work().await);
        let mut runs = Vec::new();
        for _ in 0..9 {
            let began = thread_micros();
            for _ in 0..count {
                drop(work().await);
            }
            runs.push((thread_micros() - began) / f64::from(count));
        }
        median(&mut runs)
    })
}

/// The median.
pub(crate) fn median(runs: &mut [f64]) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

/// CPU microseconds so far of the threads of process `pid` whose name `is_counted`.
pub(crate) fn process_micros(pid: u32, is_counted: impl Fn(&str) -> bool) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0.0;
    };
    tasks
        .filter_map(Result::ok)
        .filter(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|name| is_counted(name.trim()))
        })
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok())
        .sum::<f64>()
        / 1e3
}

/// Whether a thread of this process belongs to the gateway and not to load or reference.
pub(crate) fn is_gateway(name: &str) -> bool {
    name.starts_with("worker-")
        || name.starts_with("background")
        || name.starts_with("sqlx-sqlite")
        || name == "audit"
        || name.starts_with("plugin-")
}
