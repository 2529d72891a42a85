//! The one table of configuration keys.

mod listeners;

use std::{borrow::Cow, net::SocketAddr};

use figment::value::Value;
use fluent_uri::Uri;

use super::{
    EgressTarget, Network, Role,
    problem::{closest, did_you_mean},
};

/// What a key's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IP address and port.
    Address,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words, at least one.
    Choices(&'static [&'static str]),
    /// The name of a header.
    Header,
    /// Networks.
    Networks,
    /// A whole number within bounds, both included.
    Number {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A path in the file system.
    Path,
    /// Egress targets.
    Targets,
    /// Any text.
    Text,
    /// An http or https URL without query, fragment and trailing slash.
    Url,
}

impl Kind {
    /// What a right value is, to go behind "expected".
    pub fn expected(self) -> String {
        match self {
            Self::Address => "an IP address and port such as \"127.0.0.1:8080\"".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Choices(words) => format!("a list of {}", quoted(words)),
            Self::Header => "the name of a header, such as \"x-client-cert\"".to_owned(),
            Self::Networks => "a list of addresses or networks such as \"10.1.0.0/16\"".to_owned(),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Path => "a path".to_owned(),
            Self::Targets => "a list of hosts, \"host:port\" or networks such as \"10.1.0.0/16\"".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Url => "an http or https URL without query, fragment and trailing slash, such as \"https://sts.example\"".to_owned(),
        }
    }

    /// The value that a text from the environment or a flag stands for; itself when it is none, so that
    /// the check that follows says what is wrong. Lists are separated by commas.
    pub(super) fn read(self, text: &str) -> Value {
        match self {
            Self::Boolean => text
                .parse::<bool>()
                .map_or_else(|_| Value::from(text), Value::from),
            Self::Number { .. } => text
                .parse::<u64>()
                .map_or_else(|_| Value::from(text), Value::from),
            Self::Choices(_) | Self::Networks | Self::Targets => text
                .split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(Value::from)
                .collect::<Vec<_>>()
                .into(),
            _ => Value::from(text),
        }
    }

    /// Whether `value` is right.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Address => value
                .as_str()
                .is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Boolean => value.to_bool().is_some(),
            Self::Choice(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Choices(words) => {
                each(value, |text| words.contains(&text)) && value.as_array() != Some(&[])
            }
            Self::Header => value
                .as_str()
                .is_some_and(|text| hyper::header::HeaderName::try_from(text).is_ok()),
            Self::Networks => each(value, |text| text.parse::<Network>().is_ok()),
            Self::Number { min, max } => {
                whole_number(value).is_some_and(|number| (min..=max).contains(&number))
            }
            Self::Path => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Targets => each(value, |text| text.parse::<EgressTarget>().is_ok()),
            Self::Text => value.as_str().is_some(),
            Self::Url => value.as_str().is_some_and(is_base_url),
        }
    }
}

/// Whether `value` is a list of texts that are all right.
fn each(value: &Value, is_right: impl Fn(&str) -> bool) -> bool {
    value.as_array().is_some_and(|items| {
        items
            .iter()
            .all(|item| item.as_str().is_some_and(&is_right))
    })
}

/// The file's numbers are signed, those of the environment are not.
fn whole_number(value: &Value) -> Option<u64> {
    let unsigned = value
        .to_u128()
        .and_then(|number| u64::try_from(number).ok());
    unsigned.or_else(|| {
        value
            .to_i128()
            .and_then(|number| u64::try_from(number).ok())
    })
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

fn is_base_url(text: &str) -> bool {
    Uri::parse(text).is_ok_and(|uri| {
        matches!(uri.scheme().as_str(), "http" | "https")
            && uri.authority().is_some_and(|authority| {
                !authority.host().is_empty() && authority.userinfo().is_none()
            })
            && uri.query().is_none()
            && uri.fragment().is_none()
            && !text.ends_with('/')
    })
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its dotted path, as in `public.listen`.
    pub path: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether it may be left unset.
    pub optional: bool,
    /// The flag of `cambist serve` that sets it.
    pub flag: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    pub fn environment(&self) -> String {
        format!(
            "CAMBIST__{}",
            self.path.replace('.', "__").to_ascii_uppercase()
        )
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

const fn is(path: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        path,
        kind,
        optional: false,
        flag: None,
        meaning,
    }
}

const fn number(path: &'static str, min: u64, max: u64, meaning: &'static str) -> Key {
    is(path, Kind::Number { min, max }, meaning)
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const DAY: u64 = 24 * 60 * 60;

/// Every key. A star stands for the name of a further listener.
pub const KEYS: &[Key] = &joined::<KEY_COUNT>(TABLES);

const TABLES: &[&[Key]] = &[
    OWN,
    &listeners::PUBLIC,
    &listeners::ADMIN,
    &listeners::FURTHER_OWN,
    &listeners::FURTHER,
];

const KEY_COUNT: usize = count(TABLES);

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn count(tables: &[&[Key]]) -> usize {
    let (mut all, mut table) = (0, 0);
    while table < tables.len() {
        all += tables[table].len();
        table += 1;
    }
    all
}

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn joined<const N: usize>(tables: &[&[Key]]) -> [Key; N] {
    let mut all = [tables[0][0]; N];
    let (mut at, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[at] = tables[table][row];
            at += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

const OWN: &[Key] = &[
    is("data_dir", Kind::Path, "Directory of the store, the keys and the admin token. Made with mode 0700 if absent.").flag("--data-dir"),
    is("public.listen", Kind::Address, "Address of the listener for clients and proxied requests. Port 0 picks a free one.").flag("--public"),
    is("public.url", Kind::Url, "Base URL as clients see it; issuer identifiers start with it. Without it, http:// or https:// and the bound address.").optional(),
    number("public.workers", 1, 1024, "Threads that serve requests. Without it, one per core.").optional(),
    is("public.roles", Kind::Choices(Role::PUBLIC), "What it serves: sts is the token endpoint, the REST STS and their documents, proxy the routes."),
    is("admin.listen", Kind::Address, "Address of the listener for the admin API, health and metrics. Port 0 picks a free one.").flag("--admin"),
    is("admin.allow_remote", Kind::Boolean, "Consent to an admin.listen address that other machines reach."),
    number("limits.body_bytes", KIB, 64 * MIB, "Most bytes of a request body the gateway reads itself. Proxied bodies stream and are not bounded by it."),
    number("limits.connections", 1, 1_000_000, "Most open connections per listener."),
    number("limits.header_bytes", 8 * KIB, MIB, "Most bytes of a request head."),
    number("limits.header_count", 8, 1000, "Most header fields in a request."),
    number("limits.header_seconds", 1, 3600, "Seconds a connection may take to send a request head."),
    number("limits.keep_alive_seconds", 1, DAY, "Seconds an HTTP/1 connection may wait for its next request."),
    number("limits.body_idle_seconds", 1, 3600, "Seconds within which more of a request body must come."),
    number("limits.send_idle_seconds", 1, 3600, "Seconds within which a client must take more of a response."),
    number("limits.http2_streams", 1, 10_000, "Most HTTP/2 streams open at a time on a connection."),
    number("limits.http2_resets", 1, 10_000, "Most HTTP/2 streams of a connection that were reset and are not cleared away yet. One more ends the connection."),
    number("limits.upstream_seconds", 1, DAY, "Seconds until an upstream must have sent its response head."),
    number("limits.plugin_bytes", KIB, 256 * MIB, "Most bytes of an uploaded plugin component."),
    number("limits.request_seconds", 1, 3600, "Seconds a request that the gateway answers itself may take, its body included."),
    number("plugins.memory_bytes", 64 * KIB, 4096 * MIB, "Most bytes of memory a plugin may use in one call."),
    number("plugins.call_milliseconds", 1, 60_000, "Milliseconds a plugin call may take."),
    is("egress.allow", Kind::Targets, "Targets the gateway may fetch from although their address is private or loopback. Loopback ones may use plain http."),
    is("egress.ca_file", Kind::Path, "PEM file of certificate authorities trusted beside the system's.").optional(),
    number("egress.timeout_seconds", 1, 60, "Seconds a fetch may take, from resolving the name to the last byte."),
    number("egress.body_bytes", KIB, 16 * MIB, "Most bytes of a fetched document."),
    number("passwords.concurrency", 1, 1024, "Password hashes computed at a time, each taking 19 MiB. Without it, one less than there are cores.").optional(),
    number("passwords.queue", 0, 100_000, "Password hashes that may wait; further ones are refused at once."),
    number("passwords.user_failures", 0, 1_000_000, "Wrong passwords for one user name that are free; then one every six seconds, before anything is hashed. 0 sets no limit."),
    number("passwords.address_failures", 0, 1_000_000, "Wrong passwords from one address (IPv6: its /64) that are free; then one every second. 0 sets no limit."),
    number("introspection.per_second", 0, 1_000_000, "Questions about tokens that one client may ask a second; ten seconds' worth may be saved up. 0 sets no limit."),
    number("introspection.inactive_cost", 1, 10_000, "How many questions one counts as whose token turns out not to be active, so that guessing takes longer."),
    is("sessions.enabled", Kind::Boolean, "Whether /json/authenticate and /json/sessions are answered on the public listener."),
    is("sessions.cookie", Kind::Text, "Name of the cookie, and of the header, in which clients send their session."),
    number("sessions.life_minutes", 1, 44_640, "Minutes after which a session ends, used or not."),
    number("sessions.idle_minutes", 1, 44_640, "Minutes without use after which a session ends."),
    number("sessions.most", 1, 10_000_000, "Most sessions at a time, each taking about 1 KiB of memory; further sign-ins are refused."),
    number("sessions.most_per_user", 1, 10_000, "Most sessions of one user at a time; a further one ends the oldest."),
    number("shutdown.drain_seconds", 0, DAY, "Seconds that open requests get to finish when the gateway stops."),
    is("log.filter", Kind::Text, "What is logged: a level, or directives such as \"info,cambist=debug\"."),
    is("log.format", Kind::Choice(&["json", "text"]), "How a log line looks."),
    is("log.access_file", Kind::Path, "File that gets a line of JSON for each proxied request, such as /dev/stdout. Without it, none is written.").optional(),
];

/// The key with this path.
pub fn key(path: &str) -> Option<&'static Key> {
    let path = pattern(path);
    KEYS.iter().find(|key| key.path == path)
}

/// `path` as it stands in the table, where the name of a further listener is a star.
fn pattern(path: &str) -> Cow<'_, str> {
    let Some(rest) = path.strip_prefix(FURTHER) else {
        return Cow::Borrowed(path);
    };
    match rest.split_once('.') {
        Some((name, rest)) if is_listener_name(name) => Cow::Owned(format!("{FURTHER}*.{rest}")),
        None if is_listener_name(rest) => Cow::Owned(format!("{FURTHER}*")),
        _ => Cow::Borrowed(path),
    }
}

/// What paths of further listeners begin with.
const FURTHER: &str = "listener.";

/// Names go into metrics and environment variables.
fn is_listener_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && !matches!(name, "public" | "admin")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The path of the key that an environment variable sets.
pub(super) fn path_of_variable(name: &str) -> Option<String> {
    if let Some(key) = KEYS
        .iter()
        .find(|key| !key.path.contains('*') && key.environment() == name)
    {
        return Some(key.path.to_owned());
    }
    let rest = name.strip_prefix("CAMBIST__LISTENER__")?;
    let path = format!("{FURTHER}{}", rest.replace("__", ".").to_ascii_lowercase());
    let is_upper = !rest.bytes().any(|b| b.is_ascii_lowercase());
    (is_upper && path.split('.').count() > 2 && key(&path).is_some()).then_some(path)
}

/// ` (did you mean …?)` with the key closest to `path`, or nothing if none is close.
pub fn suggestion(path: &str) -> String {
    did_you_mean(near_key(path, false).as_deref())
}

/// Whether `path` is a section: a key's path begins with it.
pub(super) fn is_section(path: &str) -> bool {
    let path = pattern(path);
    KEYS.iter().any(|key| {
        key.path
            .strip_prefix(&*path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Names of the sections, some more than once.
fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(|key| Some(key.path.rsplit_once('.')?.0))
}

/// The key or, for a table, the section that `path` was probably meant to be.
pub(super) fn near_key(path: &str, is_table: bool) -> Option<String> {
    let pattern = pattern(path);
    let near = if is_table {
        closest(&pattern, sections())
    } else {
        // A right name in the wrong section is the commonest slip after a misspelt one.
        let name = pattern.rsplit_once('.').map_or(&*pattern, |(_, name)| name);
        let mut elsewhere = KEYS.iter().filter(|key| {
            key.path
                .rsplit_once('.')
                .is_some_and(|(_, other)| other == name)
        });
        match (elsewhere.next(), elsewhere.next()) {
            (Some(only), None) => Some(only.path),
            _ => closest(&pattern, KEYS.iter().map(|key| key.path)),
        }
    }?;
    // The suggestion is about this listener.
    let own = path
        .strip_prefix(FURTHER)
        .and_then(|rest| rest.split('.').next());
    Some(match own {
        Some(own) if is_listener_name(own) => near.replace('*', own),
        _ => near.to_owned(),
    })
}
