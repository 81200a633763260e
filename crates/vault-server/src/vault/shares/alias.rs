//! Aliases: wrapped to the recipient, boxed for the owner, cached for the recipient.

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::key_pair::PublicKeys;
use hardened_crypto::suite::{HEADER_BYTES, Header};
use hardened_crypto::user_secret::Kek;
use hardened_crypto::wrap::{self, Alias, AliasContext};
use vault_store::rows::{AliasBoxRow, ShareRow};
use vault_store::{ShareId, UserId};

use crate::vault::access::Member;
use crate::vault::error::{VaultError, made, stored};
use crate::vault::keys::CheckedRing;

const REFUSED: &str = "an alias";

/// The two parties of a share.
#[derive(Clone, Copy)]
pub(super) struct Parties {
    pub(super) owner: Member,
    pub(super) recipient: UserId,
    pub(super) share_id: ShareId,
}

impl Parties {
    pub(super) fn of(row: &ShareRow) -> Self {
        Self {
            owner: Member {
                org_id: row.org_id,
                user_id: row.owner,
            },
            recipient: row.recipient,
            share_id: row.share_id,
        }
    }

    /// Where a copy for `whose` belongs.
    fn place(self, whose: UserId, generation: u32) -> AliasContext {
        let owner = self.owner.owner();
        AliasContext {
            org: owner.org,
            owner: owner.user,
            recipient: (*whose.as_bytes()).into(),
            share: (*self.share_id.as_bytes()).into(),
            recipient_generation: generation,
        }
    }

    /// The alias for the recipient's eyes.
    pub(super) fn wrap(
        self,
        alias: &Alias,
        public: &PublicKeys,
        generation: u32,
    ) -> Result<Vec<u8>, VaultError> {
        let place = self.place(self.recipient, generation);
        wrap::wrap_alias(alias, public, &place).map_err(made)
    }

    /// The alias for the owner's eyes, bound to the recipient's copy.
    pub(super) fn box_for_owner(
        self,
        alias: &Alias,
        (key, generation): (&AccountKey, u32),
        wrapped: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let place = self.place(self.owner.user_id, generation);
        key.box_alias(alias, &place, wrapped).map_err(made)
    }
}

/// Opens the owner's copy.
pub(super) fn open_as_owner(row: &ShareRow, key: &AccountKey) -> Result<Option<Alias>, VaultError> {
    let (Some(sealed), Some(wrapped)) = (&row.owner_alias_box, &row.alias_wrap) else {
        return Ok(None);
    };
    let place = Parties::of(row).place(row.owner, generation(sealed)?);
    let alias = key
        .open_alias(sealed, &place, wrapped)
        .map_err(stored(REFUSED))?;
    Ok(Some(alias))
}

/// What a recipient opens aliases with.
pub(super) struct Opener<'a> {
    pub(super) ring: &'a CheckedRing,
    pub(super) kek: &'a Kek,
    pub(super) account_key: AccountKey,
}

impl Opener<'_> {
    /// Opens the recipient's copy: from the cached box, or else from the wrap and with a box to
    /// keep. Whatever is wrong with a box, the wrap decides.
    pub(super) fn open(
        &self,
        row: &ShareRow,
        cached: Option<&AliasBoxRow>,
    ) -> Result<(Option<Alias>, Option<AliasBoxRow>), VaultError> {
        let Some(sealed) = &row.alias_wrap else {
            return Ok((None, None));
        };
        let generation = generation(sealed)?;
        let place = Parties::of(row).place(row.recipient, generation);
        let cached = cached.filter(|cached| cached.share_version == row.version);
        let from_box = cached.and_then(|cached| {
            let opened = self
                .account_key
                .open_alias(&cached.alias_box, &place, sealed);
            opened.ok()
        });
        if from_box.is_some() {
            return Ok((from_box, None));
        }
        let private = self.ring.private_keys(self.kek, generation)?;
        let alias = wrap::unwrap_alias(&private, &place, sealed).map_err(stored(REFUSED))?;
        let boxed = self.account_key.box_alias(&alias, &place, sealed).ok();
        let boxed = boxed.map(|alias_box| AliasBoxRow {
            share_id: row.share_id,
            share_version: row.version,
            alias_box,
        });
        Ok((Some(alias), boxed))
    }
}

/// The key pair generation that a sealed alias names.
fn generation(sealed: &[u8]) -> Result<u32, VaultError> {
    let head = sealed.get(..HEADER_BYTES).unwrap_or_default();
    let header = Header::parse(head).map_err(stored(REFUSED))?;
    Ok(header.key_version())
}
