//! stub
use super::rest_sts::common_rest::*;
/// stub
pub async fn handle(request: &RestRequest, _p: &crate::publisher::Publisher) -> RestResponse { render(request, Err(RestError::access_denied())) }
