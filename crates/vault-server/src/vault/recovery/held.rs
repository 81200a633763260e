//! What a trustee holds for others, and what the trustee's client needs to make use of it.

use hardened_crypto::key_pair::PublicKeys;
use vault_store::rows::TrusteeRow;
use vault_store::{Page, UserId};

use super::{SealedPair, Trustee};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;

/// An owner as the trustee sees it.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Whose private keys can be recovered.
    pub owner: UserId,
    /// The owner's display name.
    pub owner_name: String,
    /// The terms; the trustee in them is the caller.
    pub terms: Trustee,
}

/// The owner's public state, for which a restore has to be made.
#[derive(Debug, Clone)]
pub struct OwnerKeys {
    /// The version of the owner's secret; a restore is made for the next one.
    pub secret_version: u32,
    /// Every generation with its public keys, ascending.
    pub public: Vec<(u32, PublicKeys)>,
}

/// A share with everything beside it.
pub struct HeldShare {
    /// Whose, and on what terms.
    pub trust: Trust,
    /// What the owner's client sealed, first half.
    pub ecc_share: Vec<u8>,
    /// What the owner's client sealed, second half.
    pub kyber_share: Vec<u8>,
    /// The owner's keys now.
    pub keys: OwnerKeys,
}

impl Vault {
    /// Owners who trust the caller, in the order of their ids.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn trusting_owners(
        &self,
        caller: &Principal,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<Trust>, VaultError> {
        let trustee = access::member(caller)?;
        let Page { rows, more } = self
            .store
            .trusting_owners(trustee.org_id, trustee.user_id, after, limit)
            .await?;
        let mut trusts = Vec::with_capacity(rows.len());
        for row in rows {
            self.integrity.check(&row)?;
            trusts.push(self.trust(row).await?.0);
        }
        Ok(Page { rows: trusts, more })
    }

    /// The share that the caller holds for an owner.
    ///
    /// # Errors
    /// `NotFound` for everyone but a present trustee; `Tampered`.
    pub async fn held_share(
        &self,
        caller: &Principal,
        owner: UserId,
    ) -> Result<HeldShare, VaultError> {
        let trustee = access::member(caller)?;
        let owner = Member {
            user_id: owner,
            ..trustee
        };
        let row = self.trustee_row(owner, trustee.user_id).await?;
        let row = row.ok_or(VaultError::NotFound)?;
        let SealedPair { ecc, kyber, .. } = SealedPair::stored(&row.blobs)?;
        let (trust, ring) = self.trust(row).await?;
        Ok(HeldShare {
            trust,
            ecc_share: ecc,
            kyber_share: kyber,
            keys: OwnerKeys {
                secret_version: ring.keys.secret_version,
                public: ring.public()?,
            },
        })
    }

    async fn trust(&self, row: TrusteeRow) -> Result<(Trust, CheckedRing), VaultError> {
        let owner = Member {
            org_id: row.org_id,
            user_id: row.owner,
        };
        let user = self.store.user(owner.org_id, owner.user_id).await?;
        let user = user.ok_or(VaultError::NotFound)?;
        self.integrity.check(&user)?;
        let ring = self.key_ring(owner).await?;
        let ring = ring.ok_or(VaultError::Tampered("user_keys"))?;
        let trust = Trust {
            owner: row.owner,
            owner_name: user.name,
            terms: Trustee::of(row, &ring)?,
        };
        Ok((trust, ring))
    }
}
