#![no_main]
use credential_injector::{HostPattern, Injection, Outbound, QueryParameter, SchemePolicy, Slot};
use credential_injector::{Target, Template};
use libfuzzer_sys::fuzz_target;
use secrecy::SecretSlice;

const PATTERN: &str = "a.example";
const SECRET: &str = "q+/ &=%41#secret";

// Name and query, cut by a line end. What goes up has the parameter once, with the credential and
// nothing else, for the URL standard's reader too; every other parameter is there as it was.
fuzz_target!(|text: &str| {
    let Some((name, query)) = text.split_once('\n') else {
        if let Ok(slot) = Slot::parse(text) {
            assert_eq!(Slot::parse(&slot.to_string()), Ok(slot));
        }
        return;
    };
    let Ok(parameter) = QueryParameter::parse(name) else {
        return;
    };
    assert_eq!(parameter.as_str(), name);
    let policy = SchemePolicy::https_only();
    let Ok(target) = Target::parse(&format!("https://{PATTERN}/p?{query}"), &policy) else {
        return;
    };
    let before = pairs(&target.uri().to_string());
    let slot = Slot::Query(parameter);
    let injection = Injection::into_slot(slot, Template::verbatim()).expect("any parameter");
    let pattern = HostPattern::parse(PATTERN).expect("a host");
    let secret = SecretSlice::from(SECRET.as_bytes().to_vec());
    let outbound = Outbound::with_credential(target, &pattern, &injection, &secret);
    let request = http::Request::new(());
    let Ok(sent) = outbound.expect("its own host").apply(request) else {
        return;
    };
    let (own, others): (Vec<_>, Vec<_>) = pairs(&sent.request().uri().to_string())
        .into_iter()
        .partition(|(sent, _)| sent == name);
    assert_eq!(own, [(name.to_owned(), SECRET.to_owned())]);
    let kept = before.into_iter().filter(|(sent, _)| sent != name);
    assert_eq!(others, kept.collect::<Vec<_>>());
});

fn pairs(uri: &str) -> Vec<(String, String)> {
    let url = url::Url::parse(uri).expect("a URI");
    url.query_pairs().into_owned().collect()
}
