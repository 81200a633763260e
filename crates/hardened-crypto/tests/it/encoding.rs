//! Contexts are injective, and what is written parses to what it was.

use crate::world::{ALICES, refusal};
use hardened_crypto::{
    ErrorKind,
    context::{Context, Domain},
    key_pair::{PUBLIC_KEYS_BYTES, PublicKeys},
    root_key::{ROOT_KEYS_MAX, RootKeyring},
    secret_format::{PresentedKey, PublicId, SecretKind},
    suite::{HEADER_BYTES, Header, ObjectKind},
    user_secret::{PROTECTION_BYTES, PassphraseCost, Protection, ProtectionKind},
};
use proptest::{collection::vec, prelude::*, sample};
use secrecy::ExposeSecret;

const DOMAINS: [Domain; 20] = [
    Domain::Payload,
    Domain::PayloadLabel,
    Domain::DekWrap,
    Domain::DekBox,
    Domain::PrivateKey,
    Domain::AccountKey,
    Domain::UserSecret,
    Domain::Alias,
    Domain::AliasBox,
    Domain::Credential,
    Domain::CredentialSecret,
    Domain::Token,
    Domain::RecoveryShare,
    Domain::RecoveryEnvelope,
    Domain::RecoveryMask,
    Domain::ApiKey,
    Domain::RowMac,
    Domain::Audit,
    Domain::UnlockCache,
    Domain::RootKey,
];

/// Few values and lengths, so that near-collisions come up often.
fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = sample::select(vec![0, 1, 4, b'a', 0xff]);
    vec(vec(byte, 0..6), 0..5)
}

fn encode(domain: Domain, fields: &[Vec<u8>]) -> Vec<u8> {
    let context = Context::new(domain);
    let context = fields
        .iter()
        .fold(context, |context, field| context.bytes(field));
    context.finish()
}

/// Reads an encoding back: that this is possible is what makes it injective.
fn decode(mut encoded: &[u8]) -> Option<(String, Vec<Vec<u8>>)> {
    fn take<'a>(encoded: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (front, rest) = encoded.split_at_checked(count)?;
        *encoded = rest;
        Some(front)
    }
    fn number(encoded: &mut &[u8]) -> Option<usize> {
        let bytes = take(encoded, 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }
    let length = number(&mut encoded)?;
    let domain = String::from_utf8(take(&mut encoded, length)?.to_vec()).ok()?;
    assert_eq!(take(&mut encoded, 1)?, [1]);
    let count = number(&mut encoded)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let length = number(&mut encoded)?;
        fields.push(take(&mut encoded, length)?.to_vec());
    }
    encoded.is_empty().then_some((domain, fields))
}

proptest! {
    #[test]
    fn contexts_are_injective(
        one in (sample::select(&DOMAINS[..]), fields()),
        other in (sample::select(&DOMAINS[..]), fields()),
    ) {
        let same = encode(one.0, &one.1) == encode(other.0, &other.1);
        prop_assert_eq!(same, one == other);
    }

    #[test]
    fn contexts_decode(domain in sample::select(&DOMAINS[..]), fields in fields()) {
        let decoded = decode(&encode(domain, &fields));
        prop_assert_eq!(decoded, Some((domain.as_str().to_owned(), fields)));
    }

    /// However one text is cut into fields, each cut is another context.
    #[test]
    fn cuts_of_one_text_differ(text in vec(any::<u8>(), 2..40), a: sample::Index, b: sample::Index) {
        let (a, b) = (a.index(text.len()), b.index(text.len()));
        let cut = |at: usize| encode(Domain::Payload, &[text[..at].to_vec(), text[at..].to_vec()]);
        prop_assert_eq!(cut(a) == cut(b), a == b);
        prop_assert_ne!(cut(a), encode(Domain::Payload, std::slice::from_ref(&text)));
    }

    #[test]
    fn headers_parse_after_writing(kind in sample::select(ObjectKind::ALL), version: u32) {
        let header = Header::new(kind, version);
        prop_assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
    }

    /// Exactly one encoding stands for one header.
    #[test]
    fn headers_that_parse_write_the_same(bytes: [u8; HEADER_BYTES], mask in 0..=HEADER_BYTES) {
        let mut near = Header::new(ObjectKind::Value, 7).to_bytes();
        near[mask..].copy_from_slice(&bytes[mask..]);
        if let Ok(header) = Header::parse(&near) {
            prop_assert_eq!(header.to_bytes(), near);
        }
    }

    #[test]
    fn protections_that_parse_write_the_same(bytes: [u8; PROTECTION_BYTES], kind in 1..3_u8,
        memory in 0..300_000_u32, passes in 0..12_u32, lanes in 0..6_u32) {
        let mut encoded = bytes;
        encoded[..2].copy_from_slice(&[1, kind]);
        if kind == 1 {
            encoded[2..14].fill(0);
        } else {
            encoded[2..6].copy_from_slice(&memory.to_be_bytes());
            encoded[6..10].copy_from_slice(&passes.to_be_bytes());
            encoded[10..14].copy_from_slice(&lanes.to_be_bytes());
        }
        match Protection::parse(&encoded) {
            Ok(protection) => {
                prop_assert_eq!(protection.to_bytes(), encoded);
                let is_generated = protection.kind() == ProtectionKind::Generated;
                prop_assert_eq!(is_generated, kind == 1);
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Policy);
                prop_assert!(PassphraseCost::new(memory, passes, lanes).is_err());
            }
        }
    }

    #[test]
    fn parsers_take_any_bytes(bytes in vec(any::<u8>(), 0..2000)) {
        let _ = Header::parse(&bytes);
        drop(Protection::parse(&bytes));
        drop(PublicKeys::parse(&bytes));
        let _ = PublicId::parse(&bytes);
        drop(hardened_crypto::wrap::Wrapped::parse(&bytes));
        for kind in [SecretKind::ApiKey, SecretKind::AccessToken, SecretKind::UserSecret] {
            drop(PresentedKey::parse(kind, &bytes));
        }
        drop(RootKeyring::parse(&String::from_utf8_lossy(&bytes)));
    }
}

#[test]
fn domain_strings_are_distinct() {
    let mut names: Vec<_> = DOMAINS.iter().map(|domain| domain.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DOMAINS.len());
    assert!(names.iter().all(|name| name.starts_with("hardened/")));
}

#[test]
fn typed_fields_have_their_own_lengths() {
    let context = || Context::new(Domain::Payload);
    let encodings = [
        context().finish(),
        context().bytes(&[]).finish(),
        context().u8(0).finish(),
        context().u32(0).finish(),
        context().u64(0).finish(),
        context().u32(0).u32(0).finish(),
        context().text("0").finish(),
        context().optional_i64(Some(i64::MIN)).finish(),
        context().optional_i64(Some(-1)).finish(),
    ];
    for (at, one) in encodings.iter().enumerate() {
        assert!(encodings[at + 1..].iter().all(|other| one != other));
    }
    // The one intended equality: absent is an empty field.
    let absent = context().optional_i64(None).finish();
    assert_eq!(absent, encodings[1]);
}

#[test]
fn public_keys_parse_after_writing() {
    let public = &ALICES.account.public;
    let again = PublicKeys::parse(public.as_bytes()).unwrap();
    assert_eq!(again.as_bytes(), public.as_bytes());
    assert_eq!(again.fingerprint(), public.fingerprint());
    assert_eq!(
        again.ml_kem_bytes().len() + again.p256_bytes().len(),
        PUBLIC_KEYS_BYTES
    );
    for length in [0, 1, 64, 65, 1184, PUBLIC_KEYS_BYTES - 1] {
        let cut = PublicKeys::parse(&public.as_bytes()[..length]);
        assert_eq!(refusal(cut), ErrorKind::Malformed);
    }
    let longer = [public.as_bytes().as_slice(), &[0]].concat();
    assert_eq!(refusal(PublicKeys::parse(&longer)), ErrorKind::Malformed);
}

#[test]
fn presented_keys_parse_after_making() {
    for kind in [SecretKind::ApiKey, SecretKind::AccessToken] {
        let (made, text) = PresentedKey::make(kind).unwrap();
        let text = text.expose_secret().as_bytes();
        let parsed = PresentedKey::parse(kind, text).unwrap();
        assert_eq!((parsed.kind(), parsed.id()), (kind, made.id()));
        assert_eq!(
            PublicId::parse(made.id().as_str().as_bytes()),
            Ok(made.id())
        );
        // Every other byte in every place is another text, and none is read as a key.
        for at in 0..text.len() {
            for byte in (0..=255).filter(|byte| *byte != text[at]) {
                let mut altered = text.to_vec();
                altered[at] = byte;
                assert_eq!(
                    refusal(PresentedKey::parse(kind, &altered)),
                    ErrorKind::Malformed
                );
            }
        }
        for length in 0..text.len() {
            let cut = PresentedKey::parse(kind, &text[..length]);
            assert_eq!(refusal(cut), ErrorKind::Malformed);
        }
        let longer = [text, b"a"].concat();
        assert_eq!(
            refusal(PresentedKey::parse(kind, &longer)),
            ErrorKind::Malformed
        );
    }
    let without_id = PresentedKey::make(SecretKind::UserSecret);
    assert_eq!(refusal(without_id.map(|_| ())), ErrorKind::Policy);
}

#[test]
fn root_keyrings_are_read_strictly() {
    let line = RootKeyring::make_text().unwrap();
    let line = line.expose_secret().trim();
    let key = line.split_once(':').unwrap().1;
    let ring = |ids: &[u32]| {
        let lines = ids.iter().map(|id| format!("{id}:{key}\n"));
        RootKeyring::parse(&lines.collect::<String>()).map(|_| ())
    };
    assert_eq!(ring(&[1]), Ok(()));
    assert_eq!(ring(&[1, 2, 9]), Ok(()));
    assert_eq!(
        ring(&(1..=ROOT_KEYS_MAX as u32).collect::<Vec<_>>()),
        Ok(())
    );
    assert_eq!(
        refusal(ring(
            &(0..=ROOT_KEYS_MAX as u32)
                .map(|id| id + 1)
                .collect::<Vec<_>>()
        )),
        ErrorKind::Policy
    );
    for ids in [&[2, 1][..], &[1, 1], &[]] {
        assert_eq!(refusal(ring(ids)), ErrorKind::Malformed);
    }
    let commented = format!("# current\n\n  {line}  \n");
    assert!(RootKeyring::parse(&commented).is_ok());
    let unreadable = [
        key.to_owned(),
        format!("x:{key}"),
        format!("-1:{key}"),
        format!("+1:{key}"),
        format!("01:{key}"),
        format!("0:{key}"),
        format!("4294967296:{key}"),
        format!("1:{}", &key[1..]),
        format!("1:{key}A"),
        format!("1:{key}="),
        "1:".to_owned(),
        ":".to_owned(),
    ];
    for text in unreadable {
        assert_eq!(refusal(RootKeyring::parse(&text)), ErrorKind::Malformed);
    }
}
