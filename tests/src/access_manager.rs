//! A stand-in for `PingAM`: it signs in with headers or through trees that read a token from a header, and
//! knows the sessions it made. Shapes as those of the product's REST interface.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::server::{Received, Server, json as answer};

/// The realm it knows.
const REALM: &str = "/alpha";
const COOKIE: &str = "c0ffee";

/// A running stand-in.
pub struct AccessManager {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Usernames by session.
    sessions: Mutex<HashMap<String, String>>,
    made: AtomicUsize,
    asked: AtomicUsize,
    cannot_end: AtomicBool,
}

impl AccessManager {
    /// Starts it with the user `dana`, whose password is `S3cr3t ü 42`.
    pub async fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| serving.answer(&request)).await?;
        Ok(Self { server, shared })
    }

    /// Its base URL with the context path.
    pub fn url(&self) -> String {
        format!("{}/am", self.server.url())
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.shared.sessions().len()
    }

    /// How many sessions it has made in all.
    pub fn made(&self) -> usize {
        self.shared.made.load(Ordering::SeqCst)
    }

    /// How often it was asked about sessions.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// From now on, ending a session fails.
    pub fn refuse_to_end(&self) {
        self.shared.cannot_end.store(true, Ordering::SeqCst);
    }

    /// A session of `username`, made otherwise.
    pub fn session(&self, username: &str) -> String {
        self.shared.begin(username)
    }
}

impl Shared {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, username: &str) -> String {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let token = format!("AQIC5w{number}.*AAJTSQACMDE.*");
        self.sessions().insert(token.clone(), username.to_owned());
        token
    }

    fn answer(&self, request: &Received) -> Response<Full<Bytes>> {
        let uri = &request.head.uri;
        let query = uri.query().unwrap_or_default();
        let Some(path) = uri
            .path()
            .strip_prefix("/am/json/realms/root/realms/alpha/")
        else {
            return refused(404, "Not Found");
        };
        let header = |name: &str| {
            let value = request.head.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        if header("accept-api-version").is_none() {
            return refused(400, "Bad Request");
        }
        let session = header(COOKIE);
        let username = session
            .as_ref()
            .and_then(|token| self.sessions().get(token).cloned());
        match path {
            "serverinfo/*" => answer(&json!({"cookieName": COOKIE, "realm": REALM})),
            "authenticate" => self.authenticate(query, header),
            "sessions" if query == "_action=getSessionInfo" => {
                self.asked.fetch_add(1, Ordering::SeqCst);
                match username {
                    Some(username) => answer(&json!({
                        "username": username,
                        "universalId": format!("id={username},ou=user,o=alpha,ou=services,ou=am-config"),
                        "realm": if username == "stranger" { "/beta" } else { REALM },
                        "latestAccessTime": "2026-01-01T00:00:00Z",
                        "maxIdleExpirationTime": "2099-01-01T00:00:00Z",
                        "maxSessionExpirationTime": "2099-01-01T00:00:00.123Z",
                        "properties": {"AMCtxId": "ctx-1"},
                    })),
                    None => refused(401, "Unauthorized"),
                }
            }
            "sessions" if query == "_action=logout" => {
                if self.cannot_end.load(Ordering::SeqCst) {
                    return refused(500, "Internal Server Error");
                }
                self.sessions().remove(&session.unwrap_or_default());
                answer(&json!({"result": "Successfully logged out"}))
            }
            "users/dana" if username.is_some() => answer(&json!({
                "username": "dana",
                "mail": ["dana@corp.example"],
                "groups": ["staff", "sales"],
                "userPassword": ["never"],
            })),
            _ => refused(404, "Not Found"),
        }
    }

    fn authenticate(
        &self,
        query: &str,
        header: impl Fn(&str) -> Option<String>,
    ) -> Response<Full<Bytes>> {
        let is = |part: &str| query.split('&').any(|found| found == part);
        let known = if is("authIndexValue=StsOidc") {
            header("x-sts-idtoken").as_deref() == Some("an.id.token")
        } else if is("authIndexValue=Interactive") {
            return answer(&json!({"authId": "eyJ", "callbacks": [{"type": "ChoiceCallback"}]}));
        } else {
            header("x-openam-username").as_deref() == Some("dana")
                && header("x-openam-password").as_deref() == Some("=?UTF-8?B?UzNjcjN0IMO8IDQy?=")
        };
        if !known {
            return refused(401, "Unauthorized");
        }
        if is("noSession=true") {
            return answer(
                &json!({"message": "Authentication Successful", "successUrl": "/am/console", "realm": REALM}),
            );
        }
        let token = self.begin("dana");
        answer(&json!({"tokenId": token, "successUrl": "/am/console", "realm": REALM}))
    }
}

fn refused(code: u16, reason: &str) -> Response<Full<Bytes>> {
    let body: Value = json!({"code": code, "reason": reason, "message": reason});
    let mut response = answer(&body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    response
}
