//! Counts of recorded exchanges, by labels that come from closed sets only (AU-06).

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use crate::exposition::family;

type Labels = (&'static str, &'static str, &'static str);

/// Counters, updated by the audit writer and read when scraped; no request touches them.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<Labels, u64>>);

impl Counters {
    pub(super) fn add(&self, labels: Labels) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(labels).or_default() += 1;
    }

    /// The counters in the Prometheus text format.
    pub fn render(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        family(
            &mut text,
            "cambist_token_requests_total",
            "counter",
            "Exchanges by face, outcome and error.",
        );
        for ((face, outcome, error), count) in counts.iter() {
            let _ = writeln!(
                text,
                "cambist_token_requests_total{{face=\"{face}\",outcome=\"{outcome}\",error=\"{error}\"}} {count}"
            );
        }
        text
    }
}
