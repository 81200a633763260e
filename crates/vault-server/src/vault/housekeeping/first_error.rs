//! The first of several errors, for work that goes on after one.

use crate::vault::error::VaultError;

/// What failed first, if anything did.
#[derive(Debug, Default)]
pub(super) struct FirstError(Option<VaultError>);

impl FirstError {
    /// What came out; nothing, where it failed.
    pub(super) fn or_none<T: Default>(&mut self, outcome: Result<T, VaultError>) -> T {
        outcome.unwrap_or_else(|error| {
            self.0.get_or_insert(error);
            T::default()
        })
    }

    /// # Errors
    /// The first of all.
    pub(super) fn none_or_err(self) -> Result<(), VaultError> {
        self.0.map_or(Ok(()), Err)
    }
}
