//! A planted secret and a planted query appear in no `Debug`, `Display` or error text.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use credential_injector::egress::{AddressPolicy, EgressConnector};
use credential_injector::{
    HostPattern, Injection, Outbound, SchemePolicy, SubstringPatterns, Target, Template,
    strip_request,
};
use http::Request;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretSlice;

use crate::support::{ScriptedResolver, parse_https, pattern, target};

const CANARY: &str = "kanarienvogel7261";

fn check_absent(text: &str) {
    assert!(!text.contains(CANARY), "{text}");
    // The same, base64-encoded at each of the three alignments.
    for encoded in [
        "a2FuYXJpZW52b2dlbDcy",
        "thbmFyaWVudm9nZWw3Mj",
        "rYW5hcmllbnZvZ2VsNzI2",
    ] {
        assert!(!text.contains(encoded), "{text}");
    }
}

fn check_error(error: &dyn Error) {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        write!(text, " {inner} {inner:?}").unwrap();
        cause = inner.source();
    }
    check_absent(&text);
}

#[test]
fn targets_show_no_query() {
    for text in [
        format!("https://api.example.com/path?{CANARY}"),
        format!("https://api.example.com?key={CANARY}"),
        format!("https://api.example.com/?a=b&{CANARY}=c?{CANARY}"),
    ] {
        let target = target(&text);
        check_absent(&format!(
            "{target} {target:?} {target:#?} {}",
            target.origin()
        ));
        let outbound = Outbound::pass_through(target);
        check_absent(&format!("{outbound:?} {outbound:#?}"));
        let request = outbound.apply(Request::new(())).unwrap();
        check_absent(&format!("{request:?} {request:#?}"));
    }
}

#[test]
fn refused_text_is_not_repeated() {
    for text in [
        CANARY.to_owned(),
        format!("{CANARY}://example.com"),
        format!("https://{CANARY}@example.com/"),
        format!("https://user:{CANARY}@example.com/"),
        format!("https://{CANARY}..example/"),
        format!("https://{CANARY}./"),
        format!("https://{CANARY}%41/"),
        format!("https://example.com:{CANARY}/"),
        format!("https://[{CANARY}]/"),
        format!("https://xn--{CANARY}-.example/"),
        format!("https://example.com/#{CANARY}"),
        format!("https://example.com/ {CANARY}"),
        format!("https://example.com/<{CANARY}"),
        format!("http://{CANARY}.example/"),
        format!("https://example.com/{}", CANARY.repeat(1000)),
    ] {
        check_error(&parse_https(&text).expect_err(&text));
    }
    for text in [
        format!("*{CANARY}"),
        format!("https://{CANARY}"),
        format!("contains:{CANARY}"),
        format!("{CANARY}:x"),
        format!("{CANARY}/8"),
        format!("*.{CANARY}"),
    ] {
        check_error(&HostPattern::parse(&text).expect_err(&text));
    }
    let wide = format!("contains:{CANARY}*");
    check_error(&HostPattern::parse_with(&wide, SubstringPatterns::AllowedByOperator).unwrap_err());
    for text in [
        CANARY.to_owned(),
        format!("{{{{{CANARY}}}}}"),
        format!(" {CANARY}"),
        format!("{CANARY}\n"),
    ] {
        check_error(&Template::parse(&text).expect_err(&text));
    }
}

#[test]
fn injected_values_are_not_shown() {
    let secret: SecretSlice<u8> = CANARY.as_bytes().to_vec().into();
    for template in [
        "Bearer {{secret}}",
        "x {{secret|base64}}",
        "xx {{secret|base64}}",
    ] {
        let place = Injection::new(AUTHORIZATION, Template::parse(template).unwrap()).unwrap();
        let outbound = Outbound::with_credential(
            target("https://api.example.com/"),
            &pattern("api.example.com"),
            &place,
            &secret,
        )
        .unwrap();
        check_absent(&format!("{outbound:?} {outbound:#?} {place:?} {secret:?}"));
        let request = outbound.apply(Request::new(())).unwrap();
        check_absent(&format!("{request:?}"));
        // Even the plain request shows a mark in the value's place.
        check_absent(&format!("{:?}", request.into_parts().1));
    }
}

#[test]
fn refused_values_are_not_shown() {
    let api = || target("https://api.example.com/");
    let exact = pattern("api.example.com");
    for bytes in [
        format!("{CANARY}\n"),
        format!(" {CANARY} "),
        CANARY.repeat(1000),
    ] {
        let secret: SecretSlice<u8> = bytes.clone().into_bytes().into();
        let verbatim = Injection::new(AUTHORIZATION, Template::verbatim()).unwrap();
        let refused = Outbound::with_credential(api(), &exact, &verbatim, &secret);
        check_error(&refused.expect_err("an unusable value"));
    }
    let long = HeaderValue::from_str(&CANARY.repeat(1000)).unwrap();
    check_error(&Outbound::with_identity(api(), &long).unwrap_err());
    let secret: SecretSlice<u8> = CANARY.as_bytes().to_vec().into();
    let off =
        Outbound::with_credential(api(), &pattern("b.example"), &Injection::bearer(), &secret);
    check_error(&off.unwrap_err());
}

#[test]
fn no_control_header_survives_with_its_value() {
    let mut headers = HeaderMap::new();
    for name in credential_injector::CONTROL_HEADERS {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(CANARY),
        );
    }
    headers.append(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer sgk_{CANARY}")).unwrap(),
    );
    strip_request(&mut headers);
    check_absent(&format!("{headers:?}"));
    assert!(headers.is_empty());
}

#[tokio::test]
async fn egress_errors_show_no_query() {
    let policy = SchemePolicy::https_only();
    let url = format!("https://api.example.com/?{CANARY}");
    let target = Target::parse(&url, &policy).unwrap();
    for answer in [&["10.0.0.1"][..], &[]] {
        let resolver = Arc::new(ScriptedResolver::new(&[answer]));
        let connector = EgressConnector::new(resolver, Arc::new(AddressPolicy::deny_special()));
        check_error(&connector.connect(&target).await.unwrap_err());
        check_absent(&format!("{connector:?}"));
    }
}
