//! Plugins in the real host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod plugin_contract;
mod plugin_examples;
mod plugin_permission;
mod plugin_ticket;
mod plugin_twins;
mod plugin_warm_up;
mod plugin_workers;

use cambist_core::{Call, Timestamp};

/// When everything here happens.
const NOW: u64 = 1_896_317_200;

fn call() -> Call<'static> {
    Call {
        now: Timestamp(NOW),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [0; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    }
}
