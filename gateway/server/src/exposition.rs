//! The text format of Prometheus.

use std::fmt::Write as _;

/// Begins a metric: what it counts, and whether it is a `counter`, a `gauge` or a `histogram`.
pub(crate) fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
