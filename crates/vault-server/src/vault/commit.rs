//! The one way by which a use case changes rows.
//!
//! Not here: boxes that are kept for the next reader. They tell nothing and are stored on the
//! side, with no use case to answer for them.

use vault_store::{ChangeSet, Committed, StoreError};

use super::Vault;

impl Vault {
    /// Applies changes whole or not at all; durable when it returns `Ok`.
    pub(crate) async fn commit(
        &self,
        changes: impl Into<ChangeSet>,
    ) -> Result<Committed, StoreError> {
        self.store.commit(changes.into()).await
    }
}
