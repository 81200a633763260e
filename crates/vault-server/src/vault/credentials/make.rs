//! Makes a credential.

use hardened_crypto::credential::{CredentialKey, CredentialValue};
use secrecy::SecretSlice;
use uuid::Uuid;
use vault_store::rows::{CredentialRow, CredentialVersionRow, FIRST_VERSION};
use vault_store::{CredentialChange, RecordId, UtcMillis};

use super::place::check_value;
use super::{CREDENTIALS_PER_OWNER_MAX, Credential, InjectionPlace, sealed_place};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError, made};
use crate::vault::limits::LIST_LIMIT_MAX;
use crate::vault::principal::Principal;
use crate::vault::row_integrity::UNSIGNED;
use crate::vault::value_name::check_display_name;

/// What happens to a value in an upstream's answer: nothing. The only number so far.
const ECHO_LEFT_ALONE: u8 = 0;

/// A credential to make.
#[derive(Clone, Copy)]
pub struct NewCredential<'a> {
    /// Its name: 1 to 512 bytes of printable UTF-8.
    pub name: &'a str,
    /// Where its value may go.
    pub place: &'a InjectionPlace,
    /// The value, at most 8 KiB of header text.
    pub value: &'a [u8],
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
}

impl Vault {
    /// Makes a credential under a passphrase of its own.
    ///
    /// # Errors
    /// `Invalid` for an unusable name, value, passphrase or expiry, or too many credentials;
    /// `Conflict` for a name that is taken; `Overloaded` when too many password hashes wait.
    pub async fn make_credential(
        &self,
        caller: &Principal,
        new: NewCredential<'_>,
        passphrase: &SecretSlice<u8>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        check_display_name(new.name)?;
        check_value(new.value)?;
        let now = self.clock.utc();
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        self.has_room(owner, new.name).await?;
        let credential_id = RecordId::from(Uuid::now_v7());
        let protecting = self.protect_credential(owner, credential_id, passphrase);
        let (protection, key) = protecting.await?;
        let (host_pattern, header, template) = new.place.texts();
        let row = CredentialRow {
            credential_id,
            org_id: owner.org_id,
            owner: owner.user_id,
            name: new.name.to_owned(),
            host_pattern,
            header,
            template,
            echo: ECHO_LEFT_ALONE,
            protection: Some(protection.to_bytes().to_vec()),
            current_version: 1,
            newest_version: 1,
            created: now,
            updated: now,
            expires: new.expires,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        let value = CredentialValue::new(new.value).map_err(made)?;
        let version_row = self.seal_version(owner, &row, &key, &value)?;
        let row = self.integrity.sign(row);
        let change = CredentialChange::Insert {
            row: row.clone(),
            version_row,
            wraps: Vec::new(),
        };
        self.commit(change).await?;
        Ok(row.into())
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

    /// The signed row of the version that `row` has as its newest.
    pub(super) fn seal_version(
        &self,
        owner: Member,
        row: &CredentialRow,
        key: &CredentialKey,
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
        let sealed = key
            .seal(&sealed_place(owner, &unsealed), value)
            .map_err(made)?;
        Ok(self
            .integrity
            .sign(CredentialVersionRow { sealed, ..unsealed }))
    }
}
