//! Recovery: an owner entrusts sealed shares to colleagues, who can hand the private keys back.
//!
//! In: callers and bytes that their clients sealed. Out: who holds what, and restores that wait
//! for their owner. Nothing sealed here is opened here, but for a restore that becomes active.
//!
//! Promise: naming, replacing and removing trustees is the owner's alone, staging a present
//! trustee's alone; to everyone else nothing of it exists. A staged restore replaces nothing:
//! the keys in force stay until a secret opens it, it holds the private half of every stored
//! public key, and its waiting time is over. Counts and sizes are bounded.
//! Not here: making and joining shares, which is the clients' (`hardened-crypto`).

mod activate;
mod held;
mod restores;
pub mod sealed_pair;
mod trustees;

pub use held::{HeldShare, OwnerKeys, Trust};
pub use restores::Restore;
pub use trustees::{NewTrustee, Trustee};

use vault_store::UserId;
use vault_store::rows::TrusteeRow;

use self::sealed_pair::SealedPair;
use super::Vault;
use super::access::Member;
use super::error::VaultError;
use super::keys::CheckedRing;

/// Trustees that one owner can have.
pub const TRUSTEES_MAX: u32 = 16;
/// The longest that a restore can have to wait, in seconds: 90 days.
pub const WAIT_SECONDS_MAX: u32 = 90 * 24 * 60 * 60;
/// Bytes of a hint.
pub const HINT_BYTES_MAX: usize = 256;

impl Vault {
    /// The authenticated row of a trustee of `owner`.
    async fn trustee_row(
        &self,
        owner: Member,
        trustee: UserId,
    ) -> Result<Option<TrusteeRow>, VaultError> {
        let row = self
            .store
            .trustee(owner.org_id, owner.user_id, trustee)
            .await?;
        if let Some(row) = &row {
            self.integrity.check(row)?;
        }
        Ok(row)
    }
}

/// Whether the owner's secret or key pair has changed since the share was made.
fn is_stale(row: &TrusteeRow, ring: &CheckedRing) -> Result<bool, VaultError> {
    let sealed = SealedPair::stored(&row.blobs)?;
    Ok(sealed.is_stale(ring))
}
