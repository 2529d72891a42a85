//! Finds the route of a request. The most specific that takes it wins: an exact host before the longest
//! wildcard before any host; below that an exact path before the longest prefix; below that more header
//! conditions before fewer, and named methods before any. A route whose method or headers do not fit is
//! passed over.

use std::{cmp::Ordering, sync::Arc};

use hyper::{HeaderMap, Method};

use super::route::{HostMatch, PathMatch, Route};
use crate::publish_error::PublishError;

/// Routes in the order they are looked for. Immutable; publishing a route makes a new table.
#[derive(Default)]
pub struct RouteTable {
    /// Routes of one host each, sorted by host.
    hosts: Vec<(Box<str>, Paths)>,
    /// Routes of all hosts with one ending, the longest first.
    below: Vec<(Box<str>, Paths)>,
    /// Routes for any host.
    any: Paths,
}

/// What is asked of the table.
#[derive(Clone, Copy)]
pub struct Asked<'r> {
    /// The `Host` header's value; its port does not matter.
    pub host: &'r str,
    /// The path.
    pub path: &'r str,
    /// The method.
    pub method: &'r Method,
    /// All headers.
    pub headers: &'r HeaderMap,
}

impl RouteTable {
    /// Sorts routes. Two that cannot be told apart are refused, since one would never be found.
    pub fn new(mut routes: Vec<Arc<Route>>) -> Result<Self, PublishError> {
        routes.sort_by(|a, b| {
            let key = |route: &Route| {
                let matching = route.matching();
                (matching.host.clone(), matching.path.clone())
            };
            key(a).cmp(&key(b)).then_with(|| {
                b.matching()
                    .conditions()
                    .cmp(&a.matching().conditions())
                    .then_with(|| a.name().cmp(b.name()))
            })
        });
        for (index, a) in routes.iter().enumerate() {
            let same_place = |b: &&Arc<Route>| {
                a.matching().host == b.matching().host && a.matching().path == b.matching().path
            };
            let collides = routes
                .iter()
                .skip(index + 1)
                .take_while(same_place)
                .find(|b| a.matching().collides_with(b.matching()));
            if let Some(b) = collides {
                let reason = format!("route {} takes the same requests", a.name());
                return Err(PublishError::new(
                    b.name(),
                    reason,
                    "change the host, path, methods or headers of one of them",
                ));
            }
        }
        let mut table = Self::default();
        for route in routes {
            match route.matching().host.clone() {
                HostMatch::Any => table.any.push(route),
                HostMatch::Exact(host) => push(&mut table.hosts, &host, route),
                HostMatch::Below(ending) => push(&mut table.below, &ending, route),
            }
        }
        table
            .below
            .sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
        Ok(table)
    }

    /// The most specific route that takes the request.
    pub fn find(&self, asked: Asked<'_>) -> Option<&Arc<Route>> {
        let host = name_of(asked.host);
        let of_host = self
            .hosts
            .binary_search_by(|(known, _)| compare_lowered(known, host))
            .ok()
            .and_then(|index| self.hosts.get(index))
            .and_then(|(_, paths)| paths.find(asked));
        of_host
            .or_else(|| {
                self.below
                    .iter()
                    .filter(|(ending, _)| is_below(host, ending))
                    .find_map(|(_, paths)| paths.find(asked))
            })
            .or_else(|| self.any.find(asked))
    }
}

/// Routes come sorted by host, so those of one host follow each other.
fn push(hosts: &mut Vec<(Box<str>, Paths)>, host: &str, route: Arc<Route>) {
    match hosts.last_mut() {
        Some((last, paths)) if **last == *host => paths.push(route),
        _ => {
            let mut paths = Paths::default();
            let host = Box::from(host);
            paths.push(route);
            hosts.push((host, paths));
        }
    }
}

/// Routes of one path.
type Bucket = (Box<str>, Vec<Arc<Route>>);

/// Routes by path, both sorted. Prefixes never end with a slash.
#[derive(Default)]
struct Paths {
    exact: Vec<Bucket>,
    prefixes: Vec<Bucket>,
    longest: usize,
}

impl Paths {
    /// Routes come sorted by path, and those of one path in the order they are to be tried.
    fn push(&mut self, route: Arc<Route>) {
        let (buckets, path) = match &route.matching().path {
            PathMatch::Exact(path) => (&mut self.exact, Box::<str>::from(path.as_str())),
            PathMatch::Prefix(path) => {
                self.longest = self.longest.max(path.len());
                (&mut self.prefixes, Box::from(path.as_str()))
            }
        };
        match buckets.last_mut() {
            Some((last, routes)) if *last == path => routes.push(route),
            _ => buckets.push((path, vec![route])),
        }
    }

    /// Tries the whole path, then without its last segment, and so on.
    fn find(&self, asked: Asked<'_>) -> Option<&Arc<Route>> {
        if let Some(found) = look(&self.exact, asked.path, asked) {
            return Some(found);
        }
        let mut candidate = asked.path;
        loop {
            if candidate.len() <= self.longest
                && let Some(found) = look(&self.prefixes, candidate, asked)
            {
                return Some(found);
            }
            candidate = candidate.rsplit_once('/')?.0;
        }
    }
}

fn look<'t>(buckets: &'t [Bucket], path: &str, asked: Asked<'_>) -> Option<&'t Arc<Route>> {
    let index = buckets
        .binary_search_by(|(known, _)| (**known).cmp(path))
        .ok()?;
    let (_, routes) = buckets.get(index)?;
    routes
        .iter()
        .find(|route| route.matching().takes(asked.method, asked.headers))
}

/// A `Host` value without port and without the root's dot.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether a host has labels in front of `ending`, which is in lower case and begins with a dot.
fn is_below(host: &str, ending: &str) -> bool {
    host.len() > ending.len()
        && host
            .as_bytes()
            .get(host.len() - ending.len()..)
            .is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
}

fn compare_lowered(lowered: &str, text: &str) -> Ordering {
    lowered
        .bytes()
        .cmp(text.bytes().map(|b| b.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
