//! Every backend passes the same suite.

use std::sync::Arc;

use tempfile::TempDir;
use vault_store::conformance::sample::SampleSealer;
use vault_store::{MemoryStore, OpenMode, SqliteOptions, SqliteStore};

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
