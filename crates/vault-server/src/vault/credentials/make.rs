//! Makes a credential.

use credential_injector::EchoScrub;
use hardened_crypto::credential::CredentialValue;
use hardened_crypto::data_key::DataKey;
use uuid::Uuid;
use vault_store::rows::{CredentialRow, CredentialVersionRow, FIRST_VERSION, WrapRow};
use vault_store::{CredentialChange, RecordId, UtcMillis};

use super::echo;
use super::place::check_value;
use super::sealing::Sealer;
use super::{CREDENTIALS_PER_OWNER_MAX, Credential, CredentialSecret, InjectionPlace};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError, made};
use crate::vault::limits::LIST_LIMIT_MAX;
use crate::vault::principal::Principal;
use crate::vault::row_integrity::UNSIGNED;
use crate::vault::shares::{Recipient, wrap_to_all};
use crate::vault::value_name::check_display_name;

/// A credential to make.
#[derive(Clone, Copy)]
pub struct NewCredential<'a> {
    /// Its name: 1 to 512 bytes of printable UTF-8.
    pub name: &'a str,
    /// Where its value may go.
    pub place: &'a InjectionPlace,
    /// The value, at most 8 KiB of header text.
    pub value: &'a [u8],
    /// What happens to an answer that repeats it.
    pub echo: EchoScrub,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
}

impl Vault {
    /// Makes a credential under a passphrase of its own, or else to the caller's keys, which needs
    /// their public half alone.
    ///
    /// # Errors
    /// `Invalid` for an unusable name, value, passphrase or expiry, or too many credentials;
    /// `KeysMissing` without a passphrase before the caller has keys;
    /// `Conflict` for a name that is taken; `Overloaded` when too many password hashes wait.
    pub async fn make_credential(
        &self,
        caller: &Principal,
        new: NewCredential<'_>,
        secret: Option<&CredentialSecret>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        check_display_name(new.name)?;
        check_value(new.value)?;
        self.check_permitted(new.place)?;
        let now = self.clock.utc();
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        self.has_room(owner, new.name).await?;
        let credential_id = RecordId::from(Uuid::now_v7());
        let protected = match secret {
            Some(CredentialSecret::Passphrase(passphrase)) => {
                let protecting = self.protect_credential(owner, credential_id, passphrase);
                Some(protecting.await?)
            }
            _ => None,
        };
        let protection = protected
            .as_ref()
            .map(|(protection, _)| protection.to_bytes());
        let (host_pattern, header, template) = new.place.texts();
        let row = CredentialRow {
            credential_id,
            org_id: owner.org_id,
            owner: owner.user_id,
            name: new.name.to_owned(),
            host_pattern,
            header,
            template,
            echo: echo::to_number(new.echo),
            protection: protection.map(|bytes| bytes.to_vec()),
            current_version: 1,
            newest_version: 1,
            created: now,
            updated: now,
            expires: new.expires,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        let value = CredentialValue::new(new.value).map_err(made)?;
        let (version_row, wraps) = match &protected {
            Some((_, key)) => {
                let sealer = Sealer::Passphrase(key);
                (self.seal_version(owner, &row, &sealer, &value)?, Vec::new())
            }
            None => self.seal_to_users(owner, &row, &value, &[]).await?,
        };
        let row = self.integrity.sign(row);
        let change = CredentialChange::Insert {
            row: row.clone(),
            version_row,
            wraps,
        };
        self.commit(change).await?;
        row.try_into()
    }

    /// Cheap reasons to refuse, before the password hash.
    async fn has_room(&self, owner: Member, name: &str) -> Result<(), VaultError> {
        let found = self
            .store
            .credentials(owner.org_id, owner.user_id, None, LIST_LIMIT_MAX);
        let rows = found.await?.rows;
        if rows.len() >= CREDENTIALS_PER_OWNER_MAX {
            return Err(VaultError::Invalid(Invalid::TooManyCredentials));
        }
        if rows.iter().any(|row| row.name == name) {
            return Err(VaultError::Conflict);
        }
        Ok(())
    }

    /// Seals the version that `row` has as its newest under a new data key, wrapped to its owner
    /// and to everyone who may use it.
    pub(super) async fn seal_to_users(
        &self,
        owner: Member,
        row: &CredentialRow,
        value: &CredentialValue,
        recipients: &[Recipient],
    ) -> Result<(CredentialVersionRow, Vec<WrapRow>), VaultError> {
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let data_key = DataKey::make().map_err(made)?;
        let version_row = self.seal_version(owner, row, &Sealer::DataKey(&data_key), value)?;
        let which = (row.record(), row.newest_version);
        let keys = ring.current()?;
        let wraps = wrap_to_all(owner, which, &data_key, &keys, recipients).await?;
        Ok((version_row, wraps))
    }

    /// The signed row of the version that `row` has as its newest.
    pub(super) fn seal_version(
        &self,
        owner: Member,
        row: &CredentialRow,
        sealer: &Sealer<'_>,
        value: &CredentialValue,
    ) -> Result<CredentialVersionRow, VaultError> {
        let unsealed = CredentialVersionRow {
            credential_id: row.credential_id,
            credential_version: row.newest_version,
            host_pattern: row.host_pattern.clone(),
            header: row.header.clone(),
            template: row.template.clone(),
            sealed: Vec::new(),
            created: row.updated,
            mac: UNSIGNED,
        };
        let sealed = sealer.seal(owner, &unsealed, value)?;
        Ok(self
            .integrity
            .sign(CredentialVersionRow { sealed, ..unsealed }))
    }
}
