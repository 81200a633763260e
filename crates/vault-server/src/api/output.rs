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
use crate::vault::opened_bytes::OpenedShare;

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
    let buffer = json_bytes(document, bytes_max)?;
    Ok(answer(media_type::JSON, Bytes::from_owner(buffer)))
}

/// As [`secret_json`], for a value that was opened. The share is held as long as the buffer.
pub(super) fn opened_json(
    document: &impl Serialize,
    bytes_max: usize,
    share: OpenedShare,
) -> Result<Response, Problem> {
    let buffer = json_bytes(document, bytes_max)?;
    Ok(opened_answer(media_type::JSON, buffer, share))
}

/// An answer whose buffer is wiped once it was sent. The share is held as long as the buffer.
pub(super) fn opened_answer(
    content_type: HeaderValue,
    bytes: Zeroizing<Vec<u8>>,
    mut share: OpenedShare,
) -> Response {
    share.keep(bytes.capacity());
    let body = OpenedBody {
        bytes,
        _share: share,
    };
    answer(content_type, Bytes::from_owner(body))
}

/// The bytes of an answer, and their room.
struct OpenedBody {
    bytes: Zeroizing<Vec<u8>>,
    // Behind the bytes: fields are dropped in this order.
    _share: OpenedShare,
}

impl AsRef<[u8]> for OpenedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn json_bytes(document: &impl Serialize, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(bytes_max));
    serde_json::to_writer(&mut *buffer, document)
        .map_err(|_| Problem::new(Code::Internal, "The server could not complete the request."))?;
    Ok(buffer)
}

fn answer(content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
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
