//! Every backend passes the same suite.

use std::sync::Arc;

use tempfile::TempDir;
use vault_store::{MemoryStore, OpenMode, SqliteStore};

async fn memory() -> (Arc<MemoryStore>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

async fn sqlite() -> (Arc<SqliteStore>, TempDir) {
    let directory = TempDir::new().expect("a temporary directory");
    let store = SqliteStore::open(directory.path().join("vault.db"), OpenMode::CreateIfMissing);
    (Arc::new(store.expect("a new database")), directory)
}

vault_store::conformance_suite!(in_memory, super::memory);
vault_store::conformance_suite!(on_sqlite, super::sqlite);
