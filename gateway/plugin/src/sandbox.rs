//! One sandbox: what a guest runs in for one call.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

use crate::{
    HostLimits,
    limits::{ANSWER_BYTES, CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES},
};

/// The host's side of a sandbox: bounds, and no capability.
pub(crate) struct Sandbox {
    limits: StoreLimits,
}

impl Sandbox {
    /// A fresh store with every bound in place, before any code of the guest can run.
    pub(crate) fn store(engine: &Engine, limits: &HostLimits) -> Store<Self> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .memories(MEMORIES as usize)
            .instances(CORE_INSTANCES as usize)
            .tables(TABLES as usize)
            .table_elements(TABLE_ELEMENTS)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(engine, Self { limits });
        store.limiter(|sandbox| &mut sandbox.limits);
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

/// Drives a guest's future on this thread for at most `limit`. For uploads, which run on threads that
/// may block.
pub(crate) fn drive<T>(future: impl Future<Output = T>, limit: Duration) -> Option<T> {
    let started = Instant::now();
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return Some(output),
            Poll::Pending if started.elapsed() >= limit => return None,
            Poll::Pending => thread::yield_now(),
        }
    }
}

/// x
pub struct SecretHandle;
/// x
pub struct KeyHandle;
