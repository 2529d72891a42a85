//! Forms, and the JSON that answers them.

use std::time::Duration;

use cambist_core::{FetchError, Fetched};
use cambist_plugin::{HttpError, HttpRequest, HttpResponse};
use hyper::{Method, header};
use zeroize::Zeroizing;

use super::Egress;

impl Egress {
    /// Posts a form. Anything but 200 with JSON is a failure; a redirect is one too (KF-03).
    pub(super) async fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<Fetched, FetchError> {
        let (limit, bytes) = (self.rules.timeout, self.rules.body_bytes);
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let mut headers = vec![
            (header::ACCEPT, text("application/json")),
            (
                header::CONTENT_TYPE,
                text("application/x-www-form-urlencoded"),
            ),
        ];
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, text(value))));
        let request = HttpRequest {
            method: Method::POST,
            url: url
                .parse()
                .map_err(|_| FetchError::Forbidden(url.chars().take(200).collect()))?,
            headers,
            body: form.as_bytes().to_vec(),
            timeout: limit,
        };
        let answer = self
            .send(request)
            .await
            .map_err(|error| failed(error, limit, bytes))?;
        accepted(answer, bytes)
    }
}

fn accepted(answer: HttpResponse, limit: usize) -> Result<Fetched, FetchError> {
    let unexpected = |what: String| Err(FetchError::Unexpected(what));
    if answer.status != 200 {
        return unexpected(format!("status {}", answer.status));
    }
    let named = |wanted: &str| {
        let mut headers = answer.headers.iter();
        headers
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    if named("content-encoding").is_some() {
        return unexpected("a compressed body".to_owned());
    }
    let media = named("content-type").unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return unexpected("a body that is not JSON".to_owned());
    }
    if answer.body.len() > limit {
        return Err(FetchError::TooLarge(limit));
    }
    Ok(Fetched {
        body: answer.body,
        max_age: None,
    })
}

fn failed(error: HttpError, limit: Duration, bytes: usize) -> FetchError {
    match error {
        HttpError::Denied(what) => FetchError::Forbidden(what),
        HttpError::TooLarge => FetchError::TooLarge(bytes),
        HttpError::TimedOut => FetchError::TimedOut(limit),
        HttpError::Unreachable(what) => FetchError::Unreachable(what),
    }
}
