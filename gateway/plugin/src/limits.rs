//! What one host grants its plugins in space and time.
//!
//! There are two classes. What a compiler makes of a language without a runtime is **light**: many small
//! sandboxes (of two kinds, which differ in how a used memory is cleared). An interpreter with its library inside, as components of JavaScript and Python are, is
//! **heavy**: a few large ones, which exist once the first such component has come.

use std::time::Duration;

use crate::scan::Wants;

/// Bounds of one [`PluginHost`](crate::PluginHost). Every sandbox of a class gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// The largest light component, in bytes. A larger one is heavy.
    pub component_bytes: usize,
    /// Calls of light plugins that may run at once; further ones wait.
    pub concurrent_calls: u32,
    /// Light sandboxes kept without running: made ahead, or for further calls.
    pub idle_sandboxes: u32,
    /// How long a call may wait for its turn before it is turned away as overload.
    pub turn_wait: Duration,
    /// How long one call may take, from a fresh sandbox to its answer.
    pub call_time: Duration,
    /// How much longer a call may take if it may send requests.
    pub outside_time: Duration,
    /// Linear memory of one light sandbox, in bytes. A component that begins with more is heavy.
    pub memory_bytes: usize,
    /// What heavy plugins get instead.
    pub heavy: HeavyLimits,
}

/// Bounds of heavy plugins, where they differ. A bound below that of light plugins counts as equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeavyLimits {
    /// The largest component taken at upload, in bytes.
    pub component_bytes: usize,
    /// Calls that may run at once; further ones wait.
    pub concurrent_calls: u32,
    /// Sandboxes kept without running: made ahead, or for further calls.
    pub idle_sandboxes: u32,
    /// Linear memory of one sandbox, in bytes.
    pub memory_bytes: usize,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            component_bytes: 4 << 20,
            concurrent_calls: 64,
            idle_sandboxes: 32,
            turn_wait: Duration::from_millis(100),
            call_time: Duration::from_millis(100),
            outside_time: Duration::from_secs(3),
            memory_bytes: 32 << 20,
            heavy: HeavyLimits::default(),
        }
    }
}

impl Default for HeavyLimits {
    fn default() -> Self {
        Self {
            component_bytes: 32 << 20,
            concurrent_calls: 16,
            idle_sandboxes: 8,
            memory_bytes: 128 << 20,
        }
    }
}

/// Which sandboxes a component runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Light, and begins with so little memory that all of it is wiped after a call.
    Small,
    Light,
    Heavy,
}

/// The bounds of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassLimits {
    pub(crate) concurrent_calls: u32,
    pub(crate) idle_sandboxes: u32,
    pub(crate) turn_wait: Duration,
    pub(crate) call_time: Duration,
    pub(crate) outside_time: Duration,
    pub(crate) memory_bytes: usize,
    /// Core instances in one component.
    pub(crate) core_instances: u32,
    /// Tables in one component.
    pub(crate) tables: u32,
    /// Elements of one table.
    pub(crate) table_elements: usize,
    /// Bytes of a used memory that are wiped in place and stay warm.
    pub(crate) resident_bytes: usize,
    /// Whether the kernel is asked which pages a call wrote, so that only those are wiped: a system call,
    /// which wiping a small memory whole does without.
    pub(crate) seeks_written_pages: bool,
    /// Unused slots that stay warm.
    pub(crate) warm_slots: u32,
}

impl HostLimits {
    /// The bounds of one class.
    pub(crate) fn of(&self, class: Class) -> ClassLimits {
        let light = ClassLimits {
            concurrent_calls: self.concurrent_calls,
            idle_sandboxes: self.idle_sandboxes,
            turn_wait: self.turn_wait,
            call_time: self.call_time,
            outside_time: self.outside_time,
            memory_bytes: self.memory_bytes,
            core_instances: CORE_INSTANCES,
            tables: TABLES,
            table_elements: TABLE_ELEMENTS,
            resident_bytes: SMALL_MEMORY,
            seeks_written_pages: true,
            warm_slots: 16,
        };
        match class {
            Class::Small => ClassLimits {
                seeks_written_pages: false,
                ..light
            },
            Class::Light => light,
            Class::Heavy => ClassLimits {
                concurrent_calls: self.heavy.concurrent_calls,
                idle_sandboxes: self.heavy.idle_sandboxes,
                memory_bytes: self.heavy.memory_bytes.max(self.memory_bytes),
                core_instances: 2 * CORE_INSTANCES,
                tables: 2 * TABLES,
                // An interpreter touches a megabyte in a call, wherever in its memory that is. The kernel
                // says which pages were touched, so that only those are wiped.
                resident_bytes: 16 << 20,
                warm_slots: 4,
                ..light
            },
        }
    }

    /// The class of a component of so many bytes that wants this.
    pub(crate) fn class(&self, bytes: usize, wants: &Wants) -> Class {
        let light = self.of(Class::Light);
        let fits = bytes <= self.component_bytes
            && wants.core_instances <= u64::from(light.core_instances)
            && wants.tables <= u64::from(light.tables)
            && wants.table_elements <= light.table_elements as u64
            && wants.memory_bytes <= light.memory_bytes as u64;
        if !fits {
            Class::Heavy
        } else if wants.memory_bytes <= SMALL_MEMORY as u64 {
            Class::Small
        } else {
            Class::Light
        }
    }

    /// The largest component taken at upload, in bytes.
    pub(crate) fn largest_component(&self) -> usize {
        self.component_bytes.max(self.heavy.component_bytes)
    }
}

/// Core instances in one light component: a Rust component has four to six, one of Python 38.
const CORE_INSTANCES: u32 = 32;
/// Tables in one light component.
const TABLES: u32 = 4;
/// Linear memories in one component.
pub(crate) const MEMORIES: u32 = 1;
/// Bytes of memory that a small component begins with at most; `cambist plugin build` gives one less.
const SMALL_MEMORY: usize = 256 << 10;
/// Elements of one table. Interpreters have up to 8,000.
const TABLE_ELEMENTS: usize = 20_000;
/// Bytes that may cross from one sandbox to the host in a single call.
pub(crate) const ANSWER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const LIGHT: Wants = Wants {
        core_instances: 6,
        tables: 1,
        table_elements: 100,
        memory_bytes: 1 << 20,
    };

    #[test]
    fn interpreters_are_heavy() {
        let limits = HostLimits::default();
        assert_eq!(limits.class(80 << 10, &LIGHT), Class::Light);
        let small = Wants {
            memory_bytes: 256 << 10,
            ..LIGHT
        };
        assert_eq!(limits.class(80 << 10, &small), Class::Small);
        // JavaScript.
        assert_eq!(limits.class(12 << 20, &LIGHT), Class::Heavy);
        for wants in [
            // Python.
            Wants {
                core_instances: 38,
                ..LIGHT
            },
            Wants { tables: 5, ..LIGHT },
            Wants {
                table_elements: 20_001,
                ..LIGHT
            },
            Wants {
                memory_bytes: (32 << 20) + 1,
                ..LIGHT
            },
        ] {
            assert_eq!(limits.class(80 << 10, &wants), Class::Heavy, "{wants:?}");
        }
    }

    #[test]
    fn heavy_sandboxes_are_never_the_smaller_ones() {
        let limits = HostLimits {
            memory_bytes: 256 << 20,
            component_bytes: 64 << 20,
            ..HostLimits::default()
        };
        assert_eq!(limits.of(Class::Heavy).memory_bytes, 256 << 20);
        assert_eq!(limits.largest_component(), 64 << 20);
    }
}
