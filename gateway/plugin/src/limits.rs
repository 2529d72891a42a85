//! What one host grants its plugins in space and time.

use std::time::Duration;

/// Bounds of one [`PluginHost`](crate::PluginHost). Every sandbox gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// The largest component taken at upload, in bytes.
    pub component_bytes: usize,
    /// Calls that may run at once; further ones wait.
    pub concurrent_calls: u32,
    /// Sandboxes kept without running: made ahead, or for further calls.
    pub idle_sandboxes: u32,
    /// How long a call may wait for its turn before it is turned away as overload.
    pub turn_wait: Duration,
    /// How long one call may take, from a fresh sandbox to its answer.
    pub call_time: Duration,
    /// How much longer a call may take if it may send requests.
    pub outside_time: Duration,
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
        }
    }
}

/// Core instances in one component: a Rust component has four to six.
pub(crate) const CORE_INSTANCES: u32 = 32;
/// Tables in one component.
pub(crate) const TABLES: u32 = 4;
/// Linear memories in one component.
pub(crate) const MEMORIES: u32 = 1;
/// Elements of one table.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
/// Bytes that may cross from one sandbox to the host in a single call.
pub(crate) const ANSWER_BYTES: usize = 1 << 20;
