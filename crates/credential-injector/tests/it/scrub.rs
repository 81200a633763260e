//! Answers that repeat the secret, in one piece and in many.

use bytes::Bytes;
use credential_injector::{
    EchoScrub, EchoedSecret, HostPattern, Injection, Outbound, SCRUBBED_BYTES_MIN, SchemePolicy,
    Target, Template,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

fn target() -> Target {
    Target::parse("https://api.example.com/", &SchemePolicy::https_only()).unwrap()
}

fn identity(value: &'static str) -> Outbound {
    Outbound::with_identity(target(), &HeaderValue::from_static(value)).unwrap()
}

/// Filters `pieces` and checks how much is kept back on the way.
fn filtered(secret: &[u8], pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    filtered_by(
        EchoedSecret::of_bytes(secret).unwrap(),
        secret.len(),
        pieces,
    )
}

/// As [`filtered`], for spellings of which the longest has so many bytes.
fn filtered_by(secret: EchoedSecret, longest: usize, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut filter = secret.body_filter();
    let (mut out, mut taken, mut found) = (Vec::new(), 0, false);
    for piece in pieces {
        let passed = filter.push(Bytes::copy_from_slice(piece));
        taken += piece.len();
        out.extend_from_slice(&passed.bytes);
        found |= passed.found;
        assert_eq!(taken, out.len() + filter.kept_bytes());
        assert!(filter.kept_bytes() < longest);
        // Kept bytes are the beginning of the secret, so other bytes are never delayed.
    }
    out.extend_from_slice(&filter.finish());
    (out, found)
}

#[test]
fn every_cut_of_an_echo_is_found() {
    let secret = b"sk_live_sk_live_123";
    let text = [
        &b"before sk_live_ "[..],
        secret,
        b" sk_live_sk_live_12 ",
        secret,
        secret,
    ]
    .concat();
    let stars = [b'*'; 19];
    let expected = [
        &b"before sk_live_ "[..],
        &stars,
        b" sk_live_sk_live_12 ",
        &stars,
        &stars,
    ]
    .concat();
    for cut in 0..=text.len() {
        for second in cut..=text.len() {
            let pieces = [&text[..cut], &text[cut..second], &text[second..]];
            assert_eq!(
                filtered(secret, &pieces),
                (expected.clone(), true),
                "{cut} {second}"
            );
        }
    }
    let bytewise: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(filtered(secret, &bytewise), (expected, true));
}

#[test]
fn pieces_that_cannot_begin_the_secret_pass_at_once_and_uncopied() {
    let mut filter = EchoedSecret::of_bytes(b"sk_live_1").unwrap().body_filter();
    let event = Bytes::from_static(b"data: event\n\n");
    let passed = filter.push(event.clone());
    assert_eq!(passed.bytes.as_ptr(), event.as_ptr());
    assert_eq!((passed.bytes, filter.kept_bytes()), (event, 0));
}

#[test]
fn the_token_behind_a_scheme_is_found_in_headers_without_it() {
    for (value, echo) in [
        ("Bearer sk_live_42", "sk_live_42"),
        ("sk_live_42", "sk_live_42"),
        ("Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE="),
        ("Basic dXNlcjpwYXNzd29yZDE=", "password1"),
        // The key in the user's place.
        ("Basic c2tfbGl2ZV80Mjo=", "sk_live_42"),
        // No scheme, but a secret of two words.
        ("kd83kd83kd83kd83 x1234567", "kd83kd83kd83kd83 x1234567"),
    ] {
        let secret = identity(value).echoed_secret().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", format!("you sent {echo}!").parse().unwrap());
        headers.append("x-echo", HeaderValue::from_static("other"));
        assert!(secret.redact_headers(&mut headers));
        let masked = format!("you sent {}!", "*".repeat(echo.len()));
        let values: Vec<_> = headers.get_all("x-echo").iter().collect();
        assert_eq!(values, [&masked, "other"], "{value}");
        assert!(!secret.redact_headers(&mut headers));
        assert!(!format!("{secret:?}").contains(echo));
    }
}

#[test]
fn a_stored_secret_is_found_whatever_its_template_made_of_it() {
    for (template, secret, echo) in [
        ("Bearer {{secret}}", "sk_live_42", "sk_live_42"),
        ("Basic {{secret|base64}}", "sk_live_42:", "sk_live_42"),
        (
            "Basic {{secret|base64}}",
            "user_name_1:password1",
            "user_name_1",
        ),
        (
            "Basic {{secret|base64}}",
            "user_name_1:password1",
            "password1",
        ),
        ("{{secret|base64}}", "sk_live_42", "sk_live_42"),
        ("{{secret|base64}}", "sk_live_42", "c2tfbGl2ZV80Mg=="),
        ("Key id=1,secret={{secret}}", "sk_live_42", "sk_live_42"),
        ("{{secret}}", "two_words sk_live_42", "two_words sk_live_42"),
        (
            "{{secret}}",
            "kd83kd83kd83kd83 x1234567",
            "kd83kd83kd83kd83 x1234567",
        ),
        // The user's name is the beginning of the password.
        (
            "Basic {{secret|base64}}",
            "username:username-S3cr3tTail99",
            "username-S3cr3tTail99",
        ),
    ] {
        let place = Injection::new(AUTHORIZATION, Template::parse(template).unwrap()).unwrap();
        let pattern = HostPattern::parse("api.example.com").unwrap();
        let bytes = secret.as_bytes().to_vec().into();
        let outbound = Outbound::with_credential(target(), &pattern, &place, &bytes).unwrap();
        let found = outbound.echoed_secret().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", format!("you sent {echo}!").parse().unwrap());
        assert!(found.redact_headers(&mut headers), "{template} {echo}");
        let masked = format!("you sent {}!", "*".repeat(echo.len()));
        assert_eq!(headers["x-echo"], masked, "{template}");
    }
}

#[test]
fn a_spelling_within_another_leaves_nothing_of_it_at_any_cut() {
    let (short, long) = (&b"username"[..], &b"username-S3cr3tTail99"[..]);
    let spellings = [short, long].map(|bytes| EchoedSecret::of_bytes(bytes).unwrap());
    let [short_alone, long_alone] = spellings;
    let text = b"{\"password\":\"username-S3cr3tTail99\",\"other\":\"username-S3cr\"}";
    let expected = b"{\"password\":\"*********************\",\"other\":\"********-S3cr\"}";
    for secret in [
        short_alone.clone().and(long_alone.clone()),
        long_alone.and(short_alone),
    ] {
        for cut in 0..=text.len() {
            for second in cut..=text.len() {
                let pieces = [&text[..cut], &text[cut..second], &text[second..]];
                let (out, found) = filtered_by(secret.clone(), long.len(), &pieces);
                assert!(found);
                assert_eq!(out, expected, "{cut} {second}");
            }
        }
    }
}

#[test]
fn there_is_nothing_to_look_for_when_off_or_short_or_passed_through() {
    assert!(Outbound::pass_through(target()).echoed_secret().is_none());
    assert!(
        identity("Bearer short").echoed_secret().is_some(),
        "as a whole"
    );
    assert!(identity("abc").echoed_secret().is_none());
    assert!(EchoedSecret::of_bytes(&[b'x'; SCRUBBED_BYTES_MIN - 1]).is_none());
    let off = identity("Bearer sk_live_42").with_echo_scrub(EchoScrub::Off);
    assert_eq!(off.echo_scrub(), EchoScrub::Off);
    assert!(off.echoed_secret().is_none());
}

proptest! {
    /// Over a small alphabet, so that beginnings and overlaps abound.
    #[test]
    fn no_chunking_lets_the_secret_through_or_changes_other_bytes(
        secret in proptest::collection::vec(b'a'..=b'b', SCRUBBED_BYTES_MIN..12),
        noise in proptest::collection::vec(b'a'..=b'c', 0..200),
        at in any::<prop::sample::Index>(),
        echoes in 0usize..3,
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut text = noise;
        for _ in 0..echoes {
            let place = at.index(text.len() + 1);
            text.splice(place..place, secret.iter().copied());
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let (out, found) = filtered(&secret, &pieces);
        let holds = |hay: &[u8]| hay.windows(secret.len()).any(|window| window == secret);
        prop_assert!(!holds(&out));
        prop_assert_eq!(found, holds(&text));
        prop_assert_eq!(out.len(), text.len());
        for (ours, theirs) in out.iter().zip(&text) {
            prop_assert!(ours == theirs || *ours == b'*');
        }
        // The cuts change nothing.
        prop_assert_eq!(filtered(&secret, &[&text]).0, out);
    }

    /// Spellings within each other and overlapping ones: exactly the bytes of occurrences go.
    #[test]
    fn every_byte_of_every_occurrence_is_overwritten_and_no_other(
        long in proptest::collection::vec(b'a'..=b'b', 10..14),
        other in proptest::collection::vec(b'a'..=b'b', SCRUBBED_BYTES_MIN..10),
        begin in any::<prop::sample::Index>(),
        text in proptest::collection::vec(0u8..7, 0..60),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let begin = begin.index(long.len() - SCRUBBED_BYTES_MIN + 1);
        let inner = long[begin..begin + SCRUBBED_BYTES_MIN].to_vec();
        let spellings = [long.clone(), other, inner];
        let text: Vec<u8> = text
            .iter()
            .flat_map(|choice| match choice {
                0..3 => spellings[usize::from(*choice)].clone(),
                3 => long[..long.len() - 1].to_vec(),
                letter => vec![b'a' + letter - 4],
            })
            .collect();
        let mut expected = text.clone();
        for spelling in &spellings {
            for (at, window) in text.windows(spelling.len()).enumerate() {
                if window == spelling {
                    expected[at..at + spelling.len()].fill(b'*');
                }
            }
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let all = spellings.iter().map(|bytes| EchoedSecret::of_bytes(bytes).unwrap());
        let secret = all.reduce(EchoedSecret::and).unwrap();
        let (out, found) = filtered_by(secret, long.len(), &pieces);
        prop_assert_eq!(found, text != expected);
        prop_assert_eq!(out, expected);
    }
}
