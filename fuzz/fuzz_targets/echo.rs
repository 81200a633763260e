#![no_main]
use bytes::Bytes;
use credential_injector::{EchoedSecret, SCRUBBED_BYTES_MIN};
use libfuzzer_sys::fuzz_target;

// A secret, sizes of pieces, a body that repeats the secret where it has a 0. However the body is
// cut, no occurrence gets through, lengths stay true, and what is filtered is what a single piece
// would have become.
fuzz_target!(|data: &[u8]| {
    let Some((secret, rest)) = data.split_at_checked(SCRUBBED_BYTES_MIN + 4) else {
        return;
    };
    let Some((sizes, marked)) = rest.split_at_checked(4) else {
        return;
    };
    // Masks are stars: a secret of stars stays one.
    if secret.contains(&b'*') {
        return;
    }
    let echoed = EchoedSecret::of_bytes(secret).expect("long enough");
    let body: Vec<u8> = marked
        .iter()
        .flat_map(|byte| {
            if *byte == 0 {
                secret
            } else {
                std::slice::from_ref(byte)
            }
        })
        .copied()
        .collect();
    let mut filter = echoed.clone().body_filter();
    let (mut out, mut found, mut at) = (Vec::new(), false, 0);
    for size in sizes.iter().cycle() {
        let end = body.len().min(at + 1 + usize::from(*size));
        let filtered = filter.push(Bytes::copy_from_slice(&body[at..end]));
        assert!(filter.kept_bytes() < secret.len());
        found |= filtered.found;
        out.extend_from_slice(&filtered.bytes);
        at = end;
        if at == body.len() {
            break;
        }
    }
    out.extend_from_slice(&filter.finish());
    assert!(!echoed.is_in(&out));
    assert_eq!(found, echoed.is_in(&body));
    let mut whole = echoed.body_filter();
    let mut at_once = whole.push(Bytes::from(body)).bytes.to_vec();
    at_once.extend_from_slice(&whole.finish());
    assert_eq!(out, at_once);
});
