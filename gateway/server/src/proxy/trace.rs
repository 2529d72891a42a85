//! Trace context on its way through (W3C Trace Context): what is valid goes on as it came, what is not ends
//! here, so that nobody behind has to judge it again.

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Most members of a state, and most bytes of them together.
const MOST_MEMBERS: usize = 32;
const LONGEST_STATE: usize = 4096;

/// The identifier of a trace: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceId([u8; 32]);

impl TraceId {
    pub(super) fn as_str(&self) -> &str {
        // Hexadecimal digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Removes a context that is not valid, and a state without a parent. Returns the trace there is.
pub(super) fn check(headers: &mut HeaderMap) -> Option<TraceId> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let trace = match (parents.next(), parents.next()) {
        (None, _) => {
            if headers.contains_key(TRACESTATE) {
                headers.remove(TRACESTATE);
            }
            return None;
        }
        (Some(parent), None) => trace_of(parent.as_bytes()),
        (Some(_), Some(_)) => None,
    };
    if trace.is_none() {
        headers.remove(TRACEPARENT);
        headers.remove(TRACESTATE);
    } else if !is_state(
        headers
            .get_all(TRACESTATE)
            .iter()
            .map(HeaderValue::as_bytes),
    ) {
        headers.remove(TRACESTATE);
    }
    trace
}

/// The trace of a parent: version, trace, span and flags. A later version may say more behind them.
fn trace_of(parent: &[u8]) -> Option<TraceId> {
    let (head, rest) = parent.split_at_checked(55)?;
    let mut fields = head.split(|b| *b == b'-');
    let [version, trace, span, flags] = [
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    ];
    let is_sound = fields.next().is_none()
        && is_hex(version, 2)
        && version != b"ff"
        && is_identifier(trace, 32)
        && is_identifier(span, 16)
        && is_hex(flags, 2)
        && (rest.is_empty() || (version != b"00" && rest.first() == Some(&b'-')));
    let trace: [u8; 32] = trace.try_into().ok()?;
    is_sound.then_some(TraceId(trace))
}

fn is_hex(text: &[u8], length: usize) -> bool {
    text.len() == length && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_identifier(text: &[u8], length: usize) -> bool {
    is_hex(text, length) && text.iter().any(|b| *b != b'0')
}

/// Whether these headers together are one state. Empty members do not count; a key stands there once.
fn is_state<'h>(values: impl Iterator<Item = &'h [u8]>) -> bool {
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut length = 0;
    for value in values {
        length += value.len() + 1;
        if length > LONGEST_STATE {
            return false;
        }
        for member in value.split(|b| *b == b',') {
            let member = member.trim_ascii();
            if member.is_empty() {
                continue;
            }
            let Some(at) = member.iter().position(|b| *b == b'=') else {
                return false;
            };
            let (key, value) = (
                member.get(..at).unwrap_or_default(),
                member.get(at + 1..).unwrap_or_default(),
            );
            if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MOST_MEMBERS
            {
                return false;
            }
            keys.push(key);
        }
    }
    true
}

fn is_key(key: &[u8]) -> bool {
    key.len() <= 256
        && key
            .first()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && key.iter().all(|b| {
            b.is_ascii_lowercase()
                || b.is_ascii_digit()
                || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@')
        })
}

fn is_value(value: &[u8]) -> bool {
    (1..=256).contains(&value.len())
        && value
            .iter()
            .all(|b| matches!(b, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn through(parents: &[&str], states: &[&str]) -> (Option<TraceId>, usize, usize) {
        let mut headers = HeaderMap::new();
        for (name, values) in [(TRACEPARENT, parents), (TRACESTATE, states)] {
            for value in values {
                headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
            }
        }
        let trace = check(&mut headers);
        let count = |name| headers.get_all(name).iter().count();
        (trace, count(TRACEPARENT), count(TRACESTATE))
    }

    #[test]
    fn what_is_valid_goes_on_as_it_came() {
        for parent in [
            PARENT,
            &format!("cc{}", &PARENT[2..]),
            &format!("cc{}-what-comes-later", &PARENT[2..]),
        ] {
            let (trace, parents, states) = through(&[parent], &["a=1,b@c=x y , ,", "1/d=~"]);
            let trace = trace.unwrap();
            assert_eq!(trace.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!((parents, states), (1, 2), "{parent}");
        }
        assert_eq!(through(&[], &[]), (None, 0, 0));
    }

    #[test]
    fn a_parent_that_is_not_valid_ends_here_with_its_state() {
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
        let upper = PARENT.to_uppercase();
        let longer = format!("{PARENT}-more");
        let glued = format!("cc{}more", &PARENT[2..]);
        let forbidden = format!("ff{}", &PARENT[2..]);
        for parent in [
            "",
            "00",
            &PARENT[..54],
            &zero_trace,
            &zero_span,
            &upper,
            &longer,
            &glued,
            &forbidden,
            &PARENT.replace('-', "_"),
            &PARENT.replace('4', "g"),
        ] {
            assert_eq!(through(&[parent], &["a=1"]), (None, 0, 0), "{parent}");
        }
        assert_eq!(through(&[PARENT, PARENT], &["a=1"]), (None, 0, 0));
        assert_eq!(through(&[], &["a=1"]), (None, 0, 0), "a state alone");
    }

    #[test]
    fn a_state_that_is_not_valid_ends_here_alone() {
        let many: Vec<String> = (0..33).map(|index| format!("k{index}=1")).collect();
        let most = many[..32].join(",");
        let many = many.join(",");
        let long = format!("a={}", "x".repeat(257));
        for state in [
            "a", "=1", "a=", "A=1", "a=1,a=2", "a=b=c", "_a=1", "a b=1", &many, &long,
        ] {
            let (trace, parents, states) = through(&[PARENT], &[state]);
            assert_eq!((trace.is_some(), parents, states), (true, 1, 0), "{state}");
        }
        assert_eq!(through(&[PARENT], &[&most]).2, 1);
        assert_eq!(through(&[PARENT], &["a=1", "a=2"]).2, 0, "across headers");
    }
}
