//! HTTP requests to the hosts that the operator allows, through the gateway's egress guard. Redirects are
//! not followed. The call's own deadline bounds them all.

use std::{error, fmt, fmt::Write as _};

use crate::{Refusal, imports, secrets::Secret};

/// Proof of who asks, put into the request without the plugin seeing it.
#[derive(Debug)]
#[must_use]
pub enum Credential {
    /// `Authorization: Bearer` with this secret.
    Bearer(Secret),
    /// `Authorization: Basic` with a user name and this secret as the password (RFC 7617).
    Basic(String, Secret),
    /// A header of this name with this secret.
    Header(String, Secret),
}

/// A request.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Request {
    /// The method: GET, HEAD, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// An absolute URL; its scheme, host and port must be allowed.
    pub url: String,
    /// Headers. `Host`, `Content-Length` and those that concern the connection are the gateway's own.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Proof of who asks.
    pub credential: Option<Credential>,
    /// Milliseconds to wait, if less than what is left of the call.
    pub timeout_ms: Option<u32>,
}

impl Request {
    /// A request of this method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            credential: None,
            timeout_ms: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says what is sent.
    pub fn body(mut self, content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends JSON.
    pub fn json(self, json: impl Into<Vec<u8>>) -> Self {
        self.body("application/json", json)
    }

    /// Sends a form (`application/x-www-form-urlencoded`).
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        self,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut form = String::new();
        for (name, value) in fields {
            if !form.is_empty() {
                form.push('&');
            }
            urlencode(&mut form, name.as_ref());
            form.push('=');
            urlencode(&mut form, value.as_ref());
        }
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Proves who asks.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Waits no longer than so many milliseconds.
    pub const fn timeout_ms(mut self, timeout: u32) -> Self {
        self.timeout_ms = Some(timeout);
        self
    }

    /// Sends it and waits for the whole answer.
    pub fn send(self) -> Result<Response, Error> {
        imports::send(self)
    }
}

/// The `application/x-www-form-urlencoded` byte serialiser of the URL standard.
fn urlencode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                to.push(char::from(byte));
            }
            b' ' => to.push('+'),
            // Writing to a string cannot fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An empty answer of this status, for tests.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Adds a header, its name in lower case, for tests.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Gives it a body, for tests.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The answer, if its status is one of success (2xx).
    pub fn success(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(Error::Status(self.status))
        }
    }
}

/// Why there is no answer, or none that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The URL, the method or a header is not allowed. The text says which.
    Denied(String),
    /// The answer's status is not one of success.
    Status(u16),
    /// No complete answer in time.
    TimedOut,
    /// The answer is larger than allowed.
    TooLarge,
    /// The connection failed.
    Unreachable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(what) => write!(f, "the request is not allowed: {what}"),
            Self::Status(status) => write!(f, "the answer has the status {status}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Unreachable(why) => write!(f, "the connection failed: {why}"),
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(_) => Self::internal(error.to_string()),
            Error::Status(_) | Error::TimedOut | Error::TooLarge | Error::Unreachable(_) => {
                Self::unavailable(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        let request = Request::post("https://as.example/introspect")
            .form([("token", "a b&c=d/é"), ("token_type_hint", "access_token")]);
        assert_eq!(
            request.body,
            b"token=a+b%26c%3Dd%2F%C3%A9&token_type_hint=access_token"
        );
        assert_eq!(request.headers[0].1, "application/x-www-form-urlencoded");
    }

    #[test]
    fn only_2xx_is_success() {
        assert!(Response::new(204).success().is_ok());
        assert_eq!(Response::new(302).success(), Err(Error::Status(302)));
        assert_eq!(Response::new(199).success(), Err(Error::Status(199)));
    }
}
