//! Finds the route of a request.

use std::{cmp::Ordering, sync::Arc};

use super::route::Route;
use crate::publish_error::PublishError;

/// Routes in the order they are looked for. Immutable; publishing a route makes a new table.
#[derive(Default)]
pub struct RouteTable {
    /// Routes of one host each, sorted by host.
    hosts: Vec<(Box<str>, Prefixes)>,
    /// Routes for any host.
    any: Prefixes,
}

impl RouteTable {
    /// Sorts routes. Two routes for the same host and prefix are refused, since one would never be found.
    pub fn new(mut routes: Vec<Arc<Route>>) -> Result<Self, PublishError> {
        routes.sort_by(|a, b| (a.host(), a.prefix()).cmp(&(b.host(), b.prefix())));
        if let Some((a, b)) = routes
            .iter()
            .zip(routes.iter().skip(1))
            .find(|(a, b)| (a.host(), a.prefix()) == (b.host(), b.prefix()))
        {
            let reason = format!("route {} has the same host and path prefix", a.name());
            return Err(PublishError::new(
                b.name(),
                reason,
                "change the host or path_prefix of one of them",
            ));
        }
        let mut table = Self::default();
        for route in routes {
            match route.host() {
                None => table.any.push(route),
                Some(host) => match table.hosts.last_mut() {
                    Some((last, prefixes)) if **last == *host => prefixes.push(route),
                    _ => {
                        let mut prefixes = Prefixes::default();
                        let host = Box::from(host);
                        prefixes.push(route);
                        table.hosts.push((host, prefixes));
                    }
                },
            }
        }
        Ok(table)
    }

    /// The most specific route: one for this host before one for any, then the longest prefix that ends
    /// at a segment of `path`. `host` is the `Host` header's value; its port does not matter.
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        let host = name_of(host);
        let of_host = self
            .hosts
            .binary_search_by(|(known, _)| compare_lowered(known, host))
            .ok()
            .and_then(|index| self.hosts.get(index))
            .and_then(|(_, prefixes)| prefixes.find(path));
        of_host.or_else(|| self.any.find(path))
    }
}

/// Routes sorted by prefix, which never ends with a slash.
#[derive(Default)]
struct Prefixes {
    sorted: Vec<Arc<Route>>,
    longest: usize,
}

impl Prefixes {
    fn push(&mut self, route: Arc<Route>) {
        self.longest = self.longest.max(route.prefix().len());
        self.sorted.push(route);
    }

    /// Tries the whole path, then without its last segment, and so on.
    fn find(&self, path: &str) -> Option<&Arc<Route>> {
        let mut candidate = path;
        loop {
            if candidate.len() <= self.longest
                && let Ok(index) = self
                    .sorted
                    .binary_search_by(|route| route.prefix().cmp(candidate))
            {
                return self.sorted.get(index);
            }
            candidate = candidate.rsplit_once('/')?.0;
        }
    }
}

/// A `Host` value without port and without the root's dot.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn compare_lowered(lowered: &str, text: &str) -> Ordering {
    lowered
        .bytes()
        .cmp(text.bytes().map(|b| b.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
