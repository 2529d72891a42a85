//! The clock as it runs, for measuring. Tokens are judged by [`Call::now`](crate::Call::now).

use crate::imports;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    imports::now_ms()
}
