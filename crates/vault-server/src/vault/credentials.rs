//! Stored upstream credentials: sealed under a passphrase of their own or to users' keys, used but
//! never shown.
//!
//! In: a caller, a checked place (host pattern, slot, template), a value, and a passphrase or a
//! user secret.
//! Out: what anyone may know about a credential, and a decided request to its upstream.
//!
//! Promise: no use case returns a value; host pattern, slot (header or query parameter) and
//! template are authenticated with it; who asks for a host that a pattern does not match is refused before anything is
//! opened; attempts with passphrases are limited per owner before any password hash.
//! Not here: giving a credential to a colleague to use (`shares`).

mod change;
mod echo;
mod explain;
mod granted;
mod make;
mod open;
mod passphrase;
mod place;
mod sealing;
mod to_grant;

pub use change::{CredentialPatch, PlaceChange};
pub use explain::Explanation;
pub(super) use granted::KnownCredential;
pub use make::NewCredential;
pub use place::InjectionPlace;
pub use sealing::{CredentialProtection, CredentialSecret};
pub(super) use to_grant::{KeyToGrant, needs_user_secret};

use credential_injector::EchoScrub;
use hardened_crypto::credential::{CredentialContext, CredentialPlace};
use vault_store::rows::{CredentialRow, CredentialVersionRow};
use vault_store::{CredentialRead, Page, RecordId, ShareId, UserId, UtcMillis};

use super::Vault;
use super::access::{self, Member};
use super::error::{Invalid, VaultError};
use super::principal::Principal;

/// Credentials of one owner, about: callers at the same moment may go a little over it.
pub const CREDENTIALS_PER_OWNER_MAX: usize = 1_000;

/// What its owner, and whoever may use it, may know about a credential.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub credential_id: RecordId,
    /// Whose it is.
    pub owner: UserId,
    /// By which share the caller may use it; `None` for the owner.
    pub share_id: Option<ShareId>,
    /// What opens it.
    pub protection: CredentialProtection,
    /// Its name, unique for its owner.
    pub name: String,
    /// Where its value may be sent.
    pub host_pattern: String,
    /// The header that carries its value, or `?` and the query parameter that does.
    pub slot: String,
    /// What its value is filled into.
    pub template: String,
    /// What happens to an answer that repeats its value.
    pub echo: EchoScrub,
    /// The version in use.
    pub version: u64,
    /// When it was made.
    pub created: UtcMillis,
    /// When it last changed.
    pub updated: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
}

impl TryFrom<CredentialRow> for Credential {
    type Error = VaultError;

    fn try_from(row: CredentialRow) -> Result<Self, VaultError> {
        Ok(Self {
            echo: echo::of(&row)?,
            credential_id: row.credential_id,
            owner: row.owner,
            share_id: None,
            protection: CredentialProtection::of(&row),
            name: row.name,
            host_pattern: row.host_pattern,
            slot: row.header,
            template: row.template,
            version: row.current_version,
            created: row.created,
            updated: row.updated,
            expires: row.expires,
        })
    }
}

impl Vault {
    /// The caller's credentials in the order in which they were made, expired ones too.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn credentials(
        &self,
        caller: &Principal,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<Credential>, VaultError> {
        let owner = access::member(caller)?;
        let found = self
            .store
            .credentials(owner.org_id, owner.user_id, after, limit);
        let Page { rows, more } = found.await?;
        for row in &rows {
            self.integrity.check(row)?;
        }
        let rows: Result<_, _> = rows.into_iter().map(Credential::try_from).collect();
        Ok(Page { rows: rows?, more })
    }

    /// One credential of the caller, an expired one too.
    ///
    /// # Errors
    /// `NotFound`; `Tampered` when its row did not authenticate.
    pub async fn credential(
        &self,
        caller: &Principal,
        credential_id: RecordId,
    ) -> Result<Credential, VaultError> {
        let owner = access::member(caller)?;
        self.credential_row(owner, credential_id).await?.try_into()
    }

    pub(super) async fn credential_row(
        &self,
        owner: Member,
        credential_id: RecordId,
    ) -> Result<CredentialRow, VaultError> {
        let found = self
            .store
            .credential(owner.org_id, owner.user_id, credential_id);
        let row = found.await?.ok_or(VaultError::NotFound)?;
        self.integrity.check(&row)?;
        echo::of(&row)?;
        Ok(row)
    }

    /// An authenticated credential of `owner` with one version, the current one if `version` is
    /// `None`.
    async fn sealed_credential(
        &self,
        owner: Member,
        credential_id: RecordId,
        version: Option<u64>,
    ) -> Result<CredentialRead, VaultError> {
        let read = self
            .store
            .read_credential(owner.org_id, credential_id, version, owner.user_id);
        let read = read.await?.ok_or(VaultError::NotFound)?;
        if read.credential.owner != owner.user_id {
            return Err(VaultError::NotFound);
        }
        self.check_read(&read, version)?;
        Ok(read)
    }

    /// Authenticates a version that was read with its credential.
    fn check_read(&self, read: &CredentialRead, version: Option<u64>) -> Result<(), VaultError> {
        let (row, sealed) = (&read.credential, &read.version);
        self.integrity.check(row)?;
        self.integrity.check(sealed)?;
        echo::of(row)?;
        let wanted = version.unwrap_or(row.current_version);
        if (sealed.credential_id, sealed.credential_version) != (row.credential_id, wanted) {
            return Err(VaultError::Tampered("credential_versions"));
        }
        Ok(())
    }

    /// The current version of a credential that its owner may give to others: a live one that is
    /// sealed to keys. A passphrase belongs to whoever knows it.
    pub(super) async fn shareable_credential(
        &self,
        owner: Member,
        credential_id: RecordId,
    ) -> Result<CredentialRead, VaultError> {
        let read = self.sealed_credential(owner, credential_id, None).await?;
        if !read.credential.is_live(self.clock.utc()) {
            return Err(VaultError::NotFound);
        }
        match CredentialProtection::of(&read.credential) {
            CredentialProtection::UserKeys => Ok(read),
            CredentialProtection::Passphrase => Err(VaultError::Invalid(Invalid::NotShareable)),
        }
    }
}

fn key_place(owner: Member, credential_id: RecordId) -> CredentialPlace {
    CredentialPlace {
        org: owner.owner().org,
        owner: owner.owner().user,
        credential: (*credential_id.as_bytes()).into(),
    }
}

/// The place that one version is sealed to.
fn sealed_place(owner: Member, row: &CredentialVersionRow) -> CredentialContext<'_> {
    CredentialContext {
        org: owner.owner().org,
        owner: owner.owner().user,
        credential: (*row.credential_id.as_bytes()).into(),
        version: row.credential_version,
        host_pattern: &row.host_pattern,
        header: &row.header,
        template: &row.template,
    }
}
