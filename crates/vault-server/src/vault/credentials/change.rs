//! Changes a credential: its value, its place, its name, its expiry, the version in use.

use credential_injector::EchoScrub;
use hardened_crypto::credential::CredentialValue;
use vault_store::rows::{CredentialRow, CredentialVersionRow};
use vault_store::{CredentialChange, CredentialRead, RecordId, UtcMillis};

use super::echo;
use super::place::check_value;
use super::sealing::{Opener, Sealer};
use super::{Credential, CredentialProtection, CredentialSecret, InjectionPlace};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError, made};
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
    /// What happens to an answer that repeats the value.
    pub echo: Option<EchoScrub>,
    /// The place. Needs the secret that opens the value.
    pub place: PlaceChange<'a>,
}

/// Parts of a place to change; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlaceChange<'a> {
    /// Where the value may go.
    pub host_pattern: Option<&'a str>,
    /// The header that carries it, or `?` and the query parameter.
    pub slot: Option<&'a str>,
    /// What it is filled into.
    pub template: Option<&'a str>,
}

impl PlaceChange<'_> {
    fn is_empty(&self) -> bool {
        self.host_pattern.is_none() && self.slot.is_none() && self.template.is_none()
    }

    fn applied_to(&self, row: &CredentialRow) -> Result<InjectionPlace, VaultError> {
        InjectionPlace::parse(
            self.host_pattern.unwrap_or(&row.host_pattern),
            self.slot.unwrap_or(&row.header),
            self.template.unwrap_or(&row.template),
        )
    }
}

/// What a new version is made of.
#[derive(Clone, Copy)]
enum Contents<'a> {
    /// Another value.
    New(&'a CredentialValue),
    /// The value of a stored version, the current one if `None`.
    Of(Option<u64>),
}

/// A version to write.
#[derive(Clone, Copy)]
struct NextVersion<'a> {
    contents: Contents<'a>,
    patch: CredentialPatch<'a>,
}

impl<'a> NextVersion<'a> {
    fn of(contents: Contents<'a>) -> Self {
        Self {
            contents,
            patch: CredentialPatch::default(),
        }
    }

    /// The version that it is made from.
    fn from(&self) -> Option<u64> {
        match self.contents {
            Contents::New(_) => None,
            Contents::Of(version) => version,
        }
    }
}

impl Vault {
    /// Puts a new value in use. Under a passphrase, it must open the current one; under users'
    /// keys no secret is needed.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for an unusable value, or a passphrase for a credential that has none;
    /// `PassphraseMissing`; `TooManyAttempts`; `WrongPassphrase`; `Tampered`; `Conflict` when
    /// others were faster many times.
    pub async fn replace_credential_value(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        value: &[u8],
        secret: Option<&CredentialSecret>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        check_value(value)?;
        let value = CredentialValue::new(value).map_err(made)?;
        let row = self.credential_row(owner, credential_id).await?;
        check_fits(&row, secret)?;
        let opener = match CredentialProtection::of(&row) {
            CredentialProtection::UserKeys => None,
            CredentialProtection::Passphrase => {
                Some(self.credential_opener(owner, &row, secret).await?)
            }
        };
        let next = || NextVersion::of(Contents::New(&value));
        let attempt = || self.try_put_version(owner, &row, opener.as_ref(), next());
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Changes name, expiry, the treatment of echoes and place. A changed place seals the value anew.
    ///
    /// # Errors
    /// As [`Vault::replace_credential_value`]; `PassphraseMissing` or `UserSecretMissing` for a
    /// changed place without the secret.
    pub async fn patch_credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        patch: CredentialPatch<'_>,
        secret: Option<&CredentialSecret>,
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
        self.check_permitted(&patch.place.applied_to(&row)?)?;
        check_fits(&row, secret)?;
        let opener = self.credential_opener(owner, &row, secret).await?;
        let next = || NextVersion {
            contents: Contents::Of(None),
            patch,
        };
        let attempt = || self.try_put_version(owner, &row, Some(&opener), next());
        self.turns.retry((owner, credential_id), attempt).await
    }

    /// Puts a stored version in use again, with the place it was sealed for. Under users' keys
    /// it is written as a new version, for those who may use it now, and needs the user secret.
    ///
    /// # Errors
    /// `NotFound` also for a version that is not kept; `UserSecretMissing`; those of the secret;
    /// `Conflict`.
    pub async fn roll_back_credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
        version: u64,
        secret: Option<&CredentialSecret>,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        let read = self.sealed_credential(owner, credential_id, Some(version));
        let row = read.await?.credential;
        if CredentialProtection::of(&row) == CredentialProtection::Passphrase {
            let attempt = || self.try_roll_back(owner, credential_id, version);
            return self.turns.retry((owner, credential_id), attempt).await;
        }
        check_fits(&row, secret)?;
        let opener = self.credential_opener(owner, &row, secret).await?;
        let next = || NextVersion::of(Contents::Of(Some(version)));
        let attempt = || self.try_put_version(owner, &row, Some(&opener), next());
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

    /// Writes a version. Under users' keys it is wrapped to everyone who may use it now.
    async fn try_put_version(
        &self,
        owner: Member,
        unlocked: &CredentialRow,
        opener: Option<&Opener>,
        next: NextVersion<'_>,
    ) -> Result<Credential, VaultError> {
        let from = next.from();
        let read = self.sealed_credential(owner, unlocked.credential_id, from);
        let read = read.await?;
        let row = &read.credential;
        if row.protection != unlocked.protection {
            return Err(VaultError::Conflict);
        }
        // A passphrase proves itself also where the old value is not wanted.
        let opened = match opener {
            Some(opener) => Some(self.open_credential_now(owner, opener, &read).await?),
            None => None,
        };
        let value = match (next.contents, &opened) {
            (Contents::New(value), _) => value,
            (Contents::Of(_), Some(opened)) => opened,
            (Contents::Of(_), None) => return Err(VaultError::Internal("nothing to seal")),
        };
        let based = match from {
            None => row.clone(),
            Some(_) => at_place_of(row.clone(), &read.version),
        };
        let place = next.patch.place.applied_to(&based)?;
        self.check_permitted(&place)?;
        let (host_pattern, header, template) = place.texts();
        let next_version = row.newest_version + 1;
        let next = CredentialRow {
            host_pattern,
            header,
            template,
            current_version: next_version,
            newest_version: next_version,
            ..self.patched(row.clone(), next.patch)
        };
        let (share_revision, recipients) = match next.protection {
            Some(_) => (NOT_SHARED, Vec::new()),
            None => self.recipients(owner, next.record(), next.updated).await?,
        };
        let (version_row, wraps) = match opener {
            Some(Opener::Passphrase(key)) => {
                let sealer = Sealer::Passphrase(key);
                (self.seal_version(owner, &next, &sealer, value)?, Vec::new())
            }
            _ => self.seal_to_users(owner, &next, value, &recipients).await?,
        };
        let next = self.integrity.sign(next);
        let change = CredentialChange::PutVersion {
            expected_version: next.version - 1,
            share_revision,
            row: next.clone(),
            version_row,
            wraps,
            versions_kept: self.limits.versions_kept,
        };
        self.commit(change).await?;
        next.try_into()
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
        let CredentialRead {
            credential: row,
            version: sealed,
            ..
        } = read.await?;
        let next = CredentialRow {
            current_version: version,
            ..at_place_of(self.patched(row, CredentialPatch::default()), &sealed)
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

    /// The next row, with what the patch says beside the place.
    fn patched(&self, row: CredentialRow, patch: CredentialPatch<'_>) -> CredentialRow {
        CredentialRow {
            name: patch.name.map_or(row.name, ToOwned::to_owned),
            expires: patch.expires.unwrap_or(row.expires),
            echo: patch.echo.map_or(row.echo, echo::to_number),
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
        next.try_into()
    }
}

/// The row with the place that a version was sealed for.
fn at_place_of(row: CredentialRow, sealed: &CredentialVersionRow) -> CredentialRow {
    CredentialRow {
        host_pattern: sealed.host_pattern.clone(),
        header: sealed.header.clone(),
        template: sealed.template.clone(),
        ..row
    }
}

/// Refuses a passphrase for a credential that has none: its owner would believe it counts.
fn check_fits(row: &CredentialRow, secret: Option<&CredentialSecret>) -> Result<(), VaultError> {
    let has_none = CredentialProtection::of(row) == CredentialProtection::UserKeys;
    if has_none && matches!(secret, Some(CredentialSecret::Passphrase(_))) {
        return Err(VaultError::Invalid(Invalid::NoPassphrase));
    }
    Ok(())
}
