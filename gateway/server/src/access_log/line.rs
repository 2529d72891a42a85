//! What a line holds. The fields are an allow-list: nothing else of a request is ever written.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, Serializer};

use super::Shared;

/// Longest texts of a stranger that are kept, in bytes.
const LONGEST_PATH: usize = 1024;
const LONGEST_NAME: usize = 256;
const LONGEST_METHOD: usize = 32;

/// What is asked, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    pub(crate) correlation: &'r str,
    /// Empty where no route took the request.
    pub(crate) route: &'r str,
    pub(crate) client: IpAddr,
    pub(crate) method: &'r str,
    pub(crate) host: &'r str,
    /// Without the query, which may hold what nobody should read.
    pub(crate) path: &'r str,
    pub(crate) protocol: &'static str,
}

/// How the body of an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// All of it was sent.
    Whole,
    /// The upstream broke off.
    Broken,
    /// The upstream fell silent.
    Silent,
    /// The client went away.
    ClientGone,
}

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Seconds since 1970, to the millisecond.
    at: f64,
    correlation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    client: IpAddr,
    method: String,
    host: String,
    path: String,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<&'static str>,
    status: u16,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Until the head of the answer.
    #[serde(
        rename = "head_micros",
        serialize_with = "micros",
        skip_serializing_if = "Option::is_none"
    )]
    head: Option<Duration>,
    /// Until its end.
    #[serde(rename = "micros", serialize_with = "micros")]
    all: Option<Duration>,
    bytes: u64,
    end: Ending,
}

#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn micros<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = duration.unwrap_or_default().as_micros();
    serializer.serialize_u64(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// A line on its way. Until somebody says otherwise the client went away without an answer.
pub(crate) struct Entry {
    line: Option<Line>,
    began: Instant,
    shared: Arc<Shared>,
}

impl Entry {
    pub(super) fn new(asked: &Asked<'_>, shared: &Arc<Shared>) -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or_default();
        let line = Line {
            at: Duration::from_millis(millis).as_secs_f64(),
            correlation: asked.correlation.to_owned(),
            trace: None,
            route: asked.route.to_owned(),
            client: asked.client.to_canonical(),
            method: bounded(asked.method, LONGEST_METHOD),
            host: bounded(asked.host, LONGEST_NAME),
            path: bounded(asked.path, LONGEST_PATH),
            protocol: asked.protocol,
            subject: None,
            exchange: None,
            status: 499,
            outcome: "abandoned",
            reason: None,
            head: None,
            all: None,
            bytes: 0,
            end: Ending::ClientGone,
        };
        Self {
            line: Some(line),
            began: Instant::now(),
            shared: Arc::clone(shared),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = &mut self.line {
            change(line);
        }
    }

    /// It belongs to this trace.
    pub(crate) fn traced(&mut self, trace: &str) {
        self.change(|line| line.trace = Some(trace.to_owned()));
    }

    /// It was made for this subject.
    pub(crate) fn subject(&mut self, subject: &str) {
        self.change(|line| line.subject = Some(bounded(subject, LONGEST_NAME)));
    }

    /// Where what the upstream received came from.
    pub(crate) fn exchange(&mut self, source: &'static str) {
        self.change(|line| line.exchange = Some(source));
    }

    /// The head of the answer is there.
    pub(crate) fn answered(
        &mut self,
        status: u16,
        outcome: &'static str,
        reason: Option<&'static str>,
    ) {
        let head = self.began.elapsed();
        self.change(|line| {
            line.status = status;
            line.outcome = outcome;
            line.reason = reason;
            line.head = Some(head);
        });
    }

    /// Bytes of the body went to the client.
    pub(crate) fn sent(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.change(|line| line.bytes = line.bytes.saturating_add(bytes));
    }

    /// The body came to its end.
    pub(crate) fn ended(&mut self, ending: Ending) {
        self.change(|line| line.end = ending);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let all = self.began.elapsed();
        if let Some(mut line) = self.line.take() {
            line.all = Some(all);
            if self.shared.queue.push(line).is_err() {
                self.shared.lost.fetch_add(1, Relaxed);
            }
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// What a stranger sent may be logged, but not at any length.
fn bounded(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest);
    let mut kept = text.get(..end).unwrap_or_default().to_owned();
    kept.push_str("...");
    kept
}
