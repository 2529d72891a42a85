//! What is noted of one request on its way: for the counters of its route and for the access log.

use std::time::Instant;

use hyper::{Request, Response, StatusCode, Version, header::HOST};

use super::{
    Caller,
    counts::{Counts, Outcome, Source, method_index},
    grant::Granted,
    trace::TraceId,
};
use crate::{
    access_log::{Asked, Ending, Entry},
    body::{Body, Incoming},
};

/// A request on its way. One that is dropped without an end was abandoned by its client.
pub(super) struct Notes<'r> {
    counts: &'r Counts,
    method: usize,
    began: Instant,
    sent: Option<Instant>,
    trace: Option<TraceId>,
    entry: Option<Box<Entry>>,
    /// Whether the answer brings a nonce for the client's next proof.
    pub(super) offers_nonce: bool,
    is_ended: bool,
}

impl<'r> Notes<'r> {
    /// Begins with what the request says of itself. `route` is empty where none took it.
    pub(super) fn begin(
        request: &Request<Incoming>,
        caller: Caller<'_>,
        route: &str,
        counts: &'r Counts,
    ) -> Self {
        let entry = caller.access.map(|log| {
            let host = request.headers().get(HOST);
            log.begin(&Asked {
                correlation: caller.correlation,
                route,
                client: caller.address,
                method: request.method().as_str(),
                host: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
                path: request.uri().path(),
                protocol: match request.version() {
                    Version::HTTP_2 => "HTTP/2",
                    Version::HTTP_10 => "HTTP/1.0",
                    _ => "HTTP/1.1",
                },
            })
        });
        Self {
            counts,
            method: method_index(request.method()),
            began: Instant::now(),
            sent: None,
            trace: None,
            entry,
            offers_nonce: false,
            is_ended: false,
        }
    }

    /// It belongs to this trace.
    pub(super) fn traced(&mut self, trace: Option<TraceId>) {
        self.trace = trace;
        if let (Some(entry), Some(trace)) = (&mut self.entry, &trace) {
            entry.traced(trace.as_str());
        }
    }

    /// Where what the upstream will receive comes from.
    pub(super) fn looked_up(&mut self, source: Source) {
        self.counts.looked_up(source);
        if let Some(entry) = &mut self.entry {
            entry.exchange(source.name());
        }
    }

    /// What the upstream will receive.
    pub(super) fn granted(&mut self, granted: &Granted) {
        if let Some(entry) = &mut self.entry {
            entry.subject(&granted.subject);
        }
    }

    /// It goes to the upstream now.
    pub(super) fn sends(&mut self) {
        self.sent = Some(Instant::now());
    }

    /// The upstream's answer goes to the client.
    pub(super) fn answered(mut self, mut response: Response<Body>) -> Response<Body> {
        let status = response.status();
        let outcome = if status == StatusCode::SWITCHING_PROTOCOLS {
            Outcome::Switched
        } else {
            Outcome::Answered
        };
        let now = Instant::now();
        if let Some(sent) = self.sent {
            self.counts.upstream_took(now.duration_since(sent));
        }
        self.end(status, outcome, now);
        if let Some(mut entry) = self.entry.take() {
            entry.answered(status.as_u16(), outcome.name(), None);
            if let Body::Upstream(stream) = response.body_mut() {
                stream.log(entry);
            } else {
                entry.ended(Ending::Whole);
            }
        }
        response
    }

    /// The request ends here.
    pub(super) fn refused(mut self, reason: &'static str, response: &Response<Body>) {
        self.counts.refused(reason);
        self.end_here(response.status(), reason);
    }

    /// No route took it.
    pub(super) fn unrouted(mut self, status: StatusCode) {
        const REASON: &str = "no_route";
        self.counts.refused(REASON);
        self.end_here(status, REASON);
    }

    fn end_here(&mut self, status: StatusCode, reason: &'static str) {
        let outcome = if status.is_server_error() {
            Outcome::Failed
        } else {
            Outcome::Refused
        };
        self.end(status, outcome, Instant::now());
        if let Some(mut entry) = self.entry.take() {
            entry.answered(status.as_u16(), outcome.name(), Some(reason));
            entry.ended(Ending::Whole);
        }
    }

    fn end(&mut self, status: StatusCode, outcome: Outcome, now: Instant) {
        self.is_ended = true;
        let duration = now.duration_since(self.began);
        self.counts.ended(self.method, status, outcome, duration);
    }

    /// The trace it belongs to, for the log.
    pub(super) fn trace(&self) -> Option<&str> {
        self.trace.as_ref().map(TraceId::as_str)
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            // There is no such answer, so it counts among those that are the client's doing.
            self.end(StatusCode::BAD_REQUEST, Outcome::Abandoned, Instant::now());
        }
    }
}
