//! The base-URL door: `/to/{host[:port]}/{path}?{query}`, for clients that take a base URL.
//!
//! In: the URI of a request. Out: a [`Target`] of `https`, or of `http` for the hosts that the
//! operator lists for it. Path and query keep every byte: escapes, empty segments and dot segments
//! are the upstream's to read. A rule about paths judges the very bytes that are sent.
//! Not here: judging (`decide`), and everything behind it, which is that of the other door.

use credential_injector::{BASE_URL_PREFIX, SchemePolicy, Target, TargetError};
use http::Uri;

/// Whether a path is one of this door's.
#[must_use]
pub fn is_base(path: &str) -> bool {
    path.starts_with(BASE_URL_PREFIX)
}

/// Reads the target.
///
/// # Errors
/// [`TargetError`] as for a URL: no host, an odd one, user information, a character that must be
/// escaped.
pub fn read(uri: &Uri, schemes: &SchemePolicy) -> Result<Target, TargetError> {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    Target::parse_base_url(whole, schemes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use credential_injector::HostPattern;

    fn check(text: &str, expected: Option<&str>) {
        let listed = HostPattern::parse("plain.example").unwrap();
        let schemes = SchemePolicy::https_only()
            .permit_http(listed)
            .permit_http_on_loopback();
        let uri: Result<Uri, _> = text.parse();
        let target = uri.ok().and_then(|uri| read(&uri, &schemes).ok());
        let shown = target.map(|target| format!("{}{}", target.origin(), target.path_and_query()));
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn path_and_query_keep_every_byte() {
        for rest in [
            "/",
            "/v1/a%2Fb",
            "//a//b/",
            "/a/../b/./c",
            "/%2e%2e/b",
            "/a?b=c%20d&e=/to/x",
            "/a;b=1,c",
            "/a?b?c",
        ] {
            let expected = format!("https://api.example.com{rest}");
            check(&format!("/to/api.example.com{rest}"), Some(&expected));
            check(&format!("/to/API.example.com:443{rest}"), Some(&expected));
        }
        check("/to/a.example", Some("https://a.example/"));
        check("/to/a.example?b", Some("https://a.example/?b"));
        check("/to/a.example:8443/", Some("https://a.example:8443/"));
        check("http://proxy/to/a.example/b", Some("https://a.example/b"));
        check("/to/localhost:1/", Some("https://localhost:1/"));
        check("/to/plain.example/a", Some("http://plain.example/a"));
        check("/to/plain.example:443/a", Some("https://plain.example/a"));
        check(
            "/to/plain.example:8080/a",
            Some("http://plain.example:8080/a"),
        );
    }

    #[test]
    fn what_is_no_host_is_no_target() {
        for text in [
            "/to/",
            "/to//a.example/",
            "/to/?a.example",
            "/to/user@a.example/",
            "/to/a.example:/",
            "/to/a.example:0/",
            "/to/a.example%2Fb/",
            "/to/a.example%3A8443/",
            "/to/https://a.example/",
            "/to/https:/a.example/",
            "/to/a.example./",
            "/to/a..example/",
            "/to/../a.example/",
            "/to/0x7f.1/",
            "/to/127.1/",
            "/to/*.example.com/",
            "/tox/a.example/",
            "/TO/a.example/",
        ] {
            check(text, None);
        }
    }
}
