//! What is asked of an access manager, and how its answers are read.

use std::sync::Arc;

use cambist_core::{Fault, Rejection, Timestamp, Token, ValidateError};
use cambist_plugin::{HttpRequest, HttpResponse};
use hyper::{Method, Uri, header, header::HeaderName};
use percent::encoded;
use serde::Deserialize;
use serde_json::{Map, Value};
use x509_cert::der::DateTime;
use zeroize::Zeroizing;

use super::{AccessManager, Cookie, PATIENCE};

/// What operators read when a login asks for more than it was given.
pub const NO_TOKEN_ID: &str = "REST authN response does not contain tokenId string entry";

/// Seconds for which the name of the cookie stays known.
const COOKIE_LIFE: u64 = 3600;
/// Longest session token that is taken over, in bytes. Client-side sessions are long.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A header and its value, wiped when dropped.
pub(super) type Header = (HeaderName, Zeroizing<String>);

/// What an access manager says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteSession {
    pub(super) username: String,
    pub(super) realm: String,
    pub(super) idle_ends_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionAnswer {
    username: Option<String>,
    realm: Option<String>,
    max_idle_expiration_time: Option<String>,
    max_session_expiration_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginAnswer {
    token_id: Option<String>,
    auth_id: Option<Value>,
}

impl AccessManager {
    /// Checks the credential in `headers`. The session that it made, or none where none was wanted.
    pub(super) async fn log_in(
        &self,
        headers: Vec<Header>,
    ) -> Result<Option<Token>, ValidateError> {
        let mut query = Vec::new();
        if let Some(service) = &self.service {
            query.push("authIndexType=service".to_owned());
            query.push(format!("authIndexValue={}", encoded(service)));
        }
        if self.no_session {
            query.push("noSession=true".to_owned());
        }
        let path = format!("authenticate?{}", query.join("&"));
        let path = path.trim_end_matches('?');
        let answer = self
            .send(
                Method::POST,
                path,
                "resource=2.0, protocol=1.0",
                headers,
                "",
            )
            .await?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(Rejection::BadSignature.into()),
            status => return Err(unexpected("authenticate", status)),
        }
        let answer: LoginAnswer = read(&answer)?;
        match answer.token_id {
            Some(token) if !token.is_empty() && token.len() <= MAX_TOKEN_BYTES => {
                Ok(Some(Token::new(token)))
            }
            None if self.no_session && answer.auth_id.is_none() => Ok(None),
            _ => Err(Fault::Internal(NO_TOKEN_ID.to_owned()).into()),
        }
    }

    /// What is behind a session, without keeping it from growing idle.
    pub(super) async fn session(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<RemoteSession, ValidateError> {
        let own = self.own(token, now).await?;
        let answer = self
            .send(
                Method::POST,
                "sessions?_action=getSessionInfo",
                "resource=4.0, protocol=1.0",
                vec![own],
                "{}",
            )
            .await?;
        match answer.status {
            200 => {}
            400 | 401 | 403 | 404 => return Err(Rejection::Expired.into()),
            status => return Err(unexpected("getSessionInfo", status)),
        }
        let answer: SessionAnswer = read(&answer)?;
        // `{"valid": false}` is how some versions say no.
        let (Some(username), Some(realm)) = (answer.username, answer.realm) else {
            return Err(Rejection::Expired.into());
        };
        if username.is_empty() || username.len() > 256 || username.contains(char::is_control) {
            return Err(Rejection::Malformed.into());
        }
        let moment = |text: Option<String>| -> Result<Option<Timestamp>, ValidateError> {
            text.map(|text| moment(&text).ok_or_else(|| unreadable("a moment")))
                .transpose()
        };
        let session = RemoteSession {
            username,
            realm,
            idle_ends_at: moment(answer.max_idle_expiration_time)?,
            ends_at: moment(answer.max_session_expiration_time)?,
        };
        let is_over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if is_over(session.ends_at) || is_over(session.idle_ends_at) {
            return Err(Rejection::Expired.into());
        }
        // A session speaks of the users of its own realm and of no other.
        if session.realm != self.realm {
            return Err(Rejection::WrongAudience.into());
        }
        Ok(session)
    }

    /// The configured attributes of the user behind a session.
    pub(super) async fn profile(
        &self,
        token: &str,
        username: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, ValidateError> {
        if self.attributes.is_empty() {
            return Ok(Map::new());
        }
        let own = self.own(token, now).await?;
        let path = format!(
            "users/{}?_fields={}",
            encoded(username),
            self.attributes.join(",")
        );
        let answer = self
            .send(
                Method::GET,
                &path,
                "resource=3.0, protocol=1.0",
                vec![own],
                "",
            )
            .await?;
        if answer.status != 200 {
            return Err(unexpected("users", answer.status));
        }
        let mut found: Map<String, Value> = read(&answer)?;
        found.retain(|name, _| self.attributes.iter().any(|wanted| wanted == name));
        for value in found.values_mut() {
            // Every attribute is a list over there, also those that can only be one.
            if let Value::Array(values) = value
                && let [only] = values.as_slice()
            {
                *value = only.clone();
            }
        }
        Ok(found)
    }

    /// Ends a session over there. A failure is logged and nothing else.
    pub(super) async fn log_out(&self, token: &str, now: Timestamp) {
        let ended = async {
            let own = self.own(token, now).await?;
            let path = "sessions?_action=logout";
            let version = "resource=4.0, protocol=1.0";
            self.send(Method::POST, path, version, vec![own], "{}")
                .await
        }
        .await;
        match ended {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => {
                tracing::warn!(
                    status = answer.status,
                    access_manager = self.base,
                    "a session was not ended"
                );
            }
            Err(error) => {
                tracing::warn!(%error, access_manager = self.base, "a session was not ended");
            }
        }
    }

    /// A session as a credential: in a header named like its cookie.
    async fn own(&self, token: &str, now: Timestamp) -> Result<Header, ValidateError> {
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Rejection::Malformed.into());
        }
        Ok((self.cookie(now).await?, Zeroizing::new(token.to_owned())))
    }

    async fn cookie(&self, now: Timestamp) -> Result<HeaderName, ValidateError> {
        let asked = match &self.cookie {
            Cookie::Known(name) => return Ok(name.clone()),
            Cookie::Asked(asked) => asked,
        };
        if let Some(known) = &*asked.load()
            && now < known.1.plus(COOKIE_LIFE)
        {
            return Ok(known.0.clone());
        }
        let version = "resource=1.1, protocol=1.0";
        let answer = self
            .send(Method::GET, "serverinfo/*", version, Vec::new(), "")
            .await?;
        if answer.status != 200 {
            return Err(unexpected("serverinfo", answer.status));
        }
        let answer: Map<String, Value> = read(&answer)?;
        let name = answer
            .get("cookieName")
            .and_then(Value::as_str)
            .and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            .ok_or_else(|| unreadable("the name of the cookie"))?;
        asked.store(Some(Arc::new((name.clone(), now))));
        Ok(name)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        version: &str,
        mut headers: Vec<Header>,
        body: &str,
    ) -> Result<HttpResponse, ValidateError> {
        let mut url = format!("{}/json/realms/root", self.base);
        for segment in self.realm.split('/').filter(|segment| !segment.is_empty()) {
            url.push_str("/realms/");
            url.push_str(segment);
        }
        url.push('/');
        url.push_str(path);
        let url: Uri = url
            .parse()
            .map_err(|_| Fault::Internal("the URL cannot be asked".to_owned()))?;
        let text = |text: &str| Zeroizing::new(text.to_owned());
        headers.push((HeaderName::from_static("accept-api-version"), text(version)));
        headers.push((header::ACCEPT, text("application/json")));
        if method == Method::POST {
            headers.push((header::CONTENT_TYPE, text("application/json")));
        }
        let request = HttpRequest {
            method,
            url,
            headers,
            body: body.as_bytes().to_vec(),
            timeout: PATIENCE,
        };
        self.egress.send(request).await.map_err(|error| {
            tracing::warn!(%error, access_manager = self.base, "an access manager cannot be asked");
            Fault::Unavailable("the access manager".to_owned()).into()
        })
    }
}

fn unexpected(what: &str, status: u16) -> ValidateError {
    if status >= 500 || status == 429 {
        Fault::Unavailable(format!("the access manager answered {what} with {status}")).into()
    } else {
        Fault::Internal(format!("the access manager answered {what} with {status}")).into()
    }
}

fn unreadable(what: &str) -> ValidateError {
    Fault::Internal(format!("the access manager's answer lacks {what}")).into()
}

fn read<T: serde::de::DeserializeOwned>(answer: &HttpResponse) -> Result<T, ValidateError> {
    serde_json::from_slice(&answer.body).map_err(|_| unreadable("the JSON that was expected"))
}

/// A moment such as `2030-03-17T17:46:40Z`, fractions of a second left out.
fn moment(text: &str) -> Option<Timestamp> {
    let whole = match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text.to_owned(),
    };
    let moment: DateTime = whole.parse().ok()?;
    Some(Timestamp(moment.unix_duration().as_secs()))
}

mod percent {
    //! Percent-encoding of what stands in a path or a query (RFC 3986 §2.1).

    use std::fmt::Write as _;

    pub(super) fn encoded(text: &str) -> String {
        let mut encoded = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                encoded.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_and_without_fractions() {
        assert_eq!(
            moment("2030-03-17T17:46:40Z"),
            Some(Timestamp(1_900_000_000))
        );
        assert_eq!(
            moment("2030-03-17T17:46:40.123Z"),
            Some(Timestamp(1_900_000_000))
        );
        for text in ["", "2030-03-17", "soon", "2030-03-17 17:46:40"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_encoded_for_paths() {
        assert_eq!(encoded("da/na?x=ü"), "da%2Fna%3Fx%3D%C3%BC");
    }
}
