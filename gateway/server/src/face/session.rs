//! Sessions in the protocol of `PingAM`: `/json[/realms/root[/realms/…]]/authenticate`, `sessions`, `users`
//! and `serverinfo`. A client of an access manager signs in here and brings the session it gets.

mod authenticate;
mod header_text;
mod sign_in;

use std::sync::Arc;

use cambist_core::Timestamp;
use cambist_token::{PasswordDirectory, SessionDirectory as _};
use hyper::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use x509_cert::der::DateTime;

pub use sign_in::SignInKey;

use super::rest_sts::common_rest::{
    Content, ContentType, RestError, RestRequest, RestResponse, render,
};
use crate::{
    directory::realm_path,
    sessions::{Known, SessionStore},
};

/// What a path of this face asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTarget {
    /// The realm, as a path with its leading slash.
    realm: String,
    resource: Resource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Authenticate,
    ServerInfo,
    Sessions,
    Users,
}

impl SessionTarget {
    /// The target of a path; none if the path is not of this face.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/am").unwrap_or(path);
        let rest = path.strip_prefix("/json/")?;
        let (realm, rest) = realm_of(rest)?;
        let resource = match rest {
            "authenticate" => Resource::Authenticate,
            "sessions" => Resource::Sessions,
            "serverinfo/*" | "serverinfo/%2A" | "serverinfo/%2a" => Resource::ServerInfo,
            "users" => Resource::Users,
            _ => return None,
        };
        Some(Self { realm, resource })
    }
}

/// Splits `realms/root/realms/alpha/authenticate` into the realm and the rest.
fn realm_of(path: &str) -> Option<(String, &str)> {
    let Some(mut rest) = path.strip_prefix("realms/root/") else {
        return Some(("/".to_owned(), path));
    };
    let mut realm = String::new();
    while let Some(deeper) = rest.strip_prefix("realms/") {
        let (segment, behind) = deeper.split_once('/')?;
        realm.push('/');
        realm.push_str(segment);
        rest = behind;
    }
    Some((realm_path(&realm).ok()?, rest))
}

/// Who checks the passwords of a realm, by the name of a login service; the realm's usual one for none.
pub type FindDirectory<'a> =
    dyn Fn(&str, Option<&str>) -> Option<Arc<dyn PasswordDirectory>> + Sync + 'a;

/// What this face answers from.
pub struct SessionFace<'a> {
    /// Who is signed in.
    pub sessions: &'a SessionStore,
    /// Who checks passwords.
    pub directory: &'a FindDirectory<'a>,
    /// Whence the request came, if that is known.
    pub address: Option<std::net::IpAddr>,
    /// Protects a sign-in that takes several rounds.
    pub key: &'a SignInKey,
    /// Name of the cookie and of the header that carry a session.
    pub cookie: &'a str,
    /// Base URL of the gateway.
    pub base_url: &'a str,
}

/// Answers one request.
pub async fn answer(
    request: &RestRequest,
    target: &SessionTarget,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> RestResponse {
    let outcome = handle(request, target, face, now).await;
    render(request, outcome)
}

async fn handle(
    request: &RestRequest,
    target: &SessionTarget,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> Result<Content, RestError> {
    check_version(&request.headers, target.resource)?;
    let realm = realm(request, target)?;
    match target.resource {
        Resource::Authenticate => authenticate::answer(request, &realm, face, now).await,
        Resource::ServerInfo => server_info(request, &realm, face),
        Resource::Sessions => sessions(request, face, now).await,
        Resource::Users => users(request, face, now),
    }
}

/// The realm of the path, or the one that `realm` names below the root.
fn realm(request: &RestRequest, target: &SessionTarget) -> Result<String, RestError> {
    match request.parameter("realm") {
        Some(named) if target.realm == "/" => {
            realm_path(named).map_err(|_| RestError::bad_request("Invalid realm"))
        }
        _ => Ok(target.realm.clone()),
    }
}

/// The highest version of each resource, as clients ask for it in `Accept-API-Version`.
fn check_version(headers: &HeaderMap, resource: Resource) -> Result<(), RestError> {
    let most = match resource {
        Resource::Authenticate => 2,
        Resource::ServerInfo => 1,
        Resource::Sessions => 5,
        Resource::Users => 4,
    };
    let asked = headers
        .get("accept-api-version")
        .and_then(|value| value.to_str().ok());
    let version = asked
        .into_iter()
        .flat_map(|text| text.split(','))
        .find_map(|part| part.trim().strip_prefix("resource="));
    let Some(version) = version else {
        return Ok(());
    };
    let major: Option<u32> = version
        .trim_matches('"')
        .split('.')
        .next()
        .and_then(|number| number.parse().ok());
    if major.is_some_and(|major| (1..=most).contains(&major)) {
        return Ok(());
    }
    Err(RestError::new(
        StatusCode::NOT_FOUND,
        "Accept-API-Version: the requested resource version does not match any routes",
    ))
}

fn content(value: Value) -> Content {
    let members = match value {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Content {
        members,
        ..Content::default()
    }
}

fn server_info(
    request: &RestRequest,
    realm: &str,
    face: &SessionFace<'_>,
) -> Result<Content, RestError> {
    if request.effective_method() != Method::GET {
        return Err(RestError::unknown_action());
    }
    let host = face
        .base_url
        .split_once("://")
        .map_or(face.base_url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    Ok(content(json!({
        "domains": [],
        "cookieName": face.cookie,
        "secureCookie": face.base_url.starts_with("https://"),
        "cookieHttpOnly": true,
        "realm": realm,
        "FQDN": host,
        "forgotPassword": "false",
        "selfRegistration": "false",
        "kbaEnabled": "false",
        "zeroPageLogin": { "enabled": true, "refererWhitelist": [], "allowedWithoutReferer": true },
    })))
}

/// The session of the caller: in a header named like the cookie, or in the cookie.
pub fn presented<'h>(headers: &'h HeaderMap, cookie: &str) -> Option<&'h str> {
    let header = headers
        .get(cookie)
        .and_then(|value| value.to_str().ok())
        .map(str::trim);
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    header
        .or_else(|| {
            pairs
                .find(|(name, _)| *name == cookie)
                .map(|(_, value)| value.trim_matches('"'))
        })
        .filter(|token| !token.is_empty())
}

/// The session that a request is about: that of its body, or the caller's own. Whoever holds a session's
/// token may ask about it and end it.
fn subject(request: &RestRequest, face: &SessionFace<'_>) -> Result<String, RestError> {
    let body = if request.body.is_empty() {
        Value::Null
    } else {
        request.json(ContentType::Optional)?
    };
    let named = match body.get("tokenId") {
        Some(Value::String(token)) => Some(token.as_str()),
        Some(_) => return Err(RestError::bad_request("tokenId must be a JSON string")),
        None => None,
    };
    named
        .or_else(|| presented(&request.headers, face.cookie))
        .map(ToOwned::to_owned)
        .ok_or_else(RestError::access_denied)
}

async fn sessions(
    request: &RestRequest,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> Result<Content, RestError> {
    if request.effective_method() != Method::POST {
        return Err(RestError::new(
            StatusCode::NOT_IMPLEMENTED,
            "Sessions are asked about with POST and an _action.",
        ));
    }
    let action = request.parameter("_action").unwrap_or_default();
    let known = |token: &str, is_use| face.sessions.known(token.as_bytes(), now, is_use);
    match action {
        "validate" | "isActive" => Ok(content(
            match known(&subject(request, face)?, action == "validate") {
                Some(known) if action == "validate" => json!({
                    "valid": true,
                    "sessionUid": known.handle,
                    "uid": known.session.username,
                    "realm": known.session.realm,
                }),
                Some(_) => json!({ "active": true }),
                None if action == "validate" => json!({ "valid": false }),
                None => json!({ "active": false }),
            },
        )),
        "getSessionInfo" | "getSessionInfoAndResetIdleTime" => {
            let is_use = action != "getSessionInfo";
            known(&subject(request, face)?, is_use)
                .map(|known| content(described(&known)))
                .ok_or_else(RestError::access_denied)
        }
        "getSessionProperties" => known(&subject(request, face)?, false)
            .map(|known| content(json!({ "AMCtxId": known.handle })))
            .ok_or_else(RestError::access_denied),
        "logout" => {
            let token = subject(request, face)?;
            let was_there = known(&token, false).is_some();
            face.sessions.end(token.as_bytes()).await;
            let result = if was_there {
                "Successfully logged out"
            } else {
                "Token has expired"
            };
            Ok(content(json!({ "result": result })))
        }
        _ => Err(RestError::unknown_action()),
    }
}

fn described(known: &Known) -> Value {
    json!({
        "username": known.session.username,
        "universalId": universal_id(&known.session.username, &known.session.realm),
        "realm": known.session.realm,
        "latestAccessTime": instant(known.used_at),
        "maxIdleExpirationTime": instant(known.idle_ends_at),
        "maxSessionExpirationTime": instant(known.session.ends_at),
        "properties": { "AMCtxId": known.handle },
    })
}

fn instant(at: Timestamp) -> String {
    DateTime::from_unix_duration(std::time::Duration::from_secs(at.0))
        .map(|moment| moment.to_string())
        .unwrap_or_default()
}

/// The name of a user across realms, as a distinguished name (RFC 4514).
fn universal_id(username: &str, realm: &str) -> String {
    let mut name = format!("id={},ou=user", ldap3::dn_escape(username));
    let mut parts: Vec<&str> = realm.split('/').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    for part in &parts {
        name.push_str(",o=");
        name.push_str(part);
    }
    if !parts.is_empty() {
        name.push_str(",ou=services");
    }
    name + ",ou=am-config"
}

/// `users?_action=idFromSession`, by which older clients learn who the caller is.
fn users(
    request: &RestRequest,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> Result<Content, RestError> {
    if request.effective_method() != Method::POST
        || request.parameter("_action") != Some("idFromSession")
    {
        return Err(RestError::unknown_action());
    }
    let token = presented(&request.headers, face.cookie).ok_or_else(RestError::access_denied)?;
    let known = face.sessions.known(token.as_bytes(), now, true);
    let known = known.ok_or_else(RestError::access_denied)?;
    Ok(content(json!({
        "id": known.session.username,
        "realm": known.session.realm,
        "dn": universal_id(&known.session.username, &known.session.realm),
        "successURL": SUCCESS_URL,
        "fullLoginURL": null,
    })))
}

/// What access managers name as the place to go to. There is no such place here.
const SUCCESS_URL: &str = "/";

#[cfg(test)]
mod tests;
