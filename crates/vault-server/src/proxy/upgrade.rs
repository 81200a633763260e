//! WebSocket: an HTTP/1.1 connection that stops being one (RFC 9110 section 7.8, RFC 6455).
//!
//! In: a request with `Upgrade: websocket`. Out: the upstream's 101, and a [`super::tunnel`]
//! behind it. The request travels like any other, injected credential included, on an upstream
//! connection of its own.
//!
//! Promises: nothing is tunnelled before the upstream's 101 has been read and names the protocol
//! that was asked for. Bytes that the client sends early wait in its connection's read buffer;
//! after any other answer that connection is closed, so that they are never taken for a request.
//! No other protocol is carried: an h2c upgrade would move requests past the checks made here.

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;

use crate::layers::Request;
use crate::problem::{Code, Problem};
use crate::serve::Place;

/// The one protocol that is carried.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE_OPTION: HeaderValue = HeaderValue::from_static("upgrade");

/// A client that wants to go on as WebSocket.
pub(crate) struct Upgrade {
    /// Ready after the 101 has been sent.
    pub(crate) client: OnUpgrade,
    /// The client's connection, which the tunnel inherits.
    pub(crate) place: Place,
}

impl Upgrade {
    /// Reads whether `request` asks for an upgrade.
    ///
    /// # Errors
    /// `upgrade_unsupported` for every protocol but WebSocket over HTTP/1.1, and for a request
    /// that is no WebSocket handshake (RFC 6455 section 4.1): not a GET, or with a body.
    pub(crate) fn take(request: &mut Request) -> Result<Option<Self>, Problem> {
        if !request.headers().contains_key(UPGRADE) {
            return Ok(None);
        }
        let handshake = names_websocket(request.headers())
            && request.version() == Version::HTTP_11
            && request.method() == Method::GET
            && request.body().is_end_stream();
        let place = request.extensions_mut().remove::<Place>();
        match place {
            Some(place) if handshake => Ok(Some(Self {
                client: hyper::upgrade::on(request),
                place,
            })),
            _ => Err(Problem::new(
                Code::UpgradeUnsupported,
                "The only upgrade that is carried is a WebSocket handshake over HTTP/1.1.",
            )),
        }
    }
}

/// Puts the wish for WebSocket, and no other, back into a stripped head.
pub(crate) fn name_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, UPGRADE_OPTION);
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Whether an answer's head agrees to what was asked.
pub(crate) fn agrees(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS && names_websocket(headers)
}

/// One `Upgrade` that says `websocket`, and a `Connection` that announces it.
fn names_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let only = (protocols.next(), protocols.next());
    let websocket = matches!(only, (Some(name), None)
        if name.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()));
    let announced = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
    websocket && announced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_token_counts() {
        let check = |upgrade: &[&'static str], connection: &'static str, expected| {
            let mut headers = HeaderMap::new();
            for value in upgrade {
                headers.append(UPGRADE, HeaderValue::from_static(value));
            }
            headers.insert(CONNECTION, HeaderValue::from_static(connection));
            assert_eq!(names_websocket(&headers), expected, "{headers:?}");
        };
        check(&["websocket"], "upgrade", true);
        check(&["WebSocket"], "keep-alive, Upgrade", true);
        for refused in ["h2c", "websocket, h2c", "notwebsocket", "websocket/13", ""] {
            check(&[refused], "upgrade", false);
        }
        check(&["websocket", "h2c"], "upgrade", false);
        check(&["websocket"], "notupgrade", false);
        check(&["websocket"], "close", false);
    }
}
