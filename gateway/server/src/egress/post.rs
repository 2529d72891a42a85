//! Forms, and what answers them.

use std::time::Duration;

use cambist_core::{FetchError, Fetched};
use cambist_plugin::{HttpError, HttpRequest, HttpResponse};
use hyper::{Method, StatusCode, header};
use zeroize::Zeroizing;

use super::{Egress, check_head};

impl Egress {
    /// Posts a form. Anything but 200 with a body of the type `media` is a failure; a redirect is one too (KF-03).
    pub(super) async fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
        media: &str,
    ) -> Result<Fetched, FetchError> {
        let (limit, bytes) = (self.rules.timeout, self.rules.body_bytes);
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let mut headers = vec![
            (header::ACCEPT, text(media)),
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
        accepted(answer, bytes, media)
    }
}

fn accepted(answer: HttpResponse, limit: usize, wanted: &str) -> Result<Fetched, FetchError> {
    let status = StatusCode::from_u16(answer.status)
        .map_err(|_| FetchError::Unexpected(format!("status {}", answer.status)))?;
    let named = |header: &str| {
        let mut headers = answer.headers.iter();
        headers
            .find(|(name, _)| name == header)
            .map(|(_, value)| value.as_str())
    };
    let is_compressed = named("content-encoding").is_some();
    let media = named("content-type").unwrap_or_default();
    check_head(status, is_compressed, media, |essence| essence == wanted)?;
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
