//! The REST STS face: one JSON object in, one issued token out.
//!
//! The shape of a request is judged whole before anything is authenticated, in a fixed order, so that a
//! malformed request never tells whether its credential was good.

pub mod common_rest;
mod failure;
mod kept;
mod offload;
mod translate;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use cambist_core::{
    Call, Client, EndOfSession, ExchangeError, ExchangeRequest, Exchanged, Instance, MayPresent,
    Proofs, Scope, TokenType,
};
use cambist_saml::transport;
use common_rest::{
    Caller, Content, ContentType, RestError, RestRequest, RestResponse, refuse_conditions, render,
};
use hyper::Method;
use serde_json::{Map, Value};

pub use kept::Books;
use kept::Deed;
use offload::{Offload, Source};
pub use translate::Translation;

use super::shown;
use crate::document::RestStsDocument;

/// Input type for a user name and password.
pub const USERNAME: &str = "USERNAME";
/// Input and output type for an `OpenID` Connect ID token.
pub const OPENIDCONNECT: &str = "OPENIDCONNECT";
/// Input type for an X.509 certificate.
pub const X509: &str = "X509";
/// Input type for a session of an access manager.
pub const OPENAM: &str = "OPENAM";
/// Output type for a SAML 2.0 assertion.
pub const SAML2: &str = "SAML2";

/// How an instance answers on this face, every name resolved.
#[derive(Clone, Debug)]
pub struct RestFace {
    /// The party on whose behalf the engine is asked: this face knows no clients of its own.
    pub client: Client,
    /// Token types by input type name.
    pub inputs: HashMap<String, TokenType>,
    /// Token types by output type name.
    pub outputs: HashMap<String, TokenType>,
    /// The pairs of names that may be translated, and whether a session then ends.
    transforms: HashMap<(String, String), bool>,
    /// Where certificates come from, if not from the connection.
    offload: Option<Offload>,
    /// Whom tokens of an output type are for, where that is not everybody.
    output_audiences: BTreeMap<String, BTreeSet<String>>,
    /// Where issued tokens are kept, if they are.
    books: Option<Books>,
}

impl RestFace {
    /// The face that `document` describes; `inputs` and `outputs` are its names, resolved.
    pub fn new(
        document: &RestStsDocument,
        inputs: HashMap<String, TokenType>,
        outputs: HashMap<String, TokenType>,
    ) -> Self {
        let pairs = document.transforms.iter().map(|t| {
            let names = (t.input.clone(), t.output.clone());
            (names, t.invalidate_interim_session)
        });
        Self {
            client: client(&document.audiences),
            inputs,
            outputs,
            transforms: pairs.collect(),
            offload: document.client_certificate.as_ref().map(Offload::new),
            output_audiences: document.output_audiences.clone(),
            books: None,
        }
    }

    /// The same for an instance that keeps what it issues.
    #[must_use]
    pub fn keeping(mut self, books: Books) -> Self {
        self.books = Some(books);
        self
    }

    /// Whether tokens of this type are issued.
    fn issues(&self, output: &str) -> bool {
        self.transforms.keys().any(|(_, issued)| issued == output)
    }

    /// Whom a token of this output type is for.
    fn audiences(&self, output: &str) -> Vec<String> {
        let all = &self.client.audiences;
        let wanted = self.output_audiences.get(output).unwrap_or(all);
        wanted.iter().cloned().collect()
    }

    /// The types behind a pair of names, if the pair may be translated, and whether a session then ends.
    fn pair(&self, input: &str, output: &str) -> Option<(&TokenType, &TokenType, bool)> {
        let ends_session = self
            .transforms
            .get(&(input.to_owned(), output.to_owned()))?;
        let (input, output) = (self.inputs.get(input)?, self.outputs.get(output)?);
        Some((input, output, *ends_session))
    }
}

/// Whoever holds the input token may ask: the operator named the pair and the audiences when the instance
/// was published, and the token in the body is the credential.
fn client(audiences: &BTreeSet<String>) -> Client {
    Client {
        id: "rest-sts".to_owned(),
        audiences: audiences.clone(),
        scope: Scope::default(),
        may_present: MayPresent::Any,
        impersonation: true,
        is_named: false,
        actors: Vec::new(),
        max_lifetime: None,
        binding: cambist_core::Binding::default(),
    }
}

/// What became of an exchange, for the audit record; none if it never came to one.
pub type Outcome = Option<Result<Exchanged, ExchangeError>>;

/// Answers one request to a published instance. `published` is none when nothing with this face is
/// published at the path. `peer` is whoever sent it.
pub async fn answer(
    request: &RestRequest,
    published: Option<(&Instance, &RestFace)>,
    call: &Call<'_>,
    peer: Option<IpAddr>,
) -> (RestResponse, Outcome) {
    let Some((instance, face)) = published else {
        return (
            render(request, Err(RestError::no_resource(&request.id()))),
            None,
        );
    };
    let action = match action(request) {
        Ok(action) => action,
        Err(error) => return (render(request, Err(error)), None),
    };
    let body = match request.json(ContentType::Optional) {
        Ok(body) => body,
        Err(error) => return (render(request, Err(error)), None),
    };
    match action {
        Action::Validate => {
            let answer = kept::answer(Deed::Validate, &body, face, call).await;
            (render(request, answer), None)
        }
        Action::Cancel => {
            let answer = kept::answer(Deed::Cancel, &body, face, call).await;
            (render(request, answer), None)
        }
        Action::Translate => match translate::read(body, face, &Source::of(request, call, peer)) {
            Ok(translation) => {
                let (answer, outcome) = translated(translation, instance, face, call).await;
                (render(request, answer), Some(outcome))
            }
            Err(error) => (render(request, Err(error)), None),
        },
    }
}

async fn translated(
    translation: Translation,
    instance: &Instance,
    face: &RestFace,
    call: &Call<'_>,
) -> (Result<Content, RestError>, Result<Exchanged, ExchangeError>) {
    let (input, output) = (translation.input, translation.output);
    let request = ExchangeRequest {
        client: &face.client,
        subject: translation.subject,
        actor: None,
        requested_token_type: Some(translation.requested_token_type),
        audiences: translation.audiences,
        resources: Vec::new(),
        scope: None,
        nonce: translation.nonce,
        wanted_confirmation: translation.confirmation,
        described: translation.described,
    };
    let ends = if translation.ends_session {
        EndOfSession::Any
    } else {
        EndOfSession::None
    };
    let outcome = match translation.certificate {
        // The offloader's word for who holds the key, in place of the connection's own.
        Some(certificate) => {
            let certificates = [certificate];
            let proofs = Proofs {
                certificates: &certificates,
                ..Proofs::default()
            };
            let call = Call {
                proofs,
                ..call.clone()
            };
            cambist_core::exchange_and_then(ends, instance, &request, &call).await
        }
        None => cambist_core::exchange_and_then(ends, instance, &request, call).await,
    };
    let answer = match &outcome {
        Ok(exchanged) => issued(exchanged, &output),
        Err(error) => Err(failure::rest_error(error, &input)),
    };
    (answer, outcome)
}

/// The answer. An assertion is XML here, not the base64url that RFC 8693 has it travel in; what a custom
/// provider makes is the whole answer if it is a JSON object.
fn issued(exchanged: &Exchanged, output: &str) -> Result<Content, RestError> {
    let token = &exchanged.issued.token;
    if !matches!(output, OPENIDCONNECT | SAML2)
        && let Ok(Value::Object(members)) = serde_json::from_slice(token.as_bytes())
    {
        return Ok(Content {
            members,
            ..Content::default()
        });
    }
    let text = if output == SAML2 {
        let document = transport::decode_token(token.as_bytes())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        document.ok_or_else(failure::not_an_assertion)?
    } else {
        shown(token).into_owned()
    };
    let members = Map::from_iter([("issued_token".to_owned(), Value::String(text))]);
    Ok(Content {
        members,
        ..Content::default()
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Translate,
    Validate,
    Cancel,
}

/// An instance is a single thing with three actions; nothing else can be done with it here. What is not
/// one of the three needs an administrator, who then learns that it is not offered either.
fn action(request: &RestRequest) -> Result<Action, RestError> {
    let method = request.effective_method();
    let name = request.parameter("_action");
    let action = match (&method, name) {
        (&Method::POST, Some("translate")) => Action::Translate,
        (&Method::POST, Some("validate")) => Action::Validate,
        (&Method::POST, Some("cancel")) => Action::Cancel,
        (&Method::GET, _) if !request.is_query() => return Err(failure::unsupported("read")),
        (&Method::PUT, _) => return Err(failure::unsupported("updated")),
        (&Method::PATCH, _) => return Err(failure::unsupported("patched")),
        _ if request.caller == Caller::Anonymous => return Err(RestError::access_denied()),
        (&Method::GET, _) => return Err(RestError::bad_request("An instance cannot be queried")),
        (&Method::DELETE, _) => {
            return Err(RestError::bad_request("An instance cannot be deleted here"));
        }
        (&Method::POST, None | Some("create")) => {
            return Err(RestError::bad_request("An instance cannot be created here"));
        }
        (&Method::POST, Some(_)) => return Err(RestError::unknown_action()),
        _ => return Err(failure::unsupported("used with this method")),
    };
    refuse_conditions(&request.headers, false, |_| false)?;
    Ok(action)
}

#[cfg(test)]
mod tests;
