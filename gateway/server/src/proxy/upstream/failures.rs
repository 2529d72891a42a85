//! How often an endpoint did not answer as it should, by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::UpstreamError;

/// Why an attempt came to nothing, or a response did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Failure {
    /// It cannot be reached, or does not shake hands.
    Connect,
    /// It broke off before the end of a response's head, or said something that is not HTTP.
    Broken,
    /// It switched protocols without being asked.
    Switched,
    /// It did not answer in time.
    TooSlow,
    /// It broke off within a response's body, or the body is not framed as it should be.
    Cut,
    /// It fell silent within a response's body.
    Silent,
}

impl Failure {
    const NAMES: [&'static str; 6] = ["connect", "broken", "switched", "too_slow", "cut", "silent"];

    /// The endpoint's part in an error; none if it has none. A request that broke off is not its fault.
    pub(super) fn of(error: &UpstreamError) -> Option<Self> {
        match error {
            UpstreamError::Http(broken) => (!broken.is_clients()).then_some(Self::Broken),
            UpstreamError::Connect(_) => Some(Self::Connect),
            UpstreamError::Switched => Some(Self::Switched),
            UpstreamError::TooSlow => Some(Self::TooSlow),
            UpstreamError::Tls(_) | UpstreamError::OutOfUse | UpstreamError::Full => None,
        }
    }
}

/// Failures of one endpoint. No request that goes well touches them.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Failures([AtomicU64; Failure::NAMES.len()]);

impl Failures {
    pub(super) fn add(&self, failure: Failure) {
        if let Some(count) = self.0.get(failure as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// All of them by name.
    pub(in crate::proxy) fn named(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        Failure::NAMES.into_iter().zip(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_their_values_say() {
        let failures = Failures::default();
        failures.add(Failure::Connect);
        failures.add(Failure::Silent);
        failures.add(Failure::Silent);
        let named = failures.named();
        assert_eq!(named.first(), Some(&("connect", 1)));
        assert_eq!(named.last(), Some(&("silent", 2)));
        assert_eq!(named.iter().map(|(_, count)| count).sum::<u64>(), 3);
    }

    #[test]
    fn what_is_not_an_endpoints_fault_counts_for_none() {
        assert_eq!(Failure::of(&UpstreamError::Full), None);
        assert_eq!(Failure::of(&UpstreamError::OutOfUse), None);
        assert_eq!(Failure::of(&UpstreamError::TooSlow), Some(Failure::TooSlow));
    }
}
