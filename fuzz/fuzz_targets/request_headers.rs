#![no_main]
use credential_injector::{
    SchemePolicy, Target, holds_own_key, is_control_header, is_hop_by_hop, leaks_own_key,
    strip_request, strip_trailers,
};
use http::header::{HeaderMap, HeaderName, HeaderValue, TE, TRAILER};
use libfuzzer_sys::fuzz_target;
use vault_server::config::Limits;
use vault_server::layers::PresentedKey;
use vault_server::proxy::control::{read_choice, read_retry, read_secret, read_timeout};

// Lines of `name:value`. What speaks to us goes no further, and none of our keys does either
// unless the request is refused.
fuzz_target!(|data: &[u8]| {
    let headers = headers(data);
    let _ = PresentedKey::from_headers(&headers);
    let _ = (read_choice(&headers), read_secret(&headers));
    let _ = read_retry(&headers);
    let limits = Limits::default();
    if let Ok(patience) = read_timeout(&headers, &limits) {
        assert!(patience.still <= patience.total);
        assert!(patience.total <= limits.proxy_first_byte_timeout_max);
    }
    let mut sent = headers.clone();
    strip_request(&mut sent);
    for name in sent.keys() {
        assert!(!is_control_header(name));
        assert!(!is_hop_by_hop(name) || name == TE);
    }
    let target = Target::parse("https://a.example/", &SchemePolicy::https_only());
    let target = target.expect("a target");
    let no_key = |headers: &HeaderMap| headers.values().all(|v| !holds_own_key(v.as_bytes()));
    // Names of trailers are written anew, in lower case, and are no keys.
    let mut values = sent.clone();
    values.remove(TRAILER);
    assert!(leaks_own_key(&headers, &target) || no_key(&values));
    let mut again = sent.clone();
    strip_request(&mut again);
    assert_eq!(again, sent);
    let mut trailers = headers;
    strip_trailers(&mut trailers);
    assert!(no_key(&trailers));
});

fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|b| *b == b'\n') {
        let mut parts = line.splitn(2, |b| *b == b':');
        let mut part = || parts.next().unwrap_or_default();
        let name = HeaderName::from_bytes(part());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(part())) {
            headers.append(name, value);
        }
    }
    headers
}
