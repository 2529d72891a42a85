//! `authenticate`: a name and a password, in headers or as answers to callbacks, become a session.

use std::net::IpAddr;

use cambist_core::{Fault, Timestamp, ValidateError};
use cambist_token::{Attempt, PasswordDirectory, Profile, attempts};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    Content, ContentType, RestError, RestRequest, SUCCESS_URL, SessionFace, content, header_text,
};

const USERNAME: &str = "x-openam-username";
const PASSWORD: &str = "x-openam-password";
const NAME_CALLBACK: &str = "NameCallback";
const PASSWORD_CALLBACK: &str = "PasswordCallback";

/// What a user types.
struct Credential {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
}

pub(super) async fn answer(
    request: &RestRequest,
    realm: &str,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> Result<Content, RestError> {
    if request.effective_method() != Method::POST {
        return Err(RestError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Sign in with POST.",
        ));
    }
    let service = service(request)?;
    let directory = (face.directory)(realm, service)
        .ok_or_else(|| RestError::bad_request("No Configuration found"))?;
    let credential = match from_headers(request)? {
        Some(credential) => credential,
        None => match from_callbacks(request, realm, service, face, now)? {
            Some(credential) => credential,
            None => return Ok(callbacks(&face.key.begin(realm, service, now))),
        },
    };
    let profile = check(&*directory, realm, &credential, (face.address, now)).await?;
    if request.parameter("noSession") == Some("true") {
        return Ok(content(json!({
            "message": "Authentication Successful",
            "successUrl": SUCCESS_URL,
            "realm": realm,
        })));
    }
    let token = face
        .sessions
        .begin(realm, profile, vec!["pwd".to_owned()], now)
        .await
        .map_err(|fault| away(&fault))?;
    Ok(content(json!({
        "tokenId": token,
        "successUrl": SUCCESS_URL,
        "realm": realm,
    })))
}

/// The login service that the request names; none for the realm's usual one.
fn service(request: &RestRequest) -> Result<Option<&str>, RestError> {
    match (
        request.parameter("authIndexType"),
        request.parameter("authIndexValue"),
    ) {
        (None, None) => Ok(None),
        (Some("service"), Some(name)) => Ok(Some(name)),
        _ => Err(RestError::bad_request(
            "authIndexType must be service, with its name in authIndexValue",
        )),
    }
}

fn from_headers(request: &RestRequest) -> Result<Option<Credential>, RestError> {
    let text = |name: &str| {
        request
            .headers
            .get(name)
            .map(|value| header_text::decode(value).ok_or_else(refused))
            .transpose()
    };
    Ok(match (text(USERNAME)?, text(PASSWORD)?) {
        (Some(username), Some(password)) => Some(Credential { username, password }),
        _ => None,
    })
}

/// The answers to the callbacks that the body brings back; none if it brings nothing.
fn from_callbacks(
    request: &RestRequest,
    realm: &str,
    service: Option<&str>,
    face: &SessionFace<'_>,
    now: Timestamp,
) -> Result<Option<Credential>, RestError> {
    if request.body.is_empty() {
        return Ok(None);
    }
    let body = request.json(ContentType::Optional)?;
    let Value::Object(members) = &body else {
        return Err(RestError::bad_request("The body must be a JSON object"));
    };
    if members.is_empty() {
        return Ok(None);
    }
    let id = members
        .get("authId")
        .and_then(Value::as_str)
        .ok_or_else(|| RestError::bad_request("The body does not contain an authId"))?;
    if !face.key.is_begun(id, realm, service, now) {
        return Err(RestError {
            detail: Some("the sign-in took too long, or began elsewhere".to_owned()),
            ..RestError::new(StatusCode::UNAUTHORIZED, "Session has timed out")
        });
    }
    let typed = |kind: &str| {
        let callback = members
            .get("callbacks")?
            .as_array()?
            .iter()
            .find(|callback| callback.get("type").and_then(Value::as_str) == Some(kind))?;
        let value = callback.pointer("/input/0/value")?.as_str()?;
        Some(Zeroizing::new(value.to_owned()))
    };
    match (typed(NAME_CALLBACK), typed(PASSWORD_CALLBACK)) {
        (Some(username), Some(password)) => Ok(Some(Credential { username, password })),
        _ => Err(RestError::bad_request(
            "The callbacks must be sent back with their input filled in",
        )),
    }
}

/// What an interactive client is asked.
fn callbacks(id: &str) -> Content {
    let callback = |kind: &str, prompt: &str, input: &str| {
        json!({
            "type": kind,
            "output": [{ "name": "prompt", "value": prompt }],
            "input": [{ "name": input, "value": "" }],
        })
    };
    content(json!({
        "authId": id,
        "template": "",
        "stage": "DataStore1",
        "header": "Sign in",
        "callbacks": [
            callback(NAME_CALLBACK, "User Name:", "IDToken1"),
            callback(PASSWORD_CALLBACK, "Password:", "IDToken2"),
        ],
    }))
}

async fn check(
    directory: &dyn PasswordDirectory,
    realm: &str,
    credential: &Credential,
    (address, now): (Option<IpAddr>, Timestamp),
) -> Result<Profile, RestError> {
    if credential.username.is_empty() || credential.password.is_empty() {
        return Err(refused());
    }
    let attempt = Attempt {
        realm,
        username: &credential.username,
        address,
        now,
    };
    let checked = attempts::authenticate(directory, &attempt, &credential.password).await;
    let mut profile = checked.map_err(|error| match error {
        ValidateError::Fault(fault) => away(&fault),
        ValidateError::Rejected(_) | ValidateError::RefusedWith { .. } => refused(),
    })?;
    // What another access manager made of the password is of no more use.
    if let Some(session) = profile.session.take() {
        directory.end_session(&session).await;
    }
    Ok(profile)
}

fn refused() -> RestError {
    RestError::new(StatusCode::UNAUTHORIZED, "Authentication Failed")
}

fn away(fault: &Fault) -> RestError {
    match fault {
        Fault::Overloaded(_) | Fault::Unavailable(_) => RestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Authentication is unavailable; try again later.",
        ),
        Fault::Throttled { seconds } => RestError {
            retry_after: Some(*seconds),
            ..RestError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts have failed; try again later.",
            )
        },
        Fault::Plugin { .. } | Fault::Nameless { .. } | Fault::Internal(_) => {
            RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}
