//! Restores: staged by a trustee, seen and vetoed by the owner.
//!
//! A trustee has one staged restore for an owner; the next one takes its place and waits anew.
//! What is vetoed or has become active is erased, so that no second copy of the private keys
//! stays under a secret that somebody else may have chosen.

use uuid::Uuid;
use vault_store::limits::RECOVERY_PAGE_MAX;
use vault_store::rows::{FIRST_VERSION, RestoreState, StagedRestoreRow};
use vault_store::{ChangeSet, Page, RecoveryChange, RestoreId, UserId, UtcMillis};

use super::SealedPair;
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::row_integrity::UNSIGNED;

const MILLIS_PER_SECOND: i64 = 1_000;

/// A staged restore as its owner sees it.
#[derive(Debug, Clone)]
pub struct Restore {
    /// Its id.
    pub restore_id: RestoreId,
    /// Who staged it.
    pub trustee: UserId,
    /// When.
    pub submitted: UtcMillis,
    /// It cannot become active before this very millisecond.
    pub not_before: UtcMillis,
    /// Whether the owner's secret or key pair has changed since: it never becomes active.
    pub stale: bool,
}

/// An authenticated restore that is neither vetoed nor active.
#[derive(Clone)]
pub(super) struct PendingRestore(pub(super) StagedRestoreRow);

impl PendingRestore {
    /// Erases it as it was read.
    pub(super) fn erasure(&self) -> RecoveryChange {
        RecoveryChange::DeleteRestore {
            restore_id: self.0.restore_id,
            expected_version: self.0.version,
        }
    }
}

/// Erases whatever is staged for an owner, by one trustee or by all. An owner's own change goes
/// by this, so that no trustee can hold it up by staging over and over.
pub(super) fn erasure_of_all(owner: Member, trustee: Option<UserId>) -> RecoveryChange {
    RecoveryChange::DeleteRestores {
        org_id: owner.org_id,
        owner: owner.user_id,
        trustee,
    }
}

impl Vault {
    /// Stages what the caller, a present trustee, recovered for an owner.
    ///
    /// # Errors
    /// `NotFound` for everyone else; `Invalid` for an empty half; `TooLarge`; `Conflict` when
    /// others were faster many times.
    pub async fn stage_restore(
        &self,
        caller: &Principal,
        owner: UserId,
        (ecc, kyber): (&[u8], &[u8]),
    ) -> Result<Restore, VaultError> {
        let trustee = access::member(caller)?;
        let owner = Member {
            user_id: owner,
            ..trustee
        };
        let attempt = async || {
            let terms = self.trustee_row(owner, trustee.user_id).await?;
            let terms = terms.ok_or(VaultError::NotFound)?;
            let ring = self.key_ring(owner).await?;
            let ring = ring.ok_or(VaultError::Tampered("user_keys"))?;
            let sealed = SealedPair::new(&ring, ecc, kyber)?;
            let now = self.clock.utc();
            let wait = i64::from(terms.waiting_seconds) * MILLIS_PER_SECOND;
            let row = self.integrity.sign(StagedRestoreRow {
                restore_id: Uuid::now_v7().into(),
                org_id: owner.org_id,
                owner: owner.user_id,
                trustee: trustee.user_id,
                blobs: sealed.to_bytes(),
                submitted: now,
                not_before: UtcMillis(now.0.saturating_add(wait)),
                state: RestoreState::Pending,
                version: FIRST_VERSION,
                mac: UNSIGNED,
            });
            let shown = shown(&row, false);
            // Terms that the owner changed since are a conflict: the restore waits by the new ones.
            let expect = RecoveryChange::ExpectTrustee {
                org_id: owner.org_id,
                owner: owner.user_id,
                trustee: trustee.user_id,
                expected_version: terms.version,
            };
            let changes = [
                expect,
                erasure_of_all(owner, Some(trustee.user_id)),
                RecoveryChange::InsertRestore(row),
            ];
            self.commit(ChangeSet::from_iter(changes.map(Into::into)))
                .await?;
            Ok(shown)
        };
        let place = ("restore", owner, trustee.user_id);
        self.turns.retry(place, attempt).await
    }

    /// Staged restores of the caller's keys in the order of their ids.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn restores(
        &self,
        caller: &Principal,
        after: Option<RestoreId>,
        limit: u32,
    ) -> Result<Page<Restore>, VaultError> {
        let owner = access::member(caller)?;
        let Some(ring) = self.key_ring(owner).await? else {
            return Ok(Page {
                rows: Vec::new(),
                more: false,
            });
        };
        let (pending, more) = self.pending_page(owner, after, limit).await?;
        let rows = pending.iter().map(|PendingRestore(row)| {
            let sealed = SealedPair::stored(&row.blobs)?;
            Ok(shown(row, sealed.is_stale(&ring)))
        });
        let rows = rows.collect::<Result<_, VaultError>>()?;
        Ok(Page { rows, more })
    }

    /// Erases a staged restore of the caller's keys.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when others were faster many times.
    pub async fn veto_restore(
        &self,
        caller: &Principal,
        restore_id: RestoreId,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = async || {
            let found = self.pending_restore(owner, restore_id).await?;
            self.commit(found.erasure()).await?;
            Ok(())
        };
        self.turns.retry(("veto", restore_id), attempt).await
    }

    /// A staged restore of this owner's keys. Absent for anybody else.
    pub(super) async fn pending_restore(
        &self,
        owner: Member,
        restore_id: RestoreId,
    ) -> Result<PendingRestore, VaultError> {
        let row = self.store.restore(restore_id).await?;
        let row = row.ok_or(VaultError::NotFound)?;
        if (row.org_id, row.owner) != (owner.org_id, owner.user_id) {
            return Err(VaultError::NotFound);
        }
        self.integrity.check(&row)?;
        match row.state {
            RestoreState::Pending => Ok(PendingRestore(row)),
            _ => Err(VaultError::NotFound),
        }
    }

    /// Every staged restore of this owner's keys: few, by the bound on trustees.
    pub(super) async fn pending_restores(
        &self,
        owner: Member,
    ) -> Result<Vec<PendingRestore>, VaultError> {
        let page = self.pending_page(owner, None, RECOVERY_PAGE_MAX).await?;
        Ok(page.0)
    }

    async fn pending_page(
        &self,
        owner: Member,
        after: Option<RestoreId>,
        limit: u32,
    ) -> Result<(Vec<PendingRestore>, bool), VaultError> {
        let Page { rows, more } = self
            .store
            .restores(owner.org_id, owner.user_id, after, limit)
            .await?;
        for row in &rows {
            self.integrity.check(row)?;
        }
        let pending = rows.into_iter();
        let pending = pending.filter(|row| row.state == RestoreState::Pending);
        Ok((pending.map(PendingRestore).collect(), more))
    }
}

fn shown(row: &StagedRestoreRow, stale: bool) -> Restore {
    Restore {
        restore_id: row.restore_id,
        trustee: row.trustee,
        submitted: row.submitted,
        not_before: row.not_before,
        stale,
    }
}
