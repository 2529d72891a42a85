//! The engine, and the clock that interrupts guests.

use std::{io, sync::OnceLock, thread, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy,
};

use crate::{
    HostError, HostLimits,
    limits::{Class, ClassLimits, MEMORIES},
};

/// How often running guests are interrupted. They let other tasks run then, which is also when their
/// deadline is looked at.
const TICK: Duration = Duration::from_millis(2);

/// Stack of a guest's own code, in bytes.
const WASM_STACK: usize = 512 << 10;

/// Address space around each linear memory, in bytes: all that an index of 32 bits can reach. What lies beyond
/// the memory is inaccessible, so code needs no check before it reads or writes, and speculation finds no check
/// to run past and nothing of anybody else in reach. Interpreters run a fifth faster than with checks.
const RESERVATION: u64 = 4 << 30;

/// The engine of each class.
pub(crate) struct Engines {
    limits: HostLimits,
    /// Each is made when the first component of its class comes: many hosts never see one, and need no thread
    /// that wakes up for it.
    small: OnceLock<Engine>,
    light: OnceLock<Engine>,
    heavy: OnceLock<Engine>,
}

impl Engines {
    /// No engine yet.
    pub(crate) const fn new(limits: HostLimits) -> Self {
        Self {
            limits,
            small: OnceLock::new(),
            light: OnceLock::new(),
            heavy: OnceLock::new(),
        }
    }

    /// The engine of a class, started now if it is the first time that it is needed.
    pub(crate) fn of(&self, class: Class) -> Result<&Engine, HostError> {
        let engine = match class {
            Class::Small => &self.small,
            Class::Light => &self.light,
            Class::Heavy => &self.heavy,
        };
        if let Some(engine) = engine.get() {
            return Ok(engine);
        }
        // Of two that come here at once, one is dropped, and its thread ends.
        let started = start(&self.limits.of(class))?;
        Ok(engine.get_or_init(|| started))
    }
}

fn start(limits: &ClassLimits) -> Result<Engine, HostError> {
    let engine = engine(limits).map_err(|error| HostError::Engine(format!("{error:#}")))?;
    tick(&engine).map_err(|error| HostError::Ticker(error.to_string()))?;
    Ok(engine)
}

/// An engine whose sandboxes are slots of one preallocated pool; without the address space for it, they
/// are made on demand, which is slower and otherwise the same.
pub(crate) fn engine(limits: &ClassLimits) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    Engine::new(&config).or_else(|refused| {
        tracing::warn!(reason = %format_args!("{refused:#}"), "no address space for a pool of plugin sandboxes, making them on demand");
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })
}

/// Everything that the compiler and the engine that runs its code must agree about.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Time: every loop and every call of a guest looks at the epoch.
        .epoch_interruption(true)
        // Space.
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK)
        // A guest reads nothing of its stack that it did not write, so wiping it guards against faults of
        // the compiler only, for 64 KiB of writes and a share of a system call with every sandbox.
        .async_stack_zeroing(false)
        .memory_reservation(RESERVATION)
        .memory_guard_size(32 << 20)
        .memory_may_move(false)
        .memory_init_cow(true)
        // What a token plugin never needs is not there to be attacked.
        .shared_memory(false)
        .gc_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .concurrency_support(false);
    config
}

fn pool(limits: &ClassLimits) -> PoolingAllocationConfig {
    // One slot more, for the trial of an upload.
    let sandboxes = limits
        .concurrent_calls
        .saturating_add(limits.idle_sandboxes)
        .saturating_add(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(sandboxes)
        .total_core_instances(sandboxes.saturating_mul(limits.core_instances))
        .total_memories(sandboxes.saturating_mul(MEMORIES))
        .total_tables(sandboxes.saturating_mul(limits.tables))
        .total_stacks(sandboxes)
        .max_memory_size(limits.memory_bytes)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(limits.tables)
        .max_tables_per_module(limits.tables)
        .max_core_instances_per_component(limits.core_instances)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .table_elements(limits.table_elements)
        // A used slot is wiped in place and stays warm up to these sizes, without system calls.
        .linear_memory_keep_resident(limits.resident_bytes)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(limits.warm_slots)
        // Usually nothing has to be given back, and only without a batch that makes a slot free at once, for
        // the next call to find it warm.
        .decommit_batch_size(1)
        .pagemap_scan(if limits.seeks_written_pages {
            Enabled::Auto
        } else {
            Enabled::No
        });
    pool
}

/// Moves the engine's epoch until the engine is gone. A thread of its own: a task would stand still
/// together with the threads it is meant to interrupt.
fn tick(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("plugin-epoch".to_owned())
        .stack_size(64 << 10)
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
    Ok(())
}
