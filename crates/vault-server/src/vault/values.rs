//! Values: sealed under a data key of their own for every version.
//!
//! In: a caller, a checked name, bytes. Out: versions, names, and bytes again for whoever holds
//! the user secret. A write needs public keys only; a read needs the secret.
//!
//! Promise: a write is there whole or not at all, wrapped to its owner and to everyone it is
//! shared with; of two writes that expect the same version
//! one happens; what is deleted, expired or another's is absent, all alike, from the very
//! millisecond. A write over a soft-deleted name revives the record with its older versions.

mod batch;
mod erase;
mod precondition;
mod read;
mod versions;
mod write;

pub(super) use write::Over;

pub use batch::{BATCH_MAX, BatchItem};
pub use precondition::{Precondition, VersionSet};
pub use read::OpenedValue;
pub use versions::Version;
pub use write::{NewValue, Written};

use vault_store::rows::ValueRow;
use vault_store::{ListValues, Page, UtcMillis};

use super::Vault;
use super::access::{self, Member};
use super::error::VaultError;
use super::principal::Principal;
use super::value_name::ValueName;

/// Which names to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListNames<'a> {
    /// Only names that start with this.
    pub prefix: &'a str,
    /// Only names after this one.
    pub after: Option<&'a str>,
    /// Names wanted, from 1.
    pub limit: u32,
}

impl Vault {
    /// The caller's names that are neither deleted nor expired, in the order of their bytes.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn names(
        &self,
        caller: &Principal,
        list: ListNames<'_>,
    ) -> Result<Page<String>, VaultError> {
        let member = access::member(caller)?;
        let list = ListValues {
            org_id: member.org_id,
            owner: member.user_id,
            prefix: list.prefix,
            after: list.after,
            limit: list.limit,
            now: self.clock.utc(),
        };
        let Page { rows, more } = self.store.values(list).await?;
        for row in &rows {
            self.integrity.check(row)?;
        }
        Ok(Page {
            rows: rows.into_iter().map(|row| row.name).collect(),
            more,
        })
    }

    /// The authenticated row of a value, deleted and expired ones too.
    pub(super) async fn value_row(
        &self,
        owner: Member,
        name: &ValueName,
    ) -> Result<Option<ValueRow>, VaultError> {
        let row = self.store.value(stored_name(owner, name)).await?;
        if let Some(row) = &row {
            self.integrity.check(row)?;
        }
        Ok(row)
    }
}

fn stored_name(owner: Member, name: &ValueName) -> vault_store::ValueName<'_> {
    vault_store::ValueName {
        org_id: owner.org_id,
        owner: owner.user_id,
        name: name.as_str(),
    }
}

/// Whether the caller may know of the value at `now`.
pub(super) fn visible(row: &ValueRow, now: UtcMillis) -> bool {
    row.is_listed(now)
}
