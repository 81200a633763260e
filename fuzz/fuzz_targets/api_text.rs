#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::api::{input, utc};
use vault_server::vault::value_name::ValueName;

// A time comes back from what is written for it, a name as it is; in a path it is decoded once.
fuzz_target!(|text: &str| {
    if let Ok(time) = utc::parse(text) {
        let written = utc::format(time).expect("what was read can be written");
        assert!(utc::parse(&written).ok() == Some(time));
    }
    if let Ok(name) = ValueName::parse(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(name) = input::name_in_path(&format!("/v1/kv/{text}")) {
        let segment = text.split('/').next().unwrap_or_default();
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
        assert_eq!(decoded.as_deref(), Ok(name.as_str()));
    }
});
