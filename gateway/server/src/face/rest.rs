//! Between HTTP and the two REST faces.

use hyper::{Request, Response, StatusCode, header, header::HeaderValue};

use super::rest_sts::common_rest::{Caller, RestError, RestRequest, RestResponse, render};
use crate::{
    body::{self, Body, Incoming, Unread},
    config::Limits,
};

/// Reads a request to `path`, which begins behind `mount`. A body that cannot be read is answered in the
/// faces' own form.
pub async fn request(
    request: Request<Incoming>,
    mount: &str,
    path: &str,
    caller: Caller,
    limits: &Limits,
) -> Result<RestRequest, Response<Body>> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let mut request = RestRequest {
        method: head.method,
        mount: mount.to_owned(),
        path: path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: head.headers,
        body: bytes::Bytes::new(),
        caller,
    };
    match body::read(body, limits).await {
        Ok(bytes) => {
            request.body = bytes;
            Ok(request)
        }
        Err(Unread::TooLarge) => {
            let error = RestError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request body is too large",
            );
            Err(response(render(&request, Err(error))))
        }
        Err(Unread::Broken) => Err(response(render(
            &request,
            Err(RestError::bad_request("The request body could not be read")),
        ))),
    }
}

/// The answer on the wire.
pub fn response(answer: RestResponse) -> Response<Body> {
    let mut response = Response::new(Body::full(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// 503, for an exchange that cannot be recorded.
pub fn unavailable(request: &RestRequest) -> Response<Body> {
    let error = RestError::new(StatusCode::SERVICE_UNAVAILABLE, "Try again later");
    let mut response = response(render(request, Err(error)));
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
