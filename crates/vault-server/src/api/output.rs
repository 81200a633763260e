//! Makes answers: wiped buffers for secrets, links for lists.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use zeroize::Zeroizing;

use super::media_type;
use crate::problem::{Code, Problem};

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A JSON answer whose buffer is wiped once it was sent. `bytes_max` is room for all of it, so
/// that no copies are left behind by growing.
///
/// # Errors
/// `internal` when the document cannot be written as JSON.
pub(super) fn secret_json(
    document: &impl Serialize,
    bytes_max: usize,
) -> Result<Response, Problem> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(bytes_max));
    serde_json::to_writer(&mut *buffer, document)
        .map_err(|_| Problem::new(Code::Internal, "The server could not complete the request."))?;
    Ok(secret_answer(media_type::JSON, buffer))
}

/// An answer whose buffer is wiped once it was sent.
pub(super) fn secret_answer(content_type: HeaderValue, body: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(body)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// An answer without a body.
pub(super) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// `Link: <…>; rel="next"` (RFC 8288) for a list that goes on. The target is relative: the
/// host that a client sent is never repeated.
pub(super) fn next_link(path: &str, parameters: &[(&str, &str)]) -> HeaderValue {
    let mut target = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.push_str(name);
        target.push('=');
        target.extend(utf8_percent_encode(value, ESCAPED));
    }
    HeaderValue::try_from(format!("<{target}>; rel=\"next\""))
        .expect("escaped text has visible ASCII characters only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_escape_what_could_end_them() {
        let link = next_link("/v1/kv", &[("after", "a>b \"é&c=%"), ("limit", "2")]);
        assert_eq!(
            link,
            "</v1/kv?after=a%3Eb%20%22%C3%A9%26c%3D%25&limit=2>; rel=\"next\""
        );
    }
}
