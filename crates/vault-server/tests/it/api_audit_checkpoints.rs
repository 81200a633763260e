//! A long chain and its checkpoints, checked as an operator does.

use std::collections::BTreeMap;

use hardened_crypto::audit_chain::{
    Actor, AuditEvent, BreakReason, BrokenLink, CHECKPOINT_EVERY_ENTRIES, Chain, ChainLink,
    Checkpoint, LogText,
};
use hardened_crypto::root_key::RootKeyring;
use uuid::Uuid;
use vault_server::audit_files::{
    AuditSource, ChainFault, ChainReport, DatabaseSource, SourceError, checkpoints_of, verify,
};
use vault_server::vault::audit::{CHECKPOINT_FILE_NAME, CheckpointFile};
use vault_server::vault::bootstrap::DATABASE_FILE_NAME;
use vault_store::rows::AuditEntry;
use vault_store::{AuditStore, OrgId, Store};

use super::api_support::{Api, Calls};
use super::support::PATIENCE;

/// Entries between two looks at the checkpoints: more than one of them is for.
const ENTRIES: u64 = CHECKPOINT_EVERY_ENTRIES + 200;
const ROUNDS: u64 = 3;

/// Links as somebody with the database and no root key can write them.
struct Forged {
    org_id: OrgId,
    links: Vec<ChainLink>,
}

impl AuditSource for Forged {
    fn orgs(&self) -> Result<Vec<OrgId>, SourceError> {
        Ok(vec![self.org_id])
    }

    fn links(&self, _: OrgId, each: &mut dyn FnMut(ChainLink) -> bool) -> Result<(), SourceError> {
        let _all = self.links.iter().all(|link| each(link.clone()));
        Ok(())
    }
}

fn entries(org_id: OrgId, count: u64) -> Vec<AuditEntry> {
    let entry = |number| {
        let event = AuditEvent {
            time_utc_ms: super::api_support::START,
            actor: Actor::System,
            action: LogText::lossy("server.change"),
            target: LogText::lossy(&format!("number:{number}")),
            outcome: LogText::lossy("ok"),
            new_version: None,
            request_id: LogText::default(),
            note: LogText::default(),
        };
        let entry = event.to_bytes();
        AuditEntry { org_id, entry }
    };
    (0..count).map(entry).collect()
}

/// Sizes of the chain at its checkpoints so far.
fn checkpoint_sizes(api: &Api, org_id: OrgId) -> Vec<u64> {
    let text = std::fs::read_to_string(api.directory().join(CHECKPOINT_FILE_NAME));
    let key = std::fs::read_to_string(api.directory().join("root.key")).unwrap();
    let signed = CheckpointFile::parse(&text.unwrap_or_default());
    let (found, refused) = checkpoints_of(&signed, &RootKeyring::parse(&key).unwrap());
    assert_eq!(refused, 0);
    let of_it = found.get(&org_id).into_iter().flatten();
    of_it.map(Checkpoint::size).collect()
}

type Known = BTreeMap<OrgId, Vec<Checkpoint>>;

fn outcome(
    source: &dyn AuditSource,
    known: &Known,
    org_id: OrgId,
) -> Result<ChainReport, ChainFault> {
    let found = verify(source, known).unwrap();
    let of_it = found.into_iter().find(|finding| finding.org_id == org_id);
    of_it.unwrap().outcome
}

fn broken(outcome: Result<ChainReport, ChainFault>) -> BrokenLink {
    match outcome {
        Err(ChainFault::Broken(link)) => link,
        other => panic!("not a broken link: {other:?}"),
    }
}

#[tokio::test]
async fn several_checkpoints_are_met_and_a_cut_between_them_is_named() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let org_id: OrgId = user.org_id.parse::<Uuid>().unwrap().into();
    for round in 1..=ROUNDS {
        for _ in 0..4 {
            let some = entries(org_id, ENTRIES / 4);
            api.store.record(some).await.unwrap();
        }
        let read = api.get("/v1/kv").key(&user).answer().await;
        assert_eq!(read.status, 200);
        let made = async {
            while checkpoint_sizes(&api, org_id)
                .last()
                .copied()
                .unwrap_or_default()
                < round * ENTRIES
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, made).await.unwrap();
    }
    let first = checkpoint_sizes(&api, org_id)[0];
    assert!(first < 2 * ENTRIES, "one checkpoint for each round");
    let size = api.store.audit_head(org_id).await.unwrap().next_seq - 1;
    let directory = api.close().await;

    let database = directory.path().join(DATABASE_FILE_NAME);
    let key = std::fs::read_to_string(directory.path().join("root.key")).unwrap();
    let signed = CheckpointFile::read(&directory.path().join(CHECKPOINT_FILE_NAME)).unwrap();
    let (known, refused) = checkpoints_of(&signed, &RootKeyring::parse(&key).unwrap());
    assert_eq!(refused, 0);
    let source = DatabaseSource::open(&database).unwrap();
    let whole = outcome(&source, &known, org_id).unwrap().verified;
    assert_eq!(whole.chain.size(), size);
    assert_eq!(whole.checkpoints_met, known[&org_id].len() as u64);
    assert!(whole.checkpoints_met >= ROUNDS);

    // Cut out and closed up again, as by somebody who can hash but not sign: whole by itself, and
    // named by the next checkpoint.
    let mut links = Vec::new();
    let mut keep = |link| {
        links.push(link);
        true
    };
    source.links(org_id, &mut keep).unwrap();
    drop(source);
    let cut_at = usize::try_from(first).unwrap() + 100;
    links.drain(cut_at..cut_at + 10);
    let mut chain = Chain::empty((*org_id.as_bytes()).into());
    let again = links
        .into_iter()
        .map(|link| chain.append(link.entry.event).unwrap());
    let forged = Forged {
        org_id,
        links: again.collect(),
    };
    assert!(outcome(&forged, &Known::new(), org_id).is_ok());
    let later = known[&org_id].iter().map(Checkpoint::size);
    let next = later.filter(|size| *size > cut_at as u64).min().unwrap();
    let named = BrokenLink {
        sequence: next,
        reason: BreakReason::CheckpointMismatch,
    };
    assert_eq!(broken(outcome(&forged, &known, org_id)), named);

    // Blocks deleted from the middle are missed with and without checkpoints.
    let db = rusqlite::Connection::open(&database).unwrap();
    let (from, to) = (cut_at as i64, (2 * ENTRIES) as i64);
    let within = "org_id = ?1 AND first_seq > ?2 AND last_seq < ?3";
    let values = rusqlite::params![&org_id.as_bytes()[..], from, to];
    let missing: i64 = db
        .query_row(
            &format!("SELECT min(first_seq) FROM audit_blocks WHERE {within}"),
            values,
            |row| row.get(0),
        )
        .unwrap();
    let delete = format!("DELETE FROM audit_blocks WHERE {within}");
    assert!(db.execute(&delete, values).unwrap() > 0);
    db.close().unwrap();
    let source = DatabaseSource::open(&database).unwrap();
    let named = BrokenLink {
        sequence: u64::try_from(missing).unwrap(),
        reason: BreakReason::Gap,
    };
    for known in [&known, &Known::new()] {
        assert_eq!(broken(outcome(&source, known, org_id)), named);
    }
}
