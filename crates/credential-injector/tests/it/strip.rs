//! What is taken out of headers and trailers, and what stays, in which order.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use credential_injector::{
    CONTROL_HEADERS, carries_own_key, strip_request, strip_response, strip_trailers,
};
use http::header::{HeaderMap, HeaderName, HeaderValue};

type Lines = Vec<(String, String)>;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

fn lines(map: &HeaderMap) -> Lines {
    map.iter()
        .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
        .collect()
}

fn check(strip: fn(&mut HeaderMap), before: &[(&str, &str)], after: &[(&str, &str)]) {
    let mut headers = map(before);
    strip(&mut headers);
    assert_eq!(lines(&headers), lines(&map(after)), "{before:?}");
}

#[test]
fn control_headers_leave_requests_and_nothing_alike_does() {
    for name in CONTROL_HEADERS {
        check(
            strip_request,
            &[("a", "1"), (name, "x"), ("b", "2"), (name, "y")],
            &[("a", "1"), ("b", "2")],
        );
    }
    let alike = [
        ("x-api-keys", "1"),
        ("x-api-key-id", "1"),
        ("api-key", "1"),
        ("x-target-urls", "1"),
        ("x-identity", "1"),
        ("x-proxy", "1"),
        ("x-user-secrets", "1"),
        ("proxy-auth", "1"),
    ];
    check(strip_request, &alike, &alike);
}

#[test]
fn hop_by_hop_headers_leave_both_ways() {
    for strip in [strip_request, strip_response] {
        for name in [
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
            "proxy-authenticate",
            "proxy-authentication-info",
            "http2-settings",
            "te",
        ] {
            check(
                strip,
                &[("a", "1"), (name, "x"), ("b", "2")],
                &[("a", "1"), ("b", "2")],
            );
        }
    }
}

#[test]
fn what_connection_names_leaves_both_ways() {
    for strip in [strip_request, strip_response] {
        check(
            strip,
            &[
                ("connection", "close, X-Hop"),
                ("x-hop", "1"),
                ("x-end", "2"),
            ],
            &[("x-end", "2")],
        );
        check(
            strip,
            &[
                ("connection", "x-a"),
                ("x-a", "1"),
                ("connection", " ,x-b ,"),
                ("x-b", "1"),
                ("x-c", "1"),
            ],
            &[("x-c", "1")],
        );
        check(
            strip,
            &[
                ("connection", "bad name, \"q\", x-a"),
                ("x-a", "1"),
                ("x-b", "1"),
            ],
            &[("x-b", "1")],
        );
    }
}

#[test]
fn connection_cannot_name_away_what_a_message_means() {
    for strip in [strip_request, strip_response] {
        for name in [
            "host",
            "content-length",
            "content-type",
            "content-encoding",
            "authorization",
            "cookie",
            "cache-control",
            "expect",
            "range",
            "set-cookie",
            "if-none-match",
        ] {
            check(
                strip,
                &[(name, "1"), ("connection", name), ("x", "y")],
                &[(name, "1"), ("x", "y")],
            );
        }
    }
}

#[test]
fn only_trailers_survive_in_te() {
    check(
        strip_request,
        &[("te", "trailers"), ("connection", "te")],
        &[("te", "trailers")],
    );
    check(
        strip_request,
        &[("a", "1"), ("te", "gzip;q=0.5, Trailers"), ("b", "1")],
        &[("a", "1"), ("te", "trailers"), ("b", "1")],
    );
    check(
        strip_request,
        &[("te", "gzip"), ("te", "trailers"), ("b", "1")],
        &[("te", "trailers"), ("b", "1")],
    );
    check(strip_request, &[("te", "gzip;q=1")], &[]);
    check(strip_request, &[("te", "nottrailers")], &[]);
}

#[test]
fn announced_trailers_are_those_that_travel() {
    for strip in [strip_request, strip_response] {
        check(
            strip,
            &[("trailer", "grpc-status, x-sum")],
            &[("trailer", "grpc-status, x-sum")],
        );
        check(
            strip,
            &[("trailer", "authorization, x-sum, host")],
            &[("trailer", "x-sum")],
        );
        check(
            strip,
            &[("trailer", "content-length"), ("a", "1")],
            &[("a", "1")],
        );
    }
}

#[test]
fn trailers_carry_no_framing_routing_or_keys() {
    check(
        strip_trailers,
        &[
            ("grpc-status", "0"),
            ("authorization", "x"),
            ("content-length", "1"),
            ("host", "h"),
            ("transfer-encoding", "chunked"),
            ("x-api-key", "sgk_x"),
            ("set-cookie", "a=b"),
            ("x-user-secret", "x"),
            ("www-authenticate", "x"),
            ("x-sealgate-error", "upstream_protocol"),
            ("x-sealgate-anything", "x"),
            ("x-request-id", "x"),
            ("x-sum", "1"),
            ("x-sum", "2"),
        ],
        &[("grpc-status", "0"), ("x-sum", "1"), ("x-sum", "2")],
    );
}

#[test]
fn the_rest_stays_in_order_with_its_repeats() {
    let kept = [
        ("accept", "a"),
        ("x-1", "1"),
        ("x-2", "2"),
        ("cookie", "c=1"),
        ("x-1", "3"),
        ("x-3", ""),
        ("via", "1.1 other"),
        ("x-forwarded-for", "192.0.2.1"),
        ("cookie", "d=2"),
    ];
    check(strip_request, &kept, &kept);
    let mut with_noise = vec![("x-api-key", "sgk_1")];
    for line in kept {
        with_noise.extend([line, ("connection", "close"), ("x-mirapi-key", "k")]);
    }
    check(strip_request, &with_noise, &kept);
}

#[test]
fn an_answer_keeps_what_is_control_on_requests_alone() {
    check(
        strip_response,
        &[
            ("x-api-key", "theirs"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("www-authenticate", "Basic"),
        ],
        &[
            ("x-api-key", "theirs"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("www-authenticate", "Basic"),
        ],
    );
}

#[test]
fn own_keys_leave_and_others_stay() {
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let unpadded = format!("basic {}", STANDARD_NO_PAD.encode("sgt_abcd:"));
    for (value, own) in [
        ("Bearer sgk_abc".to_owned(), true),
        ("bearer sgt_abc".to_owned(), true),
        ("BEARER   sgt_abc".to_owned(), true),
        ("Token sgt_abc".to_owned(), true),
        ("sgk_abc".to_owned(), true),
        (basic("sgt_abc:"), true),
        (basic("user:sgk_abc"), true),
        (unpadded, true),
        (basic("user:pass"), false),
        ("Basic not base64".to_owned(), false),
        ("Bearer sk_live_1".to_owned(), false),
        ("Bearer xsgk_abc".to_owned(), false),
        ("Bearer".to_owned(), false),
        (String::new(), false),
    ] {
        let header = HeaderValue::from_str(&value).unwrap();
        assert_eq!(carries_own_key(&header), own, "{value}");
        let mut headers = map(&[("authorization", &value), ("a", "1")]);
        strip_request(&mut headers);
        assert_eq!(headers.contains_key("authorization"), !own, "{value}");
    }
}

#[test]
fn only_the_authorization_line_with_our_key_leaves() {
    check(
        strip_request,
        &[
            ("authorization", "Bearer sgt_x"),
            ("authorization", "Bearer theirs"),
        ],
        &[("authorization", "Bearer theirs")],
    );
}

#[test]
fn own_keys_leave_from_the_headers_of_any_sdk() {
    let key = "sgt_0123456789abcdefghijABCDEFGHIJ0123456789";
    check(
        strip_request,
        &[("api-key", key), ("x-goog-api-key", key), ("a", "1")],
        &[("a", "1")],
    );
    let kept = [
        ("cookie", "sgt_session=0123456789abcdefghij; b=c"),
        ("x-note", "sgt_short"),
    ];
    check(strip_request, &kept, &kept);
}
