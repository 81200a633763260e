//! A new generation of a user's key pair, and the move of every wrapped data key to it.
//!
//! In: a caller and the user secret. Out: how far the move has come. A call starts a new
//! generation, or goes on with what an earlier one left, up to a bound of work.
//!
//! Promise: new wraps go to the new generation at once; each wrap is replaced by another to the
//! same recipient on the same ground, compared byte by byte, so that no write, share or other
//! rotation in between is lost; old generations stay, so that whatever still names one opens.
//! Not here: payloads and their data keys, which stay as they are; aliases of shares, which only
//! the two parties could make anew and which the old generations go on opening.

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::data_key::DataKey;
use hardened_crypto::key_pair::PrivateKeys;
use hardened_crypto::recovery::RESTORED_KEY_PAIRS_MAX;
use hardened_crypto::rekey::StoredKeyPair;
use hardened_crypto::user_secret::Kek;
use hardened_crypto::wrap::{WrapContext, Wrapped};
use secrecy::SecretSlice;
use vault_store::rows::{
    AccountBoxRow, FIRST_VERSION, Grant, KeyPairRow, Record, ShareRow, UserKeysRow, WrapRow,
};
use vault_store::{Change, ChangeSet, StoreError, StoredWrap, WrapChange};

use super::{CheckedRing, KeyInfo};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::commit::CommitError;
use crate::vault::error::{VaultError, made, stored};
use crate::vault::principal::Principal;
use crate::vault::records::Holder;
use crate::vault::row_integrity::UNSIGNED;

/// Generations that one user can have; all of them fit into one recovery.
pub const GENERATIONS_MAX: usize = RESTORED_KEY_PAIRS_MAX;
/// Wraps that one call looks at.
pub const ROTATED_WRAPS_MAX: u32 = 256;
/// Wraps that are moved in one step.
const STEP_WRAPS: u32 = 32;

/// How far a rotation has come.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The key pair that new wraps go to.
    pub info: KeyInfo,
    /// Whether this call made it.
    pub started: bool,
    /// Wraps that this call moved to it.
    pub moved: u32,
    /// Wraps to older generations that further calls can move.
    pub remaining: u64,
    /// Wraps to older generations that did not open in this call and were left as they are.
    pub unreadable: u32,
}

/// What one pass over the wraps of older generations did.
#[derive(Default)]
struct Pass {
    moved: u32,
    unreadable: u32,
    at_end: bool,
}

/// A wrap and what takes its place.
struct Move {
    rotate: WrapChange,
    account_box: WrapChange,
}

impl Move {
    fn changes(&self) -> [Change; 2] {
        [self.rotate.clone().into(), self.account_box.clone().into()]
    }
}

/// What wraps of one generation are moved with.
struct Mover<'a> {
    whose: Member,
    old: PrivateKeys,
    old_generation: u32,
    new: &'a StoredKeyPair,
    account_key: &'a AccountKey,
}

impl Vault {
    /// Goes on moving wraps to the caller's current key pair; with none left to move, and
    /// unless `only_resume`, makes a new key pair first.
    ///
    /// # Errors
    /// `KeysMissing`; those of the secret; `TooManyGenerations`; `Conflict` when a rekey or
    /// another rotation was faster.
    pub async fn rotate_keys(
        &self,
        caller: &Principal,
        secret: &SecretSlice<u8>,
        only_resume: bool,
    ) -> Result<Rotation, VaultError> {
        let whose = access::member(caller)?;
        let attempt = |ring| self.try_rotate_keys(whose, ring, secret, only_resume);
        self.change_keys(whose, attempt).await
    }

    async fn try_rotate_keys(
        &self,
        whose: Member,
        mut ring: CheckedRing,
        secret: &SecretSlice<u8>,
        only_resume: bool,
    ) -> Result<Rotation, VaultError> {
        let kek = self.unlock_alone(whose, secret, &ring.protection).await?;
        let mut pass = self.move_wraps(whose, &ring, &kek).await?;
        let started = pass.at_end && pass.moved == 0 && !only_resume;
        if started {
            ring = self.add_generation(whose, ring, &kek).await?;
            pass = self.move_wraps(whose, &ring, &kek).await?;
        }
        let mut left = 0;
        for old in ring.older_generations() {
            let wraps = self.store.count_wraps_of_generation(whose.user_id, old);
            left += wraps.await?;
        }
        Ok(Rotation {
            info: ring.info()?,
            started,
            moved: pass.moved,
            remaining: left.saturating_sub(pass.unreadable.into()),
            unreadable: pass.unreadable,
        })
    }

    /// Stores one more key pair, current from now on.
    async fn add_generation(
        &self,
        whose: Member,
        ring: CheckedRing,
        kek: &Kek,
    ) -> Result<CheckedRing, VaultError> {
        if ring.pairs.len() >= GENERATIONS_MAX {
            return Err(VaultError::TooManyGenerations);
        }
        let generation = ring.keys.current_generation + 1;
        let private = PrivateKeys::make().map_err(made)?;
        let boxes = private.seal(kek, generation).map_err(made)?;
        let continued = ring.pairs.iter().map(|row| {
            self.integrity.sign(KeyPairRow {
                version: row.version + 1,
                ..row.clone()
            })
        });
        let mut pairs: Vec<_> = continued.collect();
        pairs.push(self.integrity.sign(KeyPairRow {
            user_id: whose.user_id,
            org_id: whose.org_id,
            generation,
            public_key: private.public().as_bytes().to_vec(),
            ecc_box: boxes.p256,
            kyber_box: boxes.ml_kem,
            created: self.clock.utc(),
            version: FIRST_VERSION,
            mac: UNSIGNED,
        }));
        let keys = self.integrity.sign(UserKeysRow {
            current_generation: generation,
            version: ring.keys.version + 1,
            ..ring.keys.clone()
        });
        let change = Change::ReplaceUserKeys {
            expected_version: ring.keys.version,
            keys: keys.clone(),
            pairs: pairs.clone(),
        };
        self.commit(change).await?;
        CheckedRing::read(keys, pairs)
    }

    /// Moves wraps of older generations to the current one, oldest first, up to the bound.
    async fn move_wraps(
        &self,
        whose: Member,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<Pass, VaultError> {
        let mut pass = Pass::default();
        let mut budget = ROTATED_WRAPS_MAX;
        let (new, account_key) = (ring.current()?, ring.account_key(kek)?);
        for old_generation in ring.older_generations() {
            let mut mover = None;
            let mut after = None;
            loop {
                let limit = STEP_WRAPS.min(budget);
                let found =
                    self.store
                        .wraps_of_generation(whose.user_id, old_generation, after, limit);
                let found = found.await?;
                let Some(last) = found.rows.last() else {
                    break;
                };
                after = Some(last.place());
                budget -= found.rows.len() as u32;
                let mover = match &mut mover {
                    Some(mover) => mover,
                    none => none.insert(Mover {
                        whose,
                        old: ring.private_keys(kek, old_generation)?,
                        old_generation,
                        new: &new,
                        account_key: &account_key,
                    }),
                };
                self.move_some(mover, &found.rows, &mut pass).await?;
                if !found.more {
                    break;
                }
                if budget == 0 {
                    return Ok(pass);
                }
            }
            if budget == 0 {
                return Ok(pass);
            }
        }
        pass.at_end = true;
        Ok(pass)
    }

    async fn move_some(
        &self,
        mover: &Mover<'_>,
        rows: &[StoredWrap],
        pass: &mut Pass,
    ) -> Result<(), VaultError> {
        let mut moves = Vec::with_capacity(rows.len());
        for row in rows {
            // Others are served between two openings.
            tokio::task::yield_now().await;
            match self.moved(mover, row) {
                Ok(one) => moves.push(one),
                Err(VaultError::Tampered(what)) => {
                    tracing::warn!(what, "a wrap was left at its key pair");
                    pass.unreadable += 1;
                }
                Err(error) => return Err(error),
            }
        }
        pass.moved += self.store_moves(moves).await?;
        Ok(())
    }

    /// The wrap of the same data key on the same ground to the new generation.
    fn moved(&self, mover: &Mover<'_>, row: &StoredWrap) -> Result<Move, VaultError> {
        const REFUSED: &str = "a wrapped data key";
        let old_place = self.place(mover, row)?;
        let wrapped = Wrapped::parse(&row.wrap.wrap).map_err(stored(REFUSED))?;
        let data_key = wrapped
            .unwrap(&mover.old, &old_place)
            .map_err(stored(REFUSED))?;
        let new_place = WrapContext {
            recipient_generation: mover.new.generation,
            ..old_place
        };
        let wrapped = Wrapped::wrap(&data_key, &mover.new.public, &new_place).map_err(made)?;
        Ok(Move {
            account_box: account_box(mover, row, &data_key, (&new_place, &wrapped))?,
            rotate: WrapChange::Rotate {
                kind: row.kind,
                old_wrap: row.wrap.wrap.clone(),
                row: WrapRow {
                    recipient_generation: mover.new.generation,
                    wrap: wrapped.as_bytes().to_vec(),
                    ..row.wrap.clone()
                },
            },
        })
    }

    /// Where a stored wrap belongs. What of it is no authenticated row is bound by the wrap.
    fn place(&self, mover: &Mover<'_>, row: &StoredWrap) -> Result<WrapContext, VaultError> {
        let whose = mover.whose;
        let is_own = (row.org_id, row.owner) == (whose.org_id, whose.user_id);
        let holder = match (row.wrap.grant, &row.share) {
            (Grant::Owner, None) if is_own => Holder::owner(whose),
            (Grant::Share(share_id), Some(share))
                if share.share_id == share_id && is_share_of(share, row, whose) =>
            {
                self.integrity.check(share)?;
                Holder::of(share)?
            }
            _ => return Err(VaultError::Tampered("a wrapped data key")),
        };
        let record = Record {
            kind: row.kind,
            record_id: row.wrap.record_id,
        };
        Ok(holder.place(record, row.wrap.value_version, mover.old_generation))
    }

    /// Stores moves together, or each on its own after somebody changed one of the wraps: that
    /// one is left, and whatever it is now still opens.
    async fn store_moves(&self, moves: Vec<Move>) -> Result<u32, VaultError> {
        if moves.is_empty() {
            return Ok(0);
        }
        let together: ChangeSet = moves.iter().flat_map(Move::changes).collect();
        match self.commit(together).await {
            Ok(_) => return Ok(moves.len() as u32),
            Err(CommitError::Store(StoreError::Conflict { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        let mut stored = 0;
        for one in &moves {
            match self.commit(ChangeSet::from_iter(one.changes())).await {
                Ok(_) => stored += 1,
                Err(CommitError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stored)
    }
}

impl CheckedRing {
    /// Every generation but the current one, ascending.
    fn older_generations(&self) -> impl Iterator<Item = u32> + '_ {
        let generations = self.pairs.iter().map(|pair| pair.generation);
        generations.filter(|generation| *generation < self.keys.current_generation)
    }
}

/// The data key under the account key, so that the first reading after the move is as cheap as
/// the last one before it.
fn account_box(
    mover: &Mover<'_>,
    row: &StoredWrap,
    data_key: &DataKey,
    (place, wrapped): (&WrapContext, &Wrapped),
) -> Result<WrapChange, VaultError> {
    let account_box = mover.account_key.box_data_key(data_key, place, wrapped);
    Ok(WrapChange::PutBox {
        kind: row.kind,
        row: AccountBoxRow {
            record_id: row.wrap.record_id,
            value_version: row.wrap.value_version,
            recipient: row.wrap.recipient,
            account_box: account_box.map_err(made)?,
        },
    })
}

fn is_share_of(share: &ShareRow, row: &StoredWrap, recipient: Member) -> bool {
    let found = (share.org_id, share.owner, share.kind, share.record_id);
    let wanted = (row.org_id, row.owner, row.kind, row.wrap.record_id);
    found == wanted && (share.org_id, share.recipient) == (recipient.org_id, recipient.user_id)
}
