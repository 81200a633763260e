//! Takes out of a message what must not travel on.
//!
//! In: the headers or trailers of a request or an answer. Out: the same without Sealgate's
//! control headers, hop-by-hop headers (RFC 9110, section 7.6.1), whatever `Connection`
//! names, and values that are one of Sealgate's own keys, in `Authorization` or elsewhere.
//!
//! Promise: everything else stays, repeated values and order included.
//! Decisions: `Connection` cannot name away what a message means (`KEPT_AGAINST_CONNECTION`):
//! RFC 9110 forbids it, and the trick serves to change a request behind its sender's back;
//! such a name is ignored. `TE: trailers` and `Trailer` stay, because trailers are passed on.
//! Not here: `Host`, which is set from the target ([`crate::Outbound`]), and framing, which
//! the HTTP library writes anew.

use http::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, TE, TRAILER};

use crate::own_keys::{carries_own_key, holds_own_key, is_bare_own_key};

/// The headers by which clients speak to Sealgate. They never reach an upstream.
pub const CONTROL_HEADERS: [&str; 12] = [
    "proxy-authorization",
    "x-api-key",
    "x-credential-id",
    "x-identity-key",
    "x-mirapi-key",
    "x-new-user-secret",
    "x-proxy-master-key",
    "x-proxy-timeout",
    "x-retry-count",
    "x-retry-delay",
    "x-target-url",
    "x-user-secret",
];

/// Headers that speak to the next hop alone, whether or not `Connection` names them
/// (RFC 9110, sections 7.6.1 and 11.7; RFC 7540, section 3.2.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Headers that `Connection` cannot name away: they are meant for whoever handles the
/// content, not for a hop.
const KEPT_AGAINST_CONNECTION: [&str; 22] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "host",
    "if-match",
    "if-none-match",
    "location",
    "range",
    "set-cookie",
    "trailer",
    "vary",
    "www-authenticate",
];

/// Fields that steer framing, routing or authentication and have no place in trailers
/// (RFC 9110, section 6.5.1).
const NOT_IN_TRAILERS: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "max-forwards",
    "pragma",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "www-authenticate",
];

/// What Sealgate says of its own answers. Trailers are read like headers by some clients, and
/// nobody else may say it there.
const OWN_NAME_PREFIX: &str = "x-sealgate-";
/// See [`OWN_NAME_PREFIX`].
const REQUEST_ID: &str = "x-request-id";

/// Whether a header is one of [`CONTROL_HEADERS`].
pub fn is_control_header(name: &HeaderName) -> bool {
    CONTROL_HEADERS.contains(&name.as_str())
}

/// Whether a header speaks to the next hop alone, whatever `Connection` says.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

/// Strips the headers of a request on its way to an upstream.
pub fn strip_request(headers: &mut HeaderMap) {
    let named = connection_options(headers);
    let trailers_wanted =
        list_items(headers, &TE).any(|item| item.eq_ignore_ascii_case(b"trailers"));
    if trailers_wanted {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    retain(headers, |name, value| {
        if name == TE {
            return trailers_wanted;
        }
        let own_key = is_bare_own_key(value) || (name == AUTHORIZATION && carries_own_key(value));
        let own = is_control_header(name) || own_key;
        !own && !is_hop_by_hop(name) && !named.contains(name)
    });
    clean_trailer_announcement(headers);
}

/// Strips the headers of an answer on its way to the client. Control headers are ours on
/// requests alone: an upstream's `X-Api-Key` is its own matter and stays.
pub fn strip_response(headers: &mut HeaderMap) {
    let named = connection_options(headers);
    retain(headers, |name, _| {
        !is_hop_by_hop(name) && !named.contains(name)
    });
    clean_trailer_announcement(headers);
}

/// Strips trailers, either way: what is stripped from headers, what RFC 9110, section 6.5.1,
/// does not permit in trailers, the names by which Sealgate marks its own answers, and values with
/// one of Sealgate's own keys in them: a trailer comes too late to refuse the request.
pub fn strip_trailers(trailers: &mut HeaderMap) {
    let holds_key = |value: &HeaderValue| is_bare_own_key(value) || holds_own_key(value.as_bytes());
    retain(trailers, |name, value| {
        may_be_trailer(name) && !holds_key(value)
    });
}

fn may_be_trailer(name: &HeaderName) -> bool {
    let own = name.as_str().starts_with(OWN_NAME_PREFIX) || name == REQUEST_ID;
    !own && !is_control_header(name)
        && !is_hop_by_hop(name)
        && !NOT_IN_TRAILERS.contains(&name.as_str())
}

/// The headers that `Connection` names, as far as they are there and can be named away. What
/// is not a header name names no header.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut named = Vec::new();
    for option in list_items(headers, &CONNECTION) {
        let Ok(name) = HeaderName::from_bytes(option) else {
            continue;
        };
        // Only headers that are there, so the list is no longer than the headers are.
        if headers.contains_key(&name)
            && !KEPT_AGAINST_CONNECTION.contains(&name.as_str())
            && !named.contains(&name)
        {
            named.push(name);
        }
    }
    named
}

/// The items of a comma-separated header over all its lines, trimmed, empty ones left out.
fn list_items<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

/// Leaves in `Trailer` only what [`strip_trailers`] lets through.
fn clean_trailer_announcement(headers: &mut HeaderMap) {
    let announced: Vec<HeaderName> = list_items(headers, &TRAILER)
        .filter_map(|item| HeaderName::from_bytes(item).ok())
        .collect();
    if announced.iter().all(may_be_trailer) {
        return;
    }
    let kept: Vec<&str> = announced
        .iter()
        .filter(|name| may_be_trailer(name))
        .map(HeaderName::as_str)
        .collect();
    match HeaderValue::from_str(&kept.join(", ")) {
        Ok(value) if !kept.is_empty() => {
            headers.insert(TRAILER, value);
        }
        _ => retain(headers, |name, _| name != TRAILER),
    }
}

/// Takes one header out. The others keep their order.
pub fn remove_header(headers: &mut HeaderMap, name: &HeaderName) {
    retain(headers, |found, _| found != name);
}

/// Keeps the values that `keep` says, in their order. `HeaderMap::remove` fills each gap with
/// the last header, so the map is built anew when something has to go.
fn retain(headers: &mut HeaderMap, mut keep: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
    if headers.iter().all(|(name, value)| keep(name, value)) {
        return;
    }
    let old = std::mem::take(headers);
    headers.reserve(old.keys_len());
    let mut current = None;
    for (name, value) in old {
        // A map hands out the name with the first of its values only.
        current = name.or(current);
        if let Some(name) = current.as_ref().filter(|name| keep(name, &value)) {
            headers.append(name, value);
        }
    }
}
