//! The engine, and the clock that interrupts guests.

use std::{io, thread, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy,
};

use crate::{
    HostLimits,
    limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES},
};

/// How often running guests are interrupted. They let other tasks run then, which is also when their
/// deadline is looked at.
const TICK: Duration = Duration::from_millis(2);

/// Stack of a guest's own code, in bytes.
const WASM_STACK: usize = 512 << 10;

/// An engine whose sandboxes are slots of one preallocated pool; without the address space for it, they
/// are made on demand, which is slower and otherwise the same.
pub(crate) fn engine(limits: &HostLimits) -> wasmtime::Result<Engine> {
    let mut config = config(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    Engine::new(&config).or_else(|refused| {
        tracing::warn!(reason = %format_args!("{refused:#}"), "no address space for a pool of plugin sandboxes, making them on demand");
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })
}

fn config(limits: &HostLimits) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Time: every loop and every call of a guest looks at the epoch.
        .epoch_interruption(true)
        // Space. A reservation of exactly the limit keeps bounds checks explicit, which are the ones
        // compiled with a defence against speculation.
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK)
        .async_stack_zeroing(true)
        .memory_reservation(limits.memory_bytes as u64)
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

fn pool(limits: &HostLimits) -> PoolingAllocationConfig {
    // One slot more, for the trial of an upload.
    let sandboxes = limits
        .concurrent_calls
        .saturating_add(limits.idle_sandboxes)
        .saturating_add(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(sandboxes)
        .total_core_instances(sandboxes.saturating_mul(CORE_INSTANCES))
        .total_memories(sandboxes.saturating_mul(MEMORIES))
        .total_tables(sandboxes.saturating_mul(TABLES))
        .total_stacks(sandboxes)
        .max_memory_size(limits.memory_bytes)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .table_elements(TABLE_ELEMENTS)
        // A used slot is wiped in place and stays warm up to these sizes, without system calls.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(16)
        .decommit_batch_size(8)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Moves the engine's epoch until the engine is gone. A thread of its own: a task would stand still
/// together with the threads it is meant to interrupt.
pub(crate) fn tick(engine: &Engine) -> io::Result<()> {
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
