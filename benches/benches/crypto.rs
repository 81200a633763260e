//! Each operation of `hardened-crypto` beside the sum of its primitives.
//!
//! `cargo bench -p sealgate-benches` prints Criterion's statistics for the operations alone,
//! then one table of paired comparisons, then the marks. Nothing here fails: the machine
//! decides. `-- --table` prints the table alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where its setup fails"
)]

use argon2::{Algorithm, Argon2, Block, Params, Version};
use criterion::Criterion;
use hardened_crypto::{
    account::NewAccount,
    account_key::AccountKey,
    audit_chain::{Actor, AuditEvent, Chain, LogText},
    data_key::DataKey,
    ids::{OrgId, RecordId, RecoverySetId, UserId},
    key_hash,
    key_pair::{PrivateKeys, PublicKeys},
    payload::{self, PayloadContext, PayloadReader},
    recovery::{RecoveryKey, RecoverySet, Split},
    rekey::{ProtectedKeys, StoredKeyPair, rekey},
    root_key::RootKeyring,
    row_mac,
    secret_format::{PresentedKey, SecretKind},
    suite::ObjectKind,
    user_secret::{Argon2Arena, Kek, PassphraseCost, Protection, SecretOwner, UserSecret},
    wrap::{Grant, WrapContext, Wrapped},
};
use ml_kem::{
    Decapsulate,
    ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey},
};
use p256::SecretKey;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    digest, hmac,
    rand::{SecureRandom, SystemRandom},
};
use sealgate_benches::{Comparison, compare};
use secrecy::ExposeSecret;
use std::{env, io::Read, time::Duration};

const OWNER: SecretOwner = SecretOwner {
    org: OrgId([1; 16]),
    user: UserId([2; 16]),
};
const VALUE: PayloadContext = PayloadContext {
    org: OWNER.org,
    owner: OWNER.user,
    kind: ObjectKind::Value,
    record: RecordId([3; 16]),
    record_version: 1,
    data_key_generation: 0,
};
const WRAP: WrapContext = WrapContext {
    org: OWNER.org,
    owner: OWNER.user,
    kind: ObjectKind::Value,
    record: RecordId([3; 16]),
    record_version: 1,
    data_key_generation: 0,
    recipient: OWNER.user,
    recipient_generation: 1,
    grant: Grant::Owner,
};
const KIB: usize = 1024;
const SIZES: [(&str, usize); 4] = [
    ("20 B", 20),
    ("1 KiB", KIB),
    ("16 KiB", 16 * KIB),
    ("1 MiB", KIB * KIB),
];
const PASSPHRASE: &[u8] = b"correct horse battery staple";

/// One user with everything opened.
struct Person {
    secret: UserSecret,
    protection: Protection,
    kek: Kek,
    account: NewAccount,
    keys: PrivateKeys,
    account_key: AccountKey,
    data_key: DataKey,
    wrapped: Wrapped,
    boxed: Vec<u8>,
}

impl Person {
    fn make() -> Self {
        let (secret, _) = UserSecret::make().unwrap();
        let mut arena = Argon2Arena::default();
        let cost = PassphraseCost::DEFAULT;
        let (protection, kek) = secret.protect(OWNER, 1, cost, &mut arena).unwrap();
        let account = NewAccount::make(&kek).unwrap();
        let keys = account.private.open(&kek, 1, &account.public).unwrap();
        let account_key = AccountKey::open(&kek, &account.account_key).unwrap();
        let data_key = DataKey::make().unwrap();
        let wrapped = Wrapped::wrap(&data_key, &account.public, &WRAP).unwrap();
        let boxed = account_key
            .box_data_key(&data_key, &WRAP, &wrapped)
            .unwrap();
        Self {
            secret,
            protection,
            kek,
            account,
            keys,
            account_key,
            data_key,
            wrapped,
            boxed,
        }
    }
}

struct Row {
    name: String,
    primitives: &'static str,
    comparison: Comparison,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add<A, B>(
        &mut self,
        name: impl Into<String>,
        primitives: &'static str,
        operation: impl FnMut() -> A,
        sum: impl FnMut() -> B,
    ) -> Comparison {
        let comparison = compare(operation, sum);
        self.0.push(Row {
            name: name.into(),
            primitives,
            comparison,
        });
        comparison
    }

    fn print(&self) {
        println!("\n| operation | us | its primitives | us | ratio | over |");
        println!("| --- | ---: | --- | ---: | ---: | ---: |");
        for row in &self.0 {
            let c = &row.comparison;
            println!(
                "| {} | {} | {} | {} | {:.2} | {} |",
                row.name,
                micros(c.operation_ns),
                row.primitives,
                micros(c.primitives_ns),
                c.ratio,
                micros(c.difference_ns),
            );
        }
    }
}

fn micros(ns: f64) -> String {
    let us = ns / 1000.0;
    if us.abs() < 100.0 {
        format!("{us:.2}")
    } else {
        format!("{us:.0}")
    }
}

fn mark(what: &str, wanted: &str, got: String, reached: bool) {
    let reached = if reached { "reached" } else { "missed" };
    println!("mark: {what}: {wanted}: {got}: {reached}");
}

fn main() {
    let only_table = env::args().any(|argument| argument == "--table");
    let person = Person::make();
    if !only_table {
        statistics(&person);
    }
    let mut table = Table::default();
    let marks = [
        payloads(&mut table, &person),
        wraps(&mut table, &person),
        vec![hot_open(&mut table, &person)],
    ];
    secrets(&mut table, &person);
    rows_and_recovery(&mut table);
    audit(&mut table);
    table.print();
    println!();
    for (what, wanted, got, reached) in marks.into_iter().flatten() {
        mark(what, wanted, got, reached);
    }
}

type Mark = (&'static str, &'static str, String, bool);

/// AES-256-GCM as ring gives it: the key schedule is ready, the bytes are copied once.
fn raw_gcm() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([1; 12])
}

fn payloads(table: &mut Table, person: &Person) -> Vec<Mark> {
    const GCM: &str = "AES-256-GCM of the same bytes";
    let (data_key, gcm) = (&person.data_key, raw_gcm());
    let mut marks = Vec::new();
    for (size, bytes) in SIZES {
        let plain = vec![0x5a; bytes];
        let mut buffer = vec![0; bytes + 16];
        let seal = table.add(
            format!("payload seal, {size}"),
            GCM,
            || payload::seal(data_key, &VALUE, &plain).unwrap(),
            || {
                buffer[..bytes].copy_from_slice(&plain);
                let (message, _) = buffer.split_at_mut(bytes);
                gcm.seal_in_place_separate_tag(nonce(), Aad::empty(), message)
                    .unwrap()
            },
        );
        let sealed = payload::seal(data_key, &VALUE, &plain).unwrap();
        let mut raw = plain.clone();
        gcm.seal_in_place_append_tag(nonce(), Aad::empty(), &mut raw)
            .unwrap();
        table.add(
            format!("payload open, {size}"),
            GCM,
            || payload::open(data_key, &VALUE, &sealed).unwrap(),
            || {
                buffer.copy_from_slice(&raw);
                gcm.open_in_place(nonce(), Aad::empty(), &mut buffer)
                    .unwrap()
                    .len()
            },
        );
        let mut chunk = vec![0; payload::CHUNK_BYTES];
        table.add(
            format!("payload open as a stream, {size}"),
            GCM,
            || {
                let mut reader = PayloadReader::new(&*sealed, data_key, &VALUE).unwrap();
                while reader.read(&mut chunk).unwrap() > 0 {}
            },
            || {
                buffer.copy_from_slice(&raw);
                gcm.open_in_place(nonce(), Aad::empty(), &mut buffer)
                    .unwrap()
                    .len()
            },
        );
        let speed = 1.0 / seal.ratio;
        if size == "1 MiB" {
            let got = format!("{speed:.2}");
            marks.push((
                "payload seal of 1 MiB",
                ">= 0.60 of raw speed",
                got,
                speed >= 0.6,
            ));
        }
        if size == "1 KiB" {
            let over = seal.difference_ns / 1000.0;
            let got = format!("{over:.2} us");
            marks.push((
                "payload seal of 1 KiB",
                "<= 4 us over raw",
                got,
                over <= 4.0,
            ));
        }
    }
    marks
}

fn wraps(table: &mut Table, person: &Person) -> Vec<Mark> {
    let (random, public) = (SystemRandom::new(), &person.account.public);
    let ml_kem = DecapsulationKey::from_seed([3; 64].into());
    let encapsulation_key = ml_kem.encapsulation_key();
    let wrap = table.add(
        "wrap a data key",
        "ML-KEM encapsulation, ring ephemeral key and ECDH",
        || Wrapped::wrap(&person.data_key, public, &WRAP).unwrap(),
        || {
            let mut message = [0; 32];
            random.fill(&mut message).unwrap();
            let lattice = encapsulation_key.encapsulate_deterministic(&message.into());
            let key = EphemeralPrivateKey::generate(&ECDH_P256, &random).unwrap();
            let point = key.compute_public_key().unwrap();
            let peer = UnparsedPublicKey::new(&ECDH_P256, public.p256_bytes());
            let shared = agree_ephemeral(key, &peer, |x| x[0]).unwrap();
            (lattice, point, shared)
        },
    );
    let scalar = SecretKey::from_slice(&[5; 32]).unwrap();
    let (ciphertext, _): (Ciphertext, _) =
        encapsulation_key.encapsulate_deterministic(&[9; 32].into());
    table.add(
        "unwrap a data key",
        "ML-KEM decapsulation, p256 static ECDH",
        || person.wrapped.unwrap(&person.keys, &WRAP).unwrap(),
        || {
            let lattice = ml_kem.decapsulate(&ciphertext);
            let peer = p256::PublicKey::from_sec1_bytes(public.p256_bytes()).unwrap();
            (lattice, scalar.diffie_hellman(&peer))
        },
    );
    table.add(
        "generate a key pair",
        "ML-KEM expansion, p256 public key",
        || PrivateKeys::make().unwrap(),
        || key_pair_primitives(&random),
    );
    let encoded = public.as_bytes();
    table.add(
        "parse public keys",
        "ML-KEM key check, p256 point, SHA-256",
        || PublicKeys::parse(encoded).unwrap(),
        || {
            let lattice = encoded[..1184].try_into().unwrap();
            let lattice = EncapsulationKey::new(lattice).unwrap();
            let point = p256::PublicKey::from_sec1_bytes(public.p256_bytes()).unwrap();
            (lattice, point, digest::digest(&digest::SHA256, encoded))
        },
    );
    let got = format!("{:.2}", wrap.ratio);
    vec![("wrap", "<= 1.15 of its primitives", got, wrap.ratio <= 1.15)]
}

fn key_pair_primitives(random: &SystemRandom) -> (DecapsulationKey, p256::PublicKey) {
    let mut seed = [0; 64];
    random.fill(&mut seed).unwrap();
    let scalar = SecretKey::from_slice(&[5; 32]).unwrap();
    (
        DecapsulationKey::from_seed(seed.into()),
        scalar.public_key(),
    )
}

fn hot_open(table: &mut Table, person: &Person) -> Mark {
    let hot = table.add(
        "hot open through the account key",
        "the HPKE unwrap it stands for",
        || {
            let (boxed, wrapped) = (&person.boxed, &person.wrapped);
            person
                .account_key
                .open_data_key(boxed, &WRAP, wrapped)
                .unwrap()
        },
        || person.wrapped.unwrap(&person.keys, &WRAP).unwrap(),
    );
    let cheaper = 1.0 / hot.ratio;
    let got = format!("{cheaper:.0} times");
    (
        "hot open",
        ">= 25 times cheaper than an unwrap",
        got,
        cheaper >= 25.0,
    )
}

fn secrets(table: &mut Table, person: &Person) {
    let mut arena = Argon2Arena::default();
    let cost = PassphraseCost::DEFAULT;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 16]);
    // Extraction and two blocks of expansion, each an HMAC with a key of its own.
    let three_macs = || {
        let mut tag = hmac::sign(&key, &[2; 32]);
        for _ in 0..2 {
            let prk = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
            tag = hmac::sign(&prk, &[3; 150]);
        }
        tag
    };
    table.add(
        "protect, generated secret",
        "3 HMAC-SHA256",
        || person.secret.protect(OWNER, 1, cost, &mut arena).unwrap(),
        three_macs,
    );
    table.add(
        "unlock, generated secret",
        "3 HMAC-SHA256",
        || {
            let (secret, stored) = (&person.secret, &person.protection);
            secret.unlock(OWNER, stored, &mut arena).unwrap()
        },
        three_macs,
    );
    let passphrase = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let (stored, _) = passphrase.protect(OWNER, 1, cost, &mut arena).unwrap();
    let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(32));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.unwrap());
    let mut memory = vec![Block::default(); argon2.params().block_count()];
    table.add(
        "unlock, passphrase (19 MiB, t = 2)",
        "Argon2id in kept memory",
        || passphrase.unlock(OWNER, &stored, &mut arena).unwrap(),
        || {
            let mut root = [0; 32];
            let memory = memory.as_mut_slice();
            argon2
                .hash_password_into_with_memory(PASSPHRASE, &[1; 16], &mut root, memory)
                .unwrap();
            root
        },
    );
    let (next, _) = UserSecret::make().unwrap();
    let (_, next) = next.protect(OWNER, 2, cost, &mut arena).unwrap();
    let protected = ProtectedKeys {
        account_key: person.account.account_key.clone(),
        key_pairs: vec![StoredKeyPair {
            generation: 1,
            public: person.account.public.clone(),
            private: person.account.private.clone(),
        }],
    };
    let random = SystemRandom::new();
    table.add(
        "rekey, one key pair",
        "ML-KEM expansion, p256 public key",
        || rekey(&protected, &person.kek, &next).unwrap(),
        || key_pair_primitives(&random),
    );
}

fn rows_and_recovery(table: &mut Table) {
    let ring = RootKeyring::make_text().unwrap();
    let ring = RootKeyring::parse(ring.expose_secret()).unwrap();
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
    let row = || {
        row_mac::row("users")
            .bytes(&[4; 16])
            .u64(1)
            .bytes(&[5; 100])
    };
    let tag = row_mac::sign(&ring, row());
    let encoded = row().finish();
    table.add(
        "verify a row MAC",
        "HMAC-SHA256 of the same bytes",
        || row_mac::verify(&ring, row(), &tag).unwrap(),
        || hmac::sign(&mac, &encoded),
    );
    let (key, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let stored = key_hash::hash(&ring, &key, Some(OWNER));
    table.add(
        "verify an API key",
        "HMAC-SHA256 of 150 bytes",
        || key_hash::verify(&ring, &key, Some(OWNER), Some(&stored)).unwrap(),
        || hmac::sign(&mac, &[6; 150]),
    );
    let set = RecoverySet {
        org: OWNER.org,
        owner: OWNER.user,
        set: RecoverySetId([8; 16]),
        version: 1,
    };
    let (recovery, split) = (RecoveryKey::make().unwrap(), Split::new(3, 5).unwrap());
    let mut shares = recovery.split(&set, split).unwrap();
    shares.truncate(3);
    let random = SystemRandom::new();
    let coefficients = || {
        let mut coefficients = [0; 64];
        random.fill(&mut coefficients).unwrap();
        coefficients
    };
    table.add(
        "split a recovery key, 3 of 5",
        "64 random bytes",
        || recovery.split(&set, split).unwrap(),
        coefficients,
    );
    table.add(
        "join 3 recovery shares",
        "64 random bytes",
        || RecoveryKey::combine(&set, &shares).unwrap(),
        coefficients,
    );
}

/// One audit entry: made and encoded where a call ends, parsed and chained where it is stored.
fn audit(table: &mut Table) {
    let event = || AuditEvent {
        time_utc_ms: 1_800_000_000_000,
        actor: Actor::User(OWNER.user),
        action: LogText::lossy("proxy.call"),
        target: LogText::lossy(
            "to:https://api.example.com/v1/charges credential:0190f5fe-7c00-7a00-8000-00000000abcd",
        ),
        outcome: LogText::lossy("ok"),
        new_version: None,
        request_id: LogText::lossy("01a2026c-8a89-7a53-a8f9-8d1478f732a6"),
        note: LogText::lossy(
            "key=AbCdEfGh method=POST status=200 ms=12 up=34 down=567 end=complete",
        ),
    };
    let bytes = event().to_bytes();
    table.add(
        "make and encode an audit entry",
        "copying its bytes",
        || event().to_bytes(),
        || bytes.clone(),
    );
    let mut chain = Chain::empty(OWNER.org);
    table.add(
        "parse and chain an audit entry",
        "SHA-256 of its bytes",
        || {
            let event = AuditEvent::parse_bytes(&bytes).unwrap();
            chain.append(event).unwrap()
        },
        || digest::digest(&digest::SHA256, &bytes),
    );
}

/// Criterion's own view of the operations alone.
fn statistics(person: &Person) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for (size, bytes) in SIZES {
        let plain = vec![0x5a; bytes];
        let sealed = payload::seal(&person.data_key, &VALUE, &plain).unwrap();
        criterion.bench_function(&format!("payload seal, {size}"), |bencher| {
            bencher.iter(|| payload::seal(&person.data_key, &VALUE, &plain).unwrap());
        });
        criterion.bench_function(&format!("payload open, {size}"), |bencher| {
            bencher.iter(|| payload::open(&person.data_key, &VALUE, &sealed).unwrap());
        });
    }
    let public = &person.account.public;
    criterion.bench_function("wrap a data key", |bencher| {
        bencher.iter(|| Wrapped::wrap(&person.data_key, public, &WRAP).unwrap());
    });
    criterion.bench_function("unwrap a data key", |bencher| {
        bencher.iter(|| person.wrapped.unwrap(&person.keys, &WRAP).unwrap());
    });
    let (boxed, wrapped) = (&person.boxed, &person.wrapped);
    criterion.bench_function("hot open through the account key", |bencher| {
        bencher.iter(|| {
            person
                .account_key
                .open_data_key(boxed, &WRAP, wrapped)
                .unwrap()
        });
    });
    criterion.final_summary();
}
