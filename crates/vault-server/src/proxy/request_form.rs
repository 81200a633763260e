//! The form of a request in each version of HTTP.
//!
//! In: a request as it came, in either version, and its target. Out: the same request as it goes up
//! a connection of HTTP/1.1 or of HTTP/2. A request that came back unsent may get the other form.
//!
//! Promise: no body is left out for want of a length, and headers keep their order.

use credential_injector::{Target, remove_header};
use http::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Uri, Version};
use http_body::Body;

/// Gives `request` the form of HTTP/1.1.
pub(super) fn for_http1<B: Body>(request: &mut Request<B>, target: &Target) {
    if request.version() == Version::HTTP_2 {
        join_cookies(request.headers_mut());
    }
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = Uri::from(path_and_query(request));
    let body = request.body();
    let length_is_known = body.is_end_stream() || body.size_hint().exact().is_some();
    let headers = request.headers_mut();
    if !length_is_known && !headers.contains_key(CONTENT_LENGTH) {
        // Without this the HTTP library sends GET and HEAD without their bodies.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    headers.insert(HOST, target.host_header());
}

/// Gives `request` the form of HTTP/2.
pub(super) fn for_http2<B>(request: &mut Request<B>, target: &Target) {
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = target.uri_at(path_and_query(request));
    // `:authority` says it (RFC 9113 section 8.3.1).
    remove_header(request.headers_mut(), &HOST);
    // Frames do (section 8.2.2); left by the other form.
    remove_header(request.headers_mut(), &TRANSFER_ENCODING);
}

/// The request's, not the target's: a credential may have been put into the query.
fn path_and_query<B>(request: &Request<B>) -> PathAndQuery {
    let own = request.uri().path_and_query().cloned();
    own.unwrap_or(PathAndQuery::from_static("/"))
}

/// Makes one cookie field of several. HTTP/2 may split them (RFC 9113 section 8.2.3), and
/// receivers of HTTP/1.1 read the first alone.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&HeaderValue> = headers.get_all(COOKIE).iter().collect();
    if crumbs.len() < 2 {
        return;
    }
    let is_sensitive = crumbs.iter().any(|crumb| crumb.is_sensitive());
    let bytes: Vec<&[u8]> = crumbs.iter().map(|crumb| crumb.as_bytes()).collect();
    // Values of headers with printable bytes between them are one.
    let Ok(mut joined) = HeaderValue::from_bytes(&bytes.join(&b"; "[..])) else {
        return;
    };
    joined.set_sensitive(is_sensitive);
    headers.insert(COOKIE, joined);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use credential_injector::SchemePolicy;
    use http_body_util::channel::Channel;
    use http_body_util::combinators::UnsyncBoxBody;
    use http_body_util::{BodyExt, Empty, Full};

    use super::*;

    type Boxed = UnsyncBoxBody<Bytes, Infallible>;

    fn target() -> Target {
        Target::parse("https://a.example/p?q", &SchemePolicy::https_only()).unwrap()
    }

    fn request(
        version: Version,
        headers: &[(&'static str, &'static str)],
        body: Boxed,
    ) -> Request<Boxed> {
        let mut request = Request::new(body);
        *request.version_mut() = version;
        *request.uri_mut() = Uri::from_static("/p?q&key=1");
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn unknown() -> Boxed {
        Channel::new(1).1.boxed_unsync()
    }

    #[test]
    fn only_a_body_of_unknown_length_is_chunked() {
        let full = Full::from("body").boxed_unsync();
        let empty = Empty::new().boxed_unsync();
        for (body, chunked) in [(unknown(), true), (full, false), (empty, false)] {
            let mut request = request(Version::HTTP_2, &[], body);
            for_http1(&mut request, &target());
            assert_eq!(request.headers().contains_key(TRANSFER_ENCODING), chunked);
            assert_eq!(request.uri(), "/p?q&key=1");
            for_http2(&mut request, &target());
            assert!(!request.headers().contains_key(TRANSFER_ENCODING));
            assert_eq!(request.uri(), "https://a.example/p?q&key=1");
        }
        let declared = [("content-length", "4")];
        let mut request = request(Version::HTTP_11, &declared, unknown());
        for_http1(&mut request, &target());
        assert!(!request.headers().contains_key(TRANSFER_ENCODING));
    }

    #[test]
    fn crumbs_of_http2_become_one_cookie() {
        let headers = [("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2; c=3")];
        for (version, cookies) in [
            (Version::HTTP_2, &["a=1; b=2; c=3"][..]),
            (Version::HTTP_11, &["a=1", "b=2; c=3"]),
        ] {
            let mut request = request(version, &headers, unknown());
            for_http1(&mut request, &target());
            let sent: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
            assert_eq!(sent, cookies);
        }
    }

    #[test]
    fn headers_keep_their_order_towards_http2() {
        let headers = [
            ("host", "a"),
            ("x-first", "1"),
            ("x-second", "2"),
            ("x-last", "3"),
        ];
        let mut request = request(Version::HTTP_11, &headers, unknown());
        for_http1(&mut request, &target());
        for_http2(&mut request, &target());
        let names: Vec<_> = request.headers().keys().collect();
        assert_eq!(names, ["x-first", "x-second", "x-last"]);
    }
}
