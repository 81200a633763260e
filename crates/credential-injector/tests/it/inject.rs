//! What reaches an upstream, and what is refused before it could.

use credential_injector::{
    CONTROL_HEADERS, INJECTED_SECRET_BYTES_MAX, InjectCredentialLayer, InjectError, Injection,
    Outbound, OutboundRequest, Template, echoes_request,
};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use secrecy::SecretSlice;
use tower::{BoxError, Layer, ServiceExt, service_fn};

use crate::support::{pattern, target};

const URL: &str = "https://api.stripe.com:8443/v1/a%2Fb?q=1";

fn secret(bytes: &[u8]) -> SecretSlice<u8> {
    bytes.to_vec().into()
}

fn injected(template: &str, bytes: &[u8]) -> Result<HeaderValue, InjectError> {
    let place = Injection::new(AUTHORIZATION, Template::parse(template).unwrap())?;
    let outbound = Outbound::with_credential(
        target(URL),
        &pattern("*.stripe.com"),
        &place,
        &secret(bytes),
    )?;
    let request = outbound.apply(Request::new(()))?;
    Ok(request.request().headers()[AUTHORIZATION].clone())
}

#[test]
fn values_are_built_by_their_template() {
    for (template, bytes, expected) in [
        (
            "Bearer {{secret}}",
            &b"sk_live_1"[..],
            &b"Bearer sk_live_1"[..],
        ),
        ("{{secret}}", b"Bearer x y", b"Bearer x y"),
        (
            "Basic {{secret|base64}}",
            b"user:pass word",
            b"Basic dXNlcjpwYXNzIHdvcmQ=",
        ),
        ("Basic {{secret|base64}}", b" a:b ", b"Basic IGE6YiA="),
        ("key=\"{{secret}}\"", b" inner ", b"key=\" inner \""),
        ("{{secret}}", "schlüssel".as_bytes(), "schlüssel".as_bytes()),
        ("{{secret}}", b"{{secret}}", b"{{secret}}"),
    ] {
        let value = injected(template, bytes).unwrap();
        assert_eq!(value.as_bytes(), expected, "{template}");
        assert!(value.is_sensitive(), "{template}");
    }
}

#[test]
fn values_that_cannot_stand_in_a_header_are_refused() {
    for control in (0..0x20).chain([0x7f]) {
        for at in [
            &[control, b'a', b'b'][..],
            &[b'a', control, b'b'],
            &[b'a', b'b', control],
        ] {
            for template in ["Bearer {{secret}}", "Basic {{secret|base64}}"] {
                assert_eq!(
                    injected(template, at).err(),
                    Some(InjectError::ControlCharacter)
                );
            }
        }
    }
    assert_eq!(
        injected("Bearer {{secret}}", b"").err(),
        Some(InjectError::EmptyValue)
    );
    assert_eq!(
        injected("Bearer {{secret}}", b"a ").err(),
        Some(InjectError::EdgeSpace)
    );
    assert_eq!(
        injected("{{secret}}", b" a").err(),
        Some(InjectError::EdgeSpace)
    );
    assert!(injected("Bearer {{secret}}", &[b'a'; INJECTED_SECRET_BYTES_MAX]).is_ok());
    let too_long = [b'a'; INJECTED_SECRET_BYTES_MAX + 1];
    assert_eq!(
        injected("Bearer {{secret}}", &too_long).err(),
        Some(InjectError::ValueTooLong)
    );
}

#[test]
fn headers_that_steer_are_never_injected() {
    let place = |name: &str| {
        Injection::new(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            Template::verbatim(),
        )
    };
    for name in CONTROL_HEADERS
        .iter()
        .filter(|name| **name != "x-api-key")
        .chain(&[
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "te",
            "trailer",
            "upgrade",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "expect",
            "http2-settings",
            "via",
        ])
    {
        assert_eq!(
            place(name).err(),
            Some(InjectError::ForbiddenHeader),
            "{name}"
        );
    }
    for name in [
        "authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "private-token",
        "x-goog-api-key",
    ] {
        assert!(place(name).is_ok(), "{name}");
    }
}

#[test]
fn a_credential_is_bound_to_its_hosts() {
    for (url, permitted) in [
        ("https://api.stripe.com/", true),
        ("https://stripe.com/", false),
        ("https://api.stripe.com.evil.example/", false),
        ("https://evil.example/api.stripe.com", false),
    ] {
        let outcome = Outbound::with_credential(
            target(url),
            &pattern("*.stripe.com"),
            &Injection::bearer(),
            &secret(b"s"),
        );
        assert_eq!(outcome.is_ok(), permitted, "{url}");
    }
}

#[test]
fn the_request_is_rewritten_for_its_target() {
    let request = Request::builder()
        .method("POST")
        .uri("/anything?else=1")
        .header("host", "sealgate.example")
        .header("x-identity-key", "Bearer sk_live_1")
        .header("x-target-url", URL)
        .header("authorization", "Bearer first")
        .header("accept", "a")
        .header("authorization", "Bearer second")
        .header("accept", "b")
        .header("x-user-secret", "sgu")
        .body("body")
        .unwrap();
    let value = request.headers()["x-identity-key"].clone();
    let outbound = Outbound::with_identity(target(URL), &value).unwrap();
    let (to, request) = outbound.apply(request).unwrap().into_parts();
    assert_eq!(to, target(URL));
    assert_eq!(request.uri(), URL);
    assert_eq!(*request.body(), "body");
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            "host: api.stripe.com:8443",
            "authorization: Bearer sk_live_1",
            "accept: a",
            "accept: b"
        ]
    );
}

#[test]
fn a_pass_through_keeps_the_clients_own_authorization() {
    let request = Request::builder()
        .header("authorization", "Bearer SG.own")
        .header("x-api-key", "sgk_x")
        .body(())
        .unwrap();
    let outbound = Outbound::pass_through(target(URL));
    assert!(!outbound.injects());
    let out = outbound.apply(request).unwrap();
    assert_eq!(out.request().headers()[AUTHORIZATION], "Bearer SG.own");
    assert!(!out.request().headers().contains_key("x-api-key"));
}

#[test]
fn the_upstreams_x_api_key_replaces_ours() {
    let place = Injection::new(HeaderName::from_static("x-api-key"), Template::verbatim()).unwrap();
    let outbound = Outbound::with_credential(
        target(URL),
        &pattern("*.stripe.com"),
        &place,
        &secret(b"sk-up"),
    )
    .unwrap();
    let request = Request::builder()
        .header("x-api-key", "sgt_ours")
        .body(())
        .unwrap();
    let out = outbound.apply(request).unwrap();
    let values: Vec<_> = out
        .request()
        .headers()
        .get_all("x-api-key")
        .iter()
        .collect();
    assert_eq!(values, ["sk-up"]);
}

#[test]
fn echoing_methods_never_carry_a_credential() {
    let injecting = Outbound::with_identity(target(URL), &HeaderValue::from_static("k")).unwrap();
    let passing = Outbound::pass_through(target(URL));
    for (name, with, without) in [
        ("TRACE", Err(InjectError::EchoingMethod), Ok(())),
        ("TRACK", Err(InjectError::EchoingMethod), Ok(())),
        ("trace", Err(InjectError::EchoingMethod), Ok(())),
        ("Track", Err(InjectError::EchoingMethod), Ok(())),
        (
            "CONNECT",
            Err(InjectError::Connect),
            Err(InjectError::Connect),
        ),
        ("GET", Ok(()), Ok(())),
        ("PROPFIND", Ok(()), Ok(())),
        ("TRACES", Ok(()), Ok(())),
    ] {
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        assert_eq!(injecting.check_method(&method), with, "{name}");
        assert_eq!(passing.check_method(&method), without, "{name}");
        assert_eq!(
            echoes_request(&method),
            with == Err(InjectError::EchoingMethod),
            "{name}"
        );
        let request = Request::builder().method(method).body(()).unwrap();
        assert_eq!(injecting.clone().apply(request).err(), with.err(), "{name}");
    }
}

#[tokio::test]
async fn the_layer_calls_nobody_without_a_decision() {
    let upstream = service_fn(|out: OutboundRequest<()>| async move {
        let (target, request) = out.into_parts();
        assert_eq!(request.uri().host(), target.sni_name());
        Ok::<_, BoxError>(Response::new(request.headers().clone()))
    });
    let service = InjectCredentialLayer::new().layer(upstream);

    let undecided = service.clone().oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(undecided.downcast_ref(), Some(&InjectError::NoTarget));

    let outbound = Outbound::with_identity(target(URL), &HeaderValue::from_static("k")).unwrap();
    let trace = Request::builder()
        .method("TRACE")
        .extension(outbound.clone())
        .body(())
        .unwrap();
    let refused = service.clone().oneshot(trace).await.unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&InjectError::EchoingMethod));

    let request = Request::builder().extension(outbound).body(()).unwrap();
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(answer.body()[AUTHORIZATION], "k");
}
