#![no_main]
use bytes::Bytes;
use credential_injector::{EchoedSecret, SCRUBBED_BYTES_MIN};
use libfuzzer_sys::fuzz_target;

// A secret, a piece of it that is looked for as well, sizes of pieces, a body that repeats the
// secret where it has a 0, the piece where it has a 1, and most of the secret where it has a 2.
// However the body is cut, exactly the bytes of occurrences are overwritten, those that overlap
// included.
fuzz_target!(|data: &[u8]| {
    let Some((secret, rest)) = data.split_at_checked(SCRUBBED_BYTES_MIN + 4) else {
        return;
    };
    let Some((&[begin, ref sizes @ ..], marked)) = rest.split_first_chunk::<5>() else {
        return;
    };
    let begin = usize::from(begin) % (secret.len() - SCRUBBED_BYTES_MIN + 1);
    let inner = &secret[begin..begin + SCRUBBED_BYTES_MIN];
    let body: Vec<u8> = marked
        .iter()
        .flat_map(|byte| match byte {
            0 => secret,
            1 => inner,
            2 => &secret[..secret.len() - 1],
            _ => std::slice::from_ref(byte),
        })
        .copied()
        .collect();
    let mut expected = body.clone();
    for needle in [secret, inner] {
        for (at, window) in body.windows(needle.len()).enumerate() {
            if window == needle {
                expected[at..at + needle.len()].fill(b'*');
            }
        }
    }
    let [long, short] = [secret, inner].map(|it| EchoedSecret::of_bytes(it).expect("long enough"));
    let echoed = long.and(short);
    let occurs = echoed.is_in(&body);
    let mut filter = echoed.body_filter();
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
    assert_eq!(found, occurs);
    assert_eq!(out, expected);
});
