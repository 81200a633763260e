//! Changes a credential: its value, its place, its name, its expiry, the version in use.

use hardened_crypto::credential::{CredentialKey, CredentialValue};
use secrecy::SecretSlice;
use vault_store::rows::CredentialRow;
use vault_store::{CredentialChange, RecordId, UtcMillis};

use super::place::check_value;
use super::{Credential, InjectionPlace, sealed_place};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError, made, stored};
use crate::vault::principal::Principal;
use crate::vault::value_name::check_display_name;

/// The share revision of a record that is shared with nobody.
const NOT_SHARED: u64 = 0;

/// What shall change; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct CredentialPatch<'a> {
    /// The name.
    pub name: Option<&'a str>,
    /// The expiry; the inner `None` removes it.
    pub expires: Option<Option<UtcMillis>>,
    /// The place. Needs the passphrase.
    pub place: PlaceChange<'a>,
}

/// Parts of a place to change; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlaceChange<'a> {
    /// Where the value may go.
    pub host_pattern: Option<&'a str>,
    /// The header that carries it.
    pub header: Option<&'a str>,
    /// What it is filled into.
    pub template: Option<&'a str>,
}

impl PlaceChange<'_> {
    fn is_empty(&self) -> bool {
        self.host_pattern.is_none() && self.header.is_none() && self.template.is_none()
    }

    fn applied_to(&self, row: &CredentialRow) -> Result<InjectionPlace, VaultError> {
        InjectionPlace::parse(
            self.host_pattern.unwrap_or(&row.host_pattern),
            self.header.unwrap_or(&row.header),
            self.template.unwrap_or(&row.template),
        )
    }
}

impl Vault {
    /// Puts a new value in use. The passphrase must open the current one.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for an unusable value; `TooManyAttempts`; `WrongPassphrase`;
    /// `Tampered`; `Conflict` when others were faster many times.
    pub async fn replace_credential_value(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        value: &[u8],
        passphrase: &SecretSlice<u8>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        check_value(value)?;
        let value = CredentialValue::new(value).map_err(made)?;
        let row = self.credential_row(owner, credential_id).await?;
        let key = self.unlock_credential(owner, &row, passphrase).await?;
        let attempt = || self.try_put_version(owner, &row, &key, Some(&value), Default::default());
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Changes name, expiry and place. A changed place seals the value anew.
    ///
    /// # Errors
    /// As [`Vault::replace_credential_value`]; `PassphraseMissing` for a changed place without
    /// the passphrase.
    pub async fn patch_credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        patch: CredentialPatch<'_>,
        passphrase: Option<&SecretSlice<u8>>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        if let Some(name) = patch.name {
            check_display_name(name)?;
        }
        let now = self.clock.utc();
        if matches!(patch.expires, Some(Some(expires)) if expires <= now) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        let row = self.credential_row(owner, credential_id).await?;
        if patch.place.is_empty() {
            let attempt = || self.try_patch(owner, credential_id, patch);
            return self.turns.retry((owner, credential_id), attempt).await;
        }
        patch.place.applied_to(&row)?;
        let passphrase = passphrase.ok_or(VaultError::PassphraseMissing)?;
        let key = self.unlock_credential(owner, &row, passphrase).await?;
        let attempt = || self.try_put_version(owner, &row, &key, None, patch);
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Puts a stored version in use again, with the place it was sealed for.
    ///
    /// # Errors
    /// `NotFound` also for a version that is not kept; `Conflict`.
    pub async fn roll_back_credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        version: u64,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        let attempt = || self.try_roll_back(owner, credential_id, version);
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Erases a credential with all its versions.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when others were faster many times.
    pub async fn delete_credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = || self.try_delete_credential(owner, credential_id);
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Writes a version: a new value or the current one, at the patched place.
    async fn try_put_version(
        &self,
        owner: Member,
        unlocked: &CredentialRow,
        key: &CredentialKey,
        value: Option<&CredentialValue>,
        patch: CredentialPatch<'_>,
    ) -> Result<Credential, VaultError> {
        let read = self.sealed_credential(owner, unlocked.credential_id, None);
        let (row, sealed) = read.await?;
        if row.protection != unlocked.protection {
            return Err(VaultError::Conflict);
        }
        let current = key
            .open(&sealed_place(owner, &sealed), &sealed.sealed)
            .map_err(stored("a credential"))?;
        let (host_pattern, header, template) = patch.place.applied_to(&row)?.texts();
        let next_version = row.newest_version + 1;
        let next = CredentialRow {
            host_pattern,
            header,
            template,
            current_version: next_version,
            newest_version: next_version,
            ..self.patched(row, patch)
        };
        let version_row = self.seal_version(owner, &next, key, value.unwrap_or(&current))?;
        let next = self.integrity.sign(next);
        let change = CredentialChange::PutVersion {
            expected_version: next.version - 1,
            share_revision: NOT_SHARED,
            row: next.clone(),
            version_row,
            wraps: Vec::new(),
            versions_kept: self.limits.versions_kept,
        };
        self.commit(change).await?;
        Ok(next.into())
    }

    async fn try_patch(
        &self,
        owner: Member,
        credential_id: RecordId,
        patch: CredentialPatch<'_>,
    ) -> Result<Credential, VaultError> {
        let row = self.credential_row(owner, credential_id).await?;
        self.replace_credential(self.patched(row, patch)).await
    }

    async fn try_roll_back(
        &self,
        owner: Member,
        credential_id: RecordId,
        version: u64,
    ) -> Result<Credential, VaultError> {
        let read = self.sealed_credential(owner, credential_id, Some(version));
        let (row, sealed) = read.await?;
        let next = CredentialRow {
            host_pattern: sealed.host_pattern,
            header: sealed.header,
            template: sealed.template,
            current_version: version,
            ..self.patched(row, CredentialPatch::default())
        };
        self.replace_credential(next).await
    }

    async fn try_delete_credential(
        &self,
        owner: Member,
        credential_id: RecordId,
    ) -> Result<(), VaultError> {
        let row = self.credential_row(owner, credential_id).await?;
        let change = CredentialChange::Delete {
            org_id: row.org_id,
            owner: row.owner,
            credential_id,
            expected_version: row.version,
        };
        self.commit(change).await?;
        Ok(())
    }

    /// The next row, with name and expiry of the patch.
    fn patched(&self, row: CredentialRow, patch: CredentialPatch<'_>) -> CredentialRow {
        CredentialRow {
            name: patch.name.map_or(row.name, ToOwned::to_owned),
            expires: patch.expires.unwrap_or(row.expires),
            updated: self.clock.utc(),
            version: row.version + 1,
            ..row
        }
    }

    async fn replace_credential(&self, next: CredentialRow) -> Result<Credential, VaultError> {
        let next = self.integrity.sign(next);
        let change = CredentialChange::Replace {
            expected_version: next.version - 1,
            row: next.clone(),
        };
        self.commit(change).await?;
        Ok(next.into())
    }
}
