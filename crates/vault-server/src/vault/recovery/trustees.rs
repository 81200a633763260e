//! Trustees as the owner names, lists and removes them.

use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, TrusteeRow};
use vault_store::{ChangeSet, Page, RecoveryChange, RecoverySetId, UserId, UtcMillis};

use super::restores::erasure_of_all;
use super::{HINT_BYTES_MAX, SealedPair, TRUSTEES_MAX, WAIT_SECONDS_MAX, is_stale};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError};
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;
use crate::vault::row_integrity::UNSIGNED;
use crate::vault::value_name::is_printable;

/// What a trustee shall hold.
#[derive(Clone, Copy)]
pub struct NewTrustee<'a> {
    /// What the owner's client sealed, first half.
    pub ecc_share: &'a [u8],
    /// What the owner's client sealed, second half.
    pub kyber_share: &'a [u8],
    /// Whether a mask made of an answer lies over it.
    pub xor_applied: bool,
    /// What the question is; may be empty.
    pub hint: &'a str,
    /// How long a restore by this trustee waits.
    pub wait_seconds: u32,
    /// The set it belongs to; `None` for a set of its own.
    pub set_id: Option<RecoverySetId>,
}

/// A trustee as its owner sees it.
#[derive(Debug, Clone)]
pub struct Trustee {
    /// Who.
    pub trustee: UserId,
    /// The set that the share belongs to.
    pub set_id: RecoverySetId,
    /// Whether a mask lies over the share.
    pub xor_applied: bool,
    /// What the question is.
    pub hint: String,
    /// How long a restore by this trustee waits.
    pub wait_seconds: u32,
    /// Whether the owner's secret or key pair has changed since.
    pub stale: bool,
    /// When the trustee was first named.
    pub created: UtcMillis,
}

impl Trustee {
    pub(super) fn of(row: TrusteeRow, ring: &CheckedRing) -> Result<Self, VaultError> {
        Ok(Self {
            stale: is_stale(&row, ring)?,
            trustee: row.trustee,
            set_id: row.set_id,
            xor_applied: row.xor_applied,
            hint: row.hint,
            wait_seconds: row.waiting_seconds,
            created: row.created,
        })
    }
}

impl Vault {
    /// Names a colleague as trustee, or replaces what a trustee holds: whatever the trustee
    /// staged before is erased with it. Tells whether the trustee is new.
    ///
    /// # Errors
    /// `KeysMissing`; `NotFound` for a trustee who is disabled or elsewhere; `Invalid` for
    /// oneself, an empty half, a hint or a waiting time out of bounds; `TooLarge`;
    /// `TooManyTrustees`; `Conflict` when another call was faster.
    pub async fn put_trustee(
        &self,
        caller: &Principal,
        trustee: UserId,
        new: NewTrustee<'_>,
    ) -> Result<(Trustee, bool), VaultError> {
        let owner = access::member(caller)?;
        check(owner, trustee, new)?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let sealed = SealedPair::new(&ring, new.ecc_share, new.kyber_share)?;
        let user = self.store.user(owner.org_id, trustee).await?;
        let user = user.ok_or(VaultError::NotFound)?;
        self.integrity.check(&user)?;
        if user.disabled {
            return Err(VaultError::NotFound);
        }
        // One at a time for each owner, so that the bound is exact.
        let _turn = self.turns.take(("trustees", owner)).await;
        let old = self.trustee_row(owner, trustee).await?;
        if old.is_none() {
            self.check_room(owner).await?;
        }
        let is_new = old.is_none();
        let row = self.integrity.sign(TrusteeRow {
            org_id: owner.org_id,
            owner: owner.user_id,
            trustee,
            set_id: new.set_id.unwrap_or_else(|| Uuid::now_v7().into()),
            blobs: sealed.to_bytes(),
            xor_applied: new.xor_applied,
            hint: new.hint.to_owned(),
            secret_version: ring.keys.secret_version,
            waiting_seconds: new.wait_seconds,
            created: old
                .as_ref()
                .map_or_else(|| self.clock.utc(), |old| old.created),
            version: old.as_ref().map_or(FIRST_VERSION, |old| old.version + 1),
            mac: UNSIGNED,
        });
        let shown = Trustee::of(row.clone(), &ring)?;
        let mut changes = match old {
            None => ChangeSet::from(RecoveryChange::InsertTrustee(row)),
            Some(old) => ChangeSet::from(RecoveryChange::ReplaceTrustee {
                expected_version: old.version,
                row,
            }),
        };
        changes.push(erasure_of_all(owner, Some(trustee)).into());
        self.commit(changes).await?;
        Ok((shown, is_new))
    }

    async fn check_room(&self, owner: Member) -> Result<(), VaultError> {
        let found = self
            .store
            .trustees(owner.org_id, owner.user_id, None, TRUSTEES_MAX)
            .await?;
        if found.rows.len() < TRUSTEES_MAX as usize {
            Ok(())
        } else {
            Err(VaultError::TooManyTrustees)
        }
    }

    /// The caller's trustees in the order of their ids.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn trustees(
        &self,
        caller: &Principal,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<Trustee>, VaultError> {
        let owner = access::member(caller)?;
        let Page { rows, more } = self
            .store
            .trustees(owner.org_id, owner.user_id, after, limit)
            .await?;
        // Who has no keys has no trustees.
        let Some(ring) = self.key_ring(owner).await? else {
            return Ok(Page {
                rows: Vec::new(),
                more: false,
            });
        };
        let shown = rows.into_iter().map(|row| {
            self.integrity.check(&row)?;
            Trustee::of(row, &ring)
        });
        let rows = shown.collect::<Result<_, VaultError>>()?;
        Ok(Page { rows, more })
    }

    /// Removes a trustee with everything the trustee staged.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when others were faster many times.
    pub async fn remove_trustee(
        &self,
        caller: &Principal,
        trustee: UserId,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = async || {
            let row = self.trustee_row(owner, trustee).await?;
            let row = row.ok_or(VaultError::NotFound)?;
            let change = RecoveryChange::DeleteTrustee {
                org_id: row.org_id,
                owner: row.owner,
                trustee: row.trustee,
                expected_version: row.version,
            };
            self.commit(change).await?;
            Ok(())
        };
        self.turns.retry(("trustee", owner, trustee), attempt).await
    }
}

fn check(owner: Member, trustee: UserId, new: NewTrustee<'_>) -> Result<(), VaultError> {
    if trustee == owner.user_id {
        return Err(VaultError::Invalid(Invalid::SelfTrustee));
    }
    if new.hint.len() > HINT_BYTES_MAX || !new.hint.chars().all(is_printable) {
        return Err(VaultError::Invalid(Invalid::Hint));
    }
    if new.wait_seconds > WAIT_SECONDS_MAX {
        return Err(VaultError::Invalid(Invalid::WaitSeconds));
    }
    Ok(())
}
