//! Random changes to shares, files, credentials, tokens, recovery and users on SQLite and on the
//! reference: same answers, same contents.

mod contents;

use proptest::prelude::*;
use proptest::sample::select;
use vault_store::conformance::sample;
use vault_store::rows::{Record, RecordKind, ShareRow};
use vault_store::{
    Change, CredentialChange, Expect, FileChange, MemoryStore, RecoveryChange, ShareChange, Store,
    TokenChange, UtcMillis, WrapChange,
};

use self::contents::contents;
use crate::support::{create, new_path};

const USERS: [u32; 3] = [1, 2, 4];
/// Records of each kind; number 10 * kind + n.
const RECORDS: [u32; 3] = [0, 1, 2];
const KINDS: [RecordKind; 3] = RecordKind::ALL;
const SHARES: [u32; 6] = [0, 1, 2, 3, 4, 5];
const TIMES: [i64; 3] = [0, 50, 100];

#[derive(Clone, Debug)]
struct Op {
    verb: Verb,
    kind: RecordKind,
    record: u32,
    share: u32,
    user: u32,
    other: u32,
    /// Added to the versions that are expected; mostly 0.
    skew: u64,
    seed: u8,
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Put,
    PutBlind,
    Erase,
    Share,
    ReplaceShare,
    Revoke,
    RotateWrap,
    PutBox,
    PutAliasBox,
    RollBack,
    Token,
    SweepTokens,
    Trustee,
    Restore,
    Decide,
    RemoveUser,
    AddUser,
}

const VERBS: [Verb; 22] = [
    Verb::Put,
    Verb::Put,
    Verb::Put,
    Verb::PutBlind,
    Verb::Erase,
    Verb::Share,
    Verb::Share,
    Verb::Share,
    Verb::ReplaceShare,
    Verb::Revoke,
    Verb::RotateWrap,
    Verb::PutBox,
    Verb::PutBox,
    Verb::PutAliasBox,
    Verb::RollBack,
    Verb::Token,
    Verb::SweepTokens,
    Verb::Trustee,
    Verb::Restore,
    Verb::Decide,
    Verb::RemoveUser,
    Verb::AddUser,
];

fn op() -> impl Strategy<Value = Op> {
    let skew = prop_oneof![9 => Just(0_u64), 1 => Just(1_u64)];
    let place = (select(&KINDS[..]), select(&RECORDS[..]));
    let users = (select(&USERS[..]), select(&USERS[..]));
    let share = select(&SHARES[..]);
    (select(&VERBS[..]), place, share, users, skew, any::<u8>()).prop_map(
        |(verb, (kind, record), share, (user, other), skew, seed)| Op {
            verb,
            kind,
            record: u32::from(kind.number()) * 10 + record,
            share,
            user,
            other,
            skew,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_keeps_every_noun_as_the_reference_does(
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(compare(ops));
    }
}

async fn compare(ops: Vec<Op>) {
    let (_directory, path) = new_path();
    let (reference, sqlite) = (MemoryStore::new(), create(&path));
    let people = sample::people().into_iter();
    let people = people.chain([Change::InsertUser(sample::user(1, 4))]);
    let people: vault_store::ChangeSet = people.collect();
    for store in [&reference as &dyn Store, &sqlite] {
        store.commit(people.clone()).await.expect("people");
    }
    for (number, op) in ops.iter().enumerate() {
        let Some(change) = change(&reference, op).await else {
            continue;
        };
        let expected = reference.commit(change.clone().into()).await;
        assert_eq!(
            sqlite.commit(change.clone().into()).await,
            expected,
            "{change:#?}"
        );
        if number % 16 == 0 {
            assert_eq!(
                contents(&sqlite).await,
                contents(&reference).await,
                "{change:#?}"
            );
        }
    }
    assert_eq!(contents(&sqlite).await, contents(&reference).await);
    sqlite.verify().await.expect("a whole file");
}

/// Owner and row version of a record, if it is stored.
async fn found(store: &MemoryStore, op: &Op) -> Option<(u32, u64)> {
    let org = sample::org_id(1);
    for owner in USERS {
        let user = sample::user_id(owner);
        let id = sample::record_id(op.record);
        let version = match op.kind {
            RecordKind::Value => {
                let name = op.record.to_string();
                let value = store.value_of(owner, &name).await;
                value.map(|row| row.version)
            }
            RecordKind::File => {
                let read = vault_store::FileStore::read_file(store, org, user, id, user).await;
                read.expect("readable").map(|read| read.file.version)
            }
            RecordKind::Credential => {
                let row = vault_store::CredentialStore::credential(store, org, user, id).await;
                row.expect("readable").map(|row| row.version)
            }
        };
        if let Some(version) = version {
            return Some((owner, version));
        }
    }
    None
}

trait ValueOf {
    async fn value_of(&self, owner: u32, name: &str) -> Option<vault_store::rows::ValueRow>;
}

impl ValueOf for MemoryStore {
    async fn value_of(&self, owner: u32, name: &str) -> Option<vault_store::rows::ValueRow> {
        let name = sample::name(1, owner, name);
        vault_store::ValueStore::value(self, name)
            .await
            .expect("readable")
    }
}

fn record(op: &Op) -> Record {
    Record {
        kind: op.kind,
        record_id: sample::record_id(op.record),
    }
}

async fn change(store: &MemoryStore, op: &Op) -> Option<Change> {
    let org_id = sample::org_id(1);
    let (user_id, stored) = (sample::user_id(op.user), found(store, op).await);
    Some(match op.verb {
        Verb::Put | Verb::PutBlind => put(store, op, stored).await,
        Verb::Erase => erase(op, stored),
        Verb::Share | Verb::ReplaceShare | Verb::Revoke => share(store, op, stored).await?,
        Verb::RotateWrap => {
            let (owner, version) = stored?;
            let mut row = sample::wrap(op.record, version, owner, vault_store::rows::Grant::Owner);
            let old_wrap = row.wrap.clone();
            (row.recipient_generation, row.wrap) = (2, vec![op.seed; 1200]);
            WrapChange::Rotate {
                kind: op.kind,
                old_wrap,
                row,
            }
            .into()
        }
        Verb::PutBox => {
            let version = stored.map_or(1, |(_, version)| version) + op.skew;
            let row = sample::account_box(op.record, version, op.user, op.seed);
            WrapChange::PutBox { kind: op.kind, row }.into()
        }
        Verb::PutAliasBox => {
            let row = sample::alias_box(op.share, 1 + op.skew, op.seed);
            ShareChange::PutAliasBox(row).into()
        }
        Verb::RollBack => {
            let (owner, version) = stored?;
            let mut row = sample::credential(1, owner, op.record, 1);
            (row.newest_version, row.version) = (version, version + 1);
            CredentialChange::Replace {
                expected_version: version,
                row,
            }
            .into()
        }
        Verb::Token => match op.seed % 3 {
            0 => TokenChange::DeleteAll { org_id, user_id }.into(),
            _ => TokenChange::Insert(sample::token(1, op.user, op.record)).into(),
        },
        Verb::SweepTokens => {
            let now = UtcMillis(sample::NOW.0 + i64::from(op.seed % 40));
            TokenChange::SweepExpired { now, limit: 2 }.into()
        }
        Verb::Trustee | Verb::Restore | Verb::Decide => recovery(store, op).await?,
        Verb::RemoveUser if !op.seed.is_multiple_of(4) => {
            Change::ExpectOtherAdmin { org_id, user_id }
        }
        Verb::RemoveUser => Change::RemoveUser {
            org_id,
            user_id,
            expected_version: 1 + op.skew,
        },
        Verb::AddUser => Change::InsertUser(sample::user(1, op.user)),
    })
}

/// The next version for those who hold a share now, or for the owner alone.
async fn put(store: &MemoryStore, op: &Op, stored: Option<(u32, u64)>) -> Change {
    let owner = stored.map_or(op.user, |(owner, _)| owner);
    let expected = stored.map_or(0, |(_, version)| version + op.skew);
    let next = expected + 1;
    let recipients = vault_store::ShareStore::recipients(store, record(op), sample::NOW).await;
    let known = recipients
        .expect("readable")
        .filter(|_| matches!(op.verb, Verb::Put));
    let (shares, revision): (Vec<ShareRow>, _) = known.map_or((Vec::new(), 0), |known| {
        let shares = known.recipients.into_iter().map(|one| one.share);
        (shares.collect(), known.share_revision)
    });
    let given = shares.iter().map(|share| sample::share_wrap(share, next));
    match op.kind {
        RecordKind::Value => {
            let mut put = sample::put(1, owner, op.record, &op.record.to_string(), next);
            if stored.is_some() {
                put.expected = Expect::Version(expected);
            }
            put.versions_kept = 2;
            match op.verb {
                Verb::Put => sample::put_shared(put, &shares, revision),
                _ => Change::PutValue(put),
            }
        }
        RecordKind::File if stored.is_none() => {
            // A body that waits to be removed blocks its id for a while.
            sample::insert_file(owner, op.record).into()
        }
        RecordKind::File => {
            let own = sample::wrap(op.record, next, owner, vault_store::rows::Grant::Owner);
            let replace = FileChange::ReplaceBody {
                expected_version: expected,
                share_revision: revision,
                row: sample::file(1, owner, op.record, next),
                wraps: given.chain([own]).collect(),
            };
            replace.into()
        }
        RecordKind::Credential => {
            let mut change = sample::put_credential(owner, op.record, next);
            if let CredentialChange::PutVersion {
                share_revision,
                wraps,
                versions_kept,
                ..
            } = &mut change
            {
                (*share_revision, *versions_kept) = (revision, 2);
                wraps.extend(given);
            }
            change.into()
        }
    }
}

fn erase(op: &Op, stored: Option<(u32, u64)>) -> Change {
    let (owner, version) = stored.unwrap_or((op.user, 1));
    let (org_id, owner) = (sample::org_id(1), sample::user_id(owner));
    let (id, expected_version) = (sample::record_id(op.record), version + op.skew);
    match op.kind {
        RecordKind::Value => {
            let record_id = id;
            Change::DestroyValue {
                org_id,
                owner,
                record_id,
                expected_version,
            }
        }
        RecordKind::File if op.seed.is_multiple_of(3) => {
            FileChange::ForgetErasedBody(sample::file(1, 1, op.record, version).body).into()
        }
        RecordKind::File => FileChange::Delete {
            org_id,
            owner,
            file_id: id,
            expected_version,
        }
        .into(),
        RecordKind::Credential => CredentialChange::Delete {
            org_id,
            owner,
            credential_id: id,
            expected_version,
        }
        .into(),
    }
}

async fn share(store: &MemoryStore, op: &Op, stored: Option<(u32, u64)>) -> Option<Change> {
    let old = vault_store::ShareStore::share(store, sample::share_id(op.share)).await;
    let old = old.expect("readable");
    if let Verb::Revoke = op.verb {
        let share_id = sample::share_id(op.share);
        let expected_version = old.map_or(1, |row| row.version) + op.skew;
        return Some(
            ShareChange::Delete {
                share_id,
                expected_version,
            }
            .into(),
        );
    }
    let (owner, version) = stored?;
    if let Verb::Share = op.verb {
        let mut row = sample::share(op.share, op.record, owner, op.other, 1);
        row.expires = op.seed.is_multiple_of(3).then_some(UtcMillis(60));
        row.kind = op.kind;
        let record_version = version + op.skew;
        return Some(sample::insert_share(row, version, record_version).into());
    }
    let row = old?;
    let target = Op {
        record: 0,
        kind: row.kind,
        ..op.clone()
    };
    let mut next = ShareRow {
        version: row.version + 1,
        ..row.clone()
    };
    next.expires = Some(UtcMillis(op.seed.into()));
    for record in 0..100 {
        if sample::record_id(record) == row.record_id {
            let (_, record_version) = found(
                store,
                &Op {
                    record,
                    ..target.clone()
                },
            )
            .await?;
            return Some(
                ShareChange::Replace {
                    expected_version: row.version + op.skew,
                    wraps: vec![sample::share_wrap(&next, record_version)],
                    row: ShareRow {
                        version: row.version + op.skew + 1,
                        ..next
                    },
                    record_version,
                }
                .into(),
            );
        }
    }
    None
}

async fn recovery(store: &MemoryStore, op: &Op) -> Option<Change> {
    let (org, owner, trustee) = (sample::org_id(1), sample::user_id(op.user), op.other);
    let change = match op.verb {
        Verb::Trustee => {
            let found =
                vault_store::RecoveryStore::trustee(store, org, owner, sample::user_id(trustee));
            match found.await.expect("readable") {
                None => RecoveryChange::InsertTrustee(sample::trustee(op.user, trustee, 1)),
                Some(row) if op.seed.is_multiple_of(2) => RecoveryChange::DeleteTrustee {
                    org_id: org,
                    owner,
                    trustee: row.trustee,
                    expected_version: row.version + op.skew,
                },
                Some(row) => RecoveryChange::ReplaceTrustee {
                    expected_version: row.version,
                    row: sample::trustee(op.user, trustee, row.version + 1),
                },
            }
        }
        Verb::Restore => RecoveryChange::InsertRestore(sample::restore(op.share, op.user, trustee)),
        _ => {
            let id = sample::restore_id(op.share);
            let found = vault_store::RecoveryStore::restore(store, id).await;
            let mut row = found.expect("readable")?;
            row.state = vault_store::rows::RestoreState::Vetoed;
            let expected_version = row.version + op.skew;
            row.version = expected_version + 1;
            RecoveryChange::ReplaceRestore {
                expected_version,
                row,
            }
        }
    };
    Some(change.into())
}
