//! The counters in the text format of Prometheus. Names of routes and endpoints hold no character that would
//! need quoting.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
};

use super::{BOUNDS, CLASSES, Counts, Durations, METHODS, Outcome, Source, answer_index};
use crate::{exposition::family, proxy::Route};

/// Everything about `routes`, and about requests that no route took, which are counted under no name.
/// Combinations that never occurred are left out.
pub(crate) fn render(routes: &BTreeMap<String, Arc<Route>>, unrouted: &Counts) -> String {
    let all: Vec<(&str, &Counts)> = std::iter::once(("", unrouted))
        .chain(
            routes
                .iter()
                .map(|(name, route)| (name.as_str(), &*route.counts)),
        )
        .collect();
    let mut text = String::new();
    answers(&mut text, &all);
    durations(
        &mut text,
        "cambist_http_request_duration_seconds",
        "Time until the head of the response, by route.",
        &all,
        |cells| &cells.durations,
    );
    durations(
        &mut text,
        "cambist_proxy_upstream_duration_seconds",
        "Time from sending to the upstream until the head of its response, by route.",
        &all,
        |cells| &cells.upstream,
    );
    rejected(&mut text, &all);
    exchanges(&mut text, &all, routes);
    endpoints(&mut text, routes);
    text
}

fn answers(text: &mut String, all: &[(&str, &Counts)]) {
    const NAME: &str = "cambist_http_requests_total";
    family(
        text,
        NAME,
        "counter",
        "Proxied requests by route, method, class of status and outcome.",
    );
    for (route, counts) in all {
        for (m, method) in METHODS.iter().enumerate() {
            for (c, class) in CLASSES.iter().enumerate() {
                for (o, outcome) in Outcome::NAMES.iter().enumerate() {
                    let index = answer_index(m, c, o);
                    let count: u64 = counts
                        .all()
                        .filter_map(|cells| cells.answers.get(index))
                        .map(|count| count.load(Relaxed))
                        .sum();
                    if count > 0 {
                        let _ = writeln!(
                            text,
                            "{NAME}{{route=\"{route}\",method=\"{method}\",code=\"{class}\",outcome=\"{outcome}\"}} {count}"
                        );
                    }
                }
            }
        }
    }
}

fn durations(
    text: &mut String,
    name: &str,
    help: &str,
    all: &[(&str, &Counts)],
    of: impl Fn(&super::Cells) -> &Durations,
) {
    family(text, name, "histogram", help);
    for (route, counts) in all {
        let mut classes = [0_u64; BOUNDS.len() + 1];
        let mut micros = 0_u64;
        for cells in counts.all() {
            let durations = of(cells);
            for (sum, count) in classes.iter_mut().zip(&durations.classes) {
                *sum += count.load(Relaxed);
            }
            micros = micros.saturating_add(durations.micros.load(Relaxed));
        }
        let total: u64 = classes.iter().sum();
        if total == 0 {
            continue;
        }
        let mut up_to = 0;
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound));
        for (count, bound) in classes.iter().zip(bounds.chain(["+Inf".to_owned()])) {
            up_to += count;
            let _ = writeln!(
                text,
                "{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {up_to}"
            );
        }
        let sum = seconds(micros);
        let _ = writeln!(
            text,
            "{name}_sum{{route=\"{route}\"}} {sum}\n{name}_count{{route=\"{route}\"}} {total}"
        );
    }
}

/// Microseconds as a decimal fraction of seconds, without rounding.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn rejected(text: &mut String, all: &[(&str, &Counts)]) {
    const NAME: &str = "cambist_proxy_rejected_total";
    family(
        text,
        NAME,
        "counter",
        "Requests that ended in the gateway, by route and reason.",
    );
    for (route, counts) in all {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for cells in counts.all() {
            let refused = cells.refused.lock().unwrap_or_else(PoisonError::into_inner);
            for (reason, count) in refused.iter() {
                *sums.entry(reason).or_default() += count;
            }
        }
        for (reason, count) in sums {
            let _ = writeln!(
                text,
                "{NAME}{{route=\"{route}\",reason=\"{reason}\"}} {count}"
            );
        }
    }
}

fn exchanges(text: &mut String, all: &[(&str, &Counts)], routes: &BTreeMap<String, Arc<Route>>) {
    const NAME: &str = "cambist_proxy_exchange_cache_total";
    const ENTRIES: &str = "cambist_proxy_exchange_cache_entries";
    family(
        text,
        NAME,
        "counter",
        "Where what upstreams receive came from, by route and result.",
    );
    for (route, counts) in all {
        for (index, result) in Source::NAMES.iter().enumerate() {
            let count: u64 = counts
                .all()
                .filter_map(|cells| cells.sources.get(index))
                .map(|count| count.load(Relaxed))
                .sum();
            if count > 0 {
                let _ = writeln!(
                    text,
                    "{NAME}{{route=\"{route}\",result=\"{result}\"}} {count}"
                );
            }
        }
    }
    family(text, ENTRIES, "gauge", "Exchanges that a route keeps.");
    for (name, route) in routes {
        if let Some(target) = &route.target {
            let _ = writeln!(
                text,
                "{ENTRIES}{{route=\"{name}\"}} {}",
                target.cache.entries()
            );
        }
    }
}

fn endpoints(text: &mut String, routes: &BTreeMap<String, Arc<Route>>) {
    const FAILURES: &str = "cambist_proxy_upstream_failures_total";
    const UP: &str = "cambist_proxy_endpoint_in_use";
    const LOAD: &str = "cambist_proxy_requests_in_flight";
    let seen: Vec<_> = routes
        .iter()
        .flat_map(|(name, route)| {
            route
                .origin
                .endpoints_seen()
                .map(move |endpoint| (name, endpoint))
        })
        .collect();
    family(
        text,
        FAILURES,
        "counter",
        "Attempts that an endpoint did not answer as it should, by reason.",
    );
    for (route, endpoint) in &seen {
        let at = &endpoint.place;
        for (reason, count) in endpoint.failures.iter().filter(|(_, count)| *count > 0) {
            let _ = writeln!(
                text,
                "{FAILURES}{{route=\"{route}\",endpoint=\"{at}\",reason=\"{reason}\"}} {count}"
            );
        }
    }
    family(
        text,
        UP,
        "gauge",
        "Whether requests go to an endpoint: 0 while it is unhealthy or pauses after failures.",
    );
    for (route, endpoint) in &seen {
        let (at, up) = (&endpoint.place, u8::from(endpoint.is_in_use));
        let _ = writeln!(text, "{UP}{{route=\"{route}\",endpoint=\"{at}\"}} {up}");
    }
    family(text, LOAD, "gauge", "Requests under way at an endpoint.");
    for (route, endpoint) in &seen {
        let (at, load) = (&endpoint.place, endpoint.load);
        let _ = writeln!(text, "{LOAD}{{route=\"{route}\",endpoint=\"{at}\"}} {load}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_without_rounding() {
        for (micros, text) in [
            (0, "0"),
            (500, "0.0005"),
            (1_000_000, "1"),
            (10_000_000, "10"),
            (1_234_567, "1.234567"),
            (100, "0.0001"),
        ] {
            assert_eq!(seconds(micros), text);
        }
    }
}
