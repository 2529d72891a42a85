//! What plugins cost and how they fare, for `/metrics`.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use crate::{
    exposition::family,
    listener::{Door, Seen, tls::Terminator},
    registry::Registry,
};

/// One line for each component in reach, in the text format of Prometheus. Names and digests hold no
/// character that would need quoting. Counters begin when a component is loaded.
pub(super) fn plugins(registry: &Registry) -> String {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, named) in registry.plugins.iter() {
        names.entry(named.plugin.digest()).or_default().push(name);
    }
    let counted: BTreeMap<&str, _> = registry
        .components
        .iter()
        .map(|(digest, plugin)| (digest.as_str(), plugin.counts()))
        .collect();
    let mut text = String::new();
    let mut metric = |metric: &str, help: &str, value: &dyn Fn(&cambist_plugin::Counts) -> u64| {
        family(&mut text, metric, "counter", help);
        for (digest, counts) in &counted {
            let name = names
                .get(digest)
                .and_then(|names| names.first())
                .unwrap_or(&"");
            let value = value(counts);
            let _ = writeln!(
                text,
                "{metric}{{plugin=\"{name}\",digest=\"{digest}\"}} {value}"
            );
        }
    };
    metric(
        "cambist_plugin_calls_total",
        "Calls of plugins.",
        &|counts| counts.calls,
    );
    metric(
        "cambist_plugin_failures_total",
        "Calls of plugins that ended in a trap, in time, or in nonsense.",
        &|counts| counts.failures,
    );
    text
}

/// Whether each listener uses the certificates that its files hold.
pub(super) fn certificates(terminators: &[Arc<Terminator>]) -> String {
    const METRIC: &str = "cambist_tls_last_reload_successful";
    let mut text = String::new();
    if terminators.is_empty() {
        return text;
    }
    family(
        &mut text,
        METRIC,
        "gauge",
        "Whether the listener uses the certificates its files hold.",
    );
    for terminator in terminators {
        let _ = writeln!(
            text,
            "{METRIC}{{listener=\"{}\"}} {}",
            terminator.name(),
            u8::from(terminator.is_current())
        );
    }
    text
}

/// Who is connected to each listener, and what came to nothing there. Names of listeners and reasons need no
/// quoting.
pub(super) fn listeners(doors: &[Arc<Door>]) -> String {
    const REFUSED: &str = "cambist_http_refused_total";
    let seen: Vec<_> = doors.iter().map(|door| (&door.name, door.seen())).collect();
    let mut text = String::new();
    let mut metric = |metric: &str, kind: &str, help: &str, value: fn(&Seen) -> u64| {
        family(&mut text, metric, kind, help);
        for (name, seen) in &seen {
            let value = value(seen);
            let _ = writeln!(text, "{metric}{{listener=\"{name}\"}} {value}");
        }
    };
    metric(
        "cambist_connections",
        "gauge",
        "Connections that are open.",
        |seen| seen.open,
    );
    metric(
        "cambist_connections_total",
        "counter",
        "Connections that were accepted.",
        |seen| seen.accepted,
    );
    metric(
        "cambist_connections_turned_away_total",
        "counter",
        "Connections that were one too many.",
        |seen| seen.turned_away,
    );
    metric(
        "cambist_tls_handshakes_failed_total",
        "counter",
        "Connections that ended in their TLS handshake.",
        |seen| seen.not_secured,
    );
    family(
        &mut text,
        REFUSED,
        "counter",
        "Requests that no face was shown, by reason.",
    );
    for (name, seen) in &seen {
        for (reason, count) in &seen.refused {
            let _ = writeln!(
                text,
                "{REFUSED}{{listener=\"{name}\",reason=\"{reason}\"}} {count}"
            );
        }
    }
    text
}
