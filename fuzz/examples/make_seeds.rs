//! Writes the seeds of the binary formats: `cargo run --example make_seeds` in this folder.
//!
//! They are committed, so this runs again only when a format is added.

use hardened_crypto::{
    audit_chain::{Actor, AuditEvent, Chain, Checkpoint, LogText},
    ids::{RecoverySetId, UserId},
    payload,
    recovery::{
        MASK_SALT_BYTES, MaskSalt, RecoveryKey, RecoverySet, Split, StagedRestore, TrusteeContext,
        WrappedShare,
    },
    root_key::RootKeyring,
    secret_format::{PresentedKey, SecretKind},
    suite::{Header, ObjectKind},
    user_secret::{Argon2Arena, PassphraseCost, UserSecret},
    wrap::{Alias, wrap_alias},
};
use sealgate_fuzz::{ALIAS, OWNER, PERSON, VALUE};
use secrecy::ExposeSecret;
use std::{error::Error, fs, path::Path};
use vault_client::recovery::{Envelope, SharePackage};
use vault_server::{audit_files::ExportLine, vault::recovery::sealed_pair::SealedPair};

fn main() -> Result<(), Box<dyn Error>> {
    for kind in ObjectKind::ALL {
        let header = Header::new(*kind, 1).to_bytes();
        write("header", &format!("kind-{:02}", *kind as u8), &header)?;
    }
    let account = &PERSON.account;
    write("wrap", "whole", PERSON.wrapped.as_bytes())?;
    write("public_keys", "whole", account.public.as_bytes())?;
    write("key_boxes", "account-key", &account.account_key)?;
    write("key_boxes", "p256", &account.private.p256)?;
    write("key_boxes", "ml-kem", &account.private.ml_kem)?;
    write("protection", "generated", &PERSON.protection.to_bytes())?;
    for cost in [PassphraseCost::DEFAULT, PassphraseCost::STRONG] {
        let secret = UserSecret::for_unlock(b"a seed's passphrase")?;
        let (protection, _) = secret.protect(OWNER, 1, cost, &mut Argon2Arena::default())?;
        let name = format!("passphrase-{}", cost.memory_kib());
        write("protection", &name, &protection.to_bytes())?;
    }
    let sealed = payload::seal(&PERSON.data_key, &VALUE, b"a seed")?;
    write("payload", "small", &sealed)?;
    let label = payload::seal_label(&PERSON.data_key, &VALUE, b"a seed")?;
    write("label", "small", &label)?;
    write("credential", "label", &label)?;
    let alias = Alias::new("a seed")?;
    write(
        "alias",
        "wrapped",
        &wrap_alias(&alias, &account.public, &ALIAS)?,
    )?;
    write(
        "alias",
        "boxed",
        &PERSON.account_key.box_alias(&alias, &ALIAS, b"wrap")?,
    )?;
    for target in [
        "alias",
        "payload",
        "label",
        "key_boxes",
        "protection",
        "wrap",
        "public_keys",
        "credential",
        "token_box",
    ] {
        write(target, "edit-one", &[0, 0, 20, 1])?;
        write(target, "edit-cut", &[9, 0, 1, 0])?;
        write(target, "edit-append", &[2, 0, 0, 0x53])?;
        write(target, "edit-repeat", &[255])?;
    }
    for number in 0..7 {
        write(
            "payload",
            &format!("edit-{number}"),
            &[number, 0, 64, 20, 1],
        )?;
        write(
            "payload",
            &format!("edit-end-{number}"),
            &[number, 2, 0, 0, 0x53],
        )?;
    }
    write("token_box", "box", &account.account_key)?;
    for kind in [SecretKind::ApiKey, SecretKind::AccessToken] {
        let (_, text) = PresentedKey::make(kind)?;
        write(
            "presented_key",
            kind.prefix(),
            text.expose_secret().as_bytes(),
        )?;
        write(
            "presented_key",
            "id",
            &text.expose_secret().as_bytes()[4..12],
        )?;
    }
    let (_, text) = UserSecret::make()?;
    write("presented_key", "sgs_", text.expose_secret().as_bytes())?;
    write("user_secret", "generated", text.expose_secret().as_bytes())?;
    write("user_secret", "passphrase", b"correct horse battery staple")?;
    let ring = RootKeyring::make_text()?;
    write("root_keyring", "one", ring.expose_secret().as_bytes())?;
    let two = format!(
        "# two\n{}{}",
        ring.expose_secret(),
        ring.expose_secret().replace("1:", "2:")
    );
    write("root_keyring", "two", two.as_bytes())?;
    recovery()?;
    audit()
}

fn recovery() -> Result<(), Box<dyn Error>> {
    let set = RecoverySet {
        org: OWNER.org,
        owner: OWNER.user,
        set: RecoverySetId([7; 16]),
        version: 1,
    };
    let key = RecoveryKey::make()?;
    let place = TrusteeContext {
        set,
        trustee: UserId([8; 16]),
        trustee_generation: 1,
    };
    let mut shares = key.split(&set, Split::new(2, 3)?)?;
    shares.push(key.for_lone_trustee(&set));
    for (number, share) in shares.iter().enumerate() {
        let text = share.to_text();
        write(
            "recovery_share",
            &format!("text-{number}"),
            text.expose_secret().as_bytes(),
        )?;
    }
    let wrapped = WrappedShare::wrap(&shares[0], &PERSON.account.public, &place)?;
    write("recovery_share", "wrapped", wrapped.as_bytes())?;
    for salt in [None, Some(MaskSalt([9; MASK_SALT_BYTES]))] {
        let package = SharePackage {
            set_version: 1,
            trustee: PERSON.account.public.fingerprint(),
            salt,
            wrapped: WrappedShare::wrap(&shares[0], &PERSON.account.public, &place)?,
        };
        let name = if package.salt.is_some() {
            "masked"
        } else {
            "plain"
        };
        write("share_package", name, &package.to_bytes())?;
    }
    for (name, count) in [("one", 1), ("three", 3)] {
        let envelope = Envelope {
            key_pairs: (1..=count).map(|at| (at, vec![7; 150])).collect(),
            account_key: vec![8; 90],
        };
        write("recovery_envelope", name, &envelope.to_bytes()?)?;
    }
    let pair = SealedPair {
        secret_version: 1,
        generation: 2,
        ecc: vec![7; 20],
        kyber: vec![8; 30],
    };
    write("sealed_pair", "small", &pair.to_bytes())?;

    let pairs = [(
        1,
        PERSON
            .account
            .private
            .open(&PERSON.kek, 1, &PERSON.account.public)?,
    )];
    for account_key in [None, Some(&PERSON.account_key)] {
        let restore =
            StagedRestore::make(&PERSON.kek, PERSON.protection.clone(), &pairs, account_key)?;
        let (first, second) = restore.to_blobs();
        let cut = u16::try_from(first.len())?.to_be_bytes();
        let name = if account_key.is_some() {
            "with-account-key"
        } else {
            "keys-alone"
        };
        write(
            "staged_restore",
            name,
            &[cut.as_slice(), &first, &second].concat(),
        )?;
    }
    Ok(())
}

fn audit() -> Result<(), Box<dyn Error>> {
    let mut chain = Chain::empty(OWNER.org);
    let mut block = Vec::new();
    let actors = [
        Actor::Anonymous,
        Actor::Root,
        Actor::System,
        Actor::User(OWNER.user),
    ];
    for (number, actor) in actors.into_iter().enumerate() {
        let link = chain.append(AuditEvent {
            time_utc_ms: 1_790_000_000_000,
            actor,
            action: LogText::new("kv.read")?,
            target: LogText::new("kv db/main")?,
            outcome: LogText::new("ok")?,
            new_version: (number % 2 == 1).then_some(7),
            request_id: LogText::new("01J9")?,
            note: LogText::new("curl/8 192.0.2.1")?,
        })?;
        write(
            "audit_line",
            &format!("line-{number}"),
            link.to_line().as_bytes(),
        )?;
        let event = link.entry.event.to_bytes();
        write("audit_event", &format!("event-{number}"), &event)?;
        let line = serde_json::to_vec(&ExportLine::of(&link))?;
        write("export_line", &format!("line-{number}"), &line)?;
        block.extend(u16::try_from(event.len())?.to_be_bytes());
        block.extend(event);
        block.extend(link.hash.0);
        let numbers = [1_u64, link.entry.sequence].map(u64::to_be_bytes);
        let name = format!("entries-{}", link.entry.sequence);
        write(
            "audit_block",
            &name,
            &[&numbers.concat(), &block[..]].concat(),
        )?;
    }
    let text = RootKeyring::make_text()?;
    let ring = RootKeyring::parse(text.expose_secret())?;
    let signed = Checkpoint::of(&chain, 1_790_000_000_000).sign(&ring);
    let text = signed.to_text();
    write("checkpoint", "signed", text.as_bytes())?;
    write("checkpoint_file", "two", text.repeat(2).as_bytes())?;
    let torn = format!("{}\n{text}", &text[..text.len() / 2]);
    write("checkpoint_file", "torn", torn.as_bytes())
}

fn write(target: &str, name: &str, seed: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), seed)?;
    Ok(())
}
