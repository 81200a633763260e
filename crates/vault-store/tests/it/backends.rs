//! Every backend passes the same suite.

use std::sync::Arc;

use tempfile::TempDir;
use vault_store::conformance::sample::{self, SampleSealer};
use vault_store::{
    AuditHead, AuditSealer, Change, ChangeSet, MemoryStore, OpenMode, OrgId, SealedBlock,
    SqliteOptions, SqliteStore, Store, StoreError,
};

async fn memory() -> (Arc<MemoryStore>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

async fn sqlite() -> (Arc<SqliteStore>, TempDir) {
    let directory = TempDir::new().expect("a temporary directory");
    let store = SqliteStore::open(directory.path().join("vault.db"), OpenMode::CreateIfMissing);
    (Arc::new(store.expect("a new database")), directory)
}

async fn audited_memory() -> (Arc<MemoryStore>, ()) {
    (Arc::new(MemoryStore::audited(Arc::new(SampleSealer))), ())
}

async fn audited_sqlite() -> (Arc<SqliteStore>, TempDir) {
    let directory = TempDir::new().expect("a temporary directory");
    let store = SqliteStore::open_audited(
        directory.path().join("vault.db"),
        OpenMode::CreateIfMissing,
        SqliteOptions::default(),
        Arc::new(SampleSealer),
    );
    (Arc::new(store.expect("a new database")), directory)
}

vault_store::conformance_suite!(in_memory, super::memory);
vault_store::conformance_suite!(on_sqlite, super::sqlite);
vault_store::audit_conformance_suite!(audited_in_memory, super::audited_memory);
vault_store::audit_conformance_suite!(audited_on_sqlite, super::audited_sqlite);

/// Counts wrong.
struct ForgetfulSealer;

impl AuditSealer for ForgetfulSealer {
    fn seal(&self, _org: OrgId, head: &AuditHead, entries: &[&[u8]]) -> SealedBlock {
        SealedBlock {
            bytes: entries.concat(),
            head: *head,
        }
    }
}

/// A block that would break the chain is not stored, nor is what it tells of; and without a sealer
/// there is no audit at all.
#[tokio::test]
async fn a_sealer_that_breaks_its_chain_is_refused() {
    let directory = TempDir::new().expect("a temporary directory");
    let open = |name: &str| directory.path().join(name);
    let audited = SqliteStore::open_audited(
        open("audited.db"),
        OpenMode::CreateIfMissing,
        SqliteOptions::default(),
        Arc::new(ForgetfulSealer),
    );
    let bare = SqliteStore::open(open("bare.db"), OpenMode::CreateIfMissing);
    let stores: [&dyn Store; 4] = [
        &MemoryStore::audited(Arc::new(ForgetfulSealer)),
        &audited.expect("a new database"),
        &MemoryStore::new(),
        &bare.expect("a new database"),
    ];
    for store in stores {
        let org = ChangeSet::from(Change::InsertOrg(sample::org(1)));
        let set = org.clone().with_audit(sample::audit_entry(1, "made"));
        let refused = store.commit(set).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
        assert_eq!(store.org(sample::org_id(1)).await, Ok(None));
        let head = store.audit_head(sample::org_id(1)).await;
        assert_eq!(head, Ok(AuditHead::START));
        store.commit(org).await.expect("nothing to account for");
    }
}
