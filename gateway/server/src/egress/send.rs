//! Requests of plugins.

use bytes::Bytes;
use cambist_core::{BoxFuture, FetchError};
use cambist_plugin::{HttpError, HttpRequest, HttpResponse};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, body::Incoming, header, header::HeaderValue};
use tokio::task::JoinHandle;

use super::{Egress, connection::Place};

/// Most bytes of an answer's body.
const ANSWER_BYTES: usize = 1 << 20;

impl Egress {
    /// Sends a plugin's request and waits for the whole answer, whatever its status: redirects are answers.
    /// Nothing is decompressed. A caller that stops waiting ends the request.
    pub fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, HttpError>> {
        let limit = request.timeout.min(self.rules.timeout);
        let egress = self.clone();
        let mut task = Running(self.handle.spawn(async move {
            tokio::time::timeout(limit, egress.exchange(request))
                .await
                .unwrap_or(Err(HttpError::TimedOut))
        }));
        Box::pin(async move {
            (&mut task.0)
                .await
                .unwrap_or_else(|error| Err(HttpError::Unreachable(error.to_string())))
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (place, path) = Place::of(&request.url).map_err(|error| refused(&error))?;
        let mut request = build(request, &place, &path)?;
        loop {
            let waited = self.idle.take(&place);
            let is_new = waited.is_none();
            let mut sender = match waited {
                Some(sender) => sender,
                None => place
                    .connect(&self.rules, &self.tls)
                    .await
                    .map_err(|error| refused(&error))?,
            };
            if sender.ready().await.is_err() && !is_new {
                continue;
            }
            // Nobody minds these twice (RFC 9110 §9.2.2); that others arrived cannot be excluded.
            let again = (!is_new && request.method().is_idempotent()).then(|| request.clone());
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let answer = read(response).await?;
                    self.idle.put(&place, sender);
                    return Ok(answer);
                }
                Err(mut failed) => match failed.take_message().or(again) {
                    // It closed while it waited.
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(HttpError::Unreachable(failed.into_error().to_string())),
                },
            }
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn build(
    wanted: HttpRequest,
    place: &Place,
    path: &str,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let denied = |what: &str| HttpError::Denied(what.to_owned());
    let mut request = Request::new(Full::new(Bytes::from(wanted.body)));
    *request.method_mut() = wanted.method;
    *request.uri_mut() = path
        .parse()
        .map_err(|_| denied("the path of the URL cannot be sent"))?;
    let headers = request.headers_mut();
    for (name, value) in wanted.headers {
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| denied("a header's value cannot be sent"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    headers.insert(
        header::HOST,
        place.host_header().map_err(|error| refused(&error))?,
    );
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static("cambist"));
    Ok(request)
}

async fn read(response: Response<Incoming>) -> Result<HttpResponse, HttpError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLarge
            } else {
                HttpError::Unreachable(error.to_string())
            }
        })?;
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: body.to_bytes().to_vec(),
    })
}

fn refused(error: &FetchError) -> HttpError {
    match error {
        FetchError::Forbidden(_) => HttpError::Denied(error.to_string()),
        FetchError::TimedOut(_) => HttpError::TimedOut,
        FetchError::TooLarge(_) => HttpError::TooLarge,
        FetchError::Unexpected(_) | FetchError::Unreachable(_) => {
            HttpError::Unreachable(error.to_string())
        }
    }
}
