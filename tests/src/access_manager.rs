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
use hyper::{Method, Response, StatusCode, http::request::Parts};
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
        if let Some(refusal) = check(path, &request.head, header("accept-api-version").as_deref()) {
            return refusal;
        }
        let session = header(COOKIE);
        let username = session
            .as_ref()
            .and_then(|token| self.sessions().get(token).cloned());
        match path {
            "serverinfo/*" => answer(&json!({
                "_id": "*", "domains": [], "cookieName": COOKIE, "secureCookie": false, "cookieHttpOnly": true,
                "forgotPassword": "false", "realm": REALM, "FQDN": "am.example",
            })),
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
                        "properties": {"AMCtxId": "ctx-1", "CharSet": "UTF-8", "UserToken": username},
                    })),
                    None => refused(401, "Unauthorized"),
                }
            }
            "sessions" if query == "_action=logout" => {
                if self.cannot_end.load(Ordering::SeqCst) {
                    return refused(500, "Internal Server Error");
                }
                let known = self.sessions().remove(&session.unwrap_or_default());
                let result = match known {
                    Some(_) => "Successfully logged out",
                    None => "Token has expired",
                };
                answer(&json!({ "result": result }))
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
            let choice = json!({"type": "ChoiceCallback",
                "output": [{"name": "prompt", "value": "How?"}, {"name": "choices", "value": ["a", "b"]}],
                "input": [{"name": "IDToken1", "value": 0}]});
            return answer(&json!({"authId": "eyJ", "callbacks": [choice]}));
        } else if query.contains("authIndexValue=") && !is("authIndexValue=Sts") {
            return refused_with(400, "Bad Request", "No Configuration found");
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

/// What the product asks of every request: the method of its endpoint, JSON where there may be a body, and a
/// version of the resource that there is.
fn check(path: &str, head: &Parts, version: Option<&str>) -> Option<Response<Full<Bytes>>> {
    let (method, newest) = match path {
        "authenticate" => (Method::POST, 2.1),
        "sessions" => (Method::POST, 5.1),
        "serverinfo/*" => (Method::GET, 2.0),
        _ => (Method::GET, 4.0),
    };
    if head.method != method {
        return Some(refused(405, "Method Not Allowed"));
    }
    let content = head.headers.get("content-type");
    if method == Method::POST && content.is_none_or(|kind| kind != "application/json") {
        return Some(refused(415, "Unsupported Media Type"));
    }
    let mut parts = version.unwrap_or_default().split(',').map(str::trim);
    let resource = parts.find_map(|part| part.strip_prefix("resource="));
    let asked: Option<f64> = resource.and_then(|resource| resource.parse().ok());
    match asked {
        Some(asked) if asked <= newest => None,
        Some(_) => Some(refused(404, "Not Found")),
        None => Some(refused(400, "Bad Request")),
    }
}

fn refused(code: u16, reason: &str) -> Response<Full<Bytes>> {
    refused_with(code, reason, reason)
}

fn refused_with(code: u16, reason: &str, message: &str) -> Response<Full<Bytes>> {
    let body: Value = json!({"code": code, "reason": reason, "message": message});
    let mut response = answer(&body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    response
}
