//! Reads of stored credentials.

use async_trait::async_trait;

use super::Page;
use crate::error::StoreError;
use crate::ids::{OrgId, RecordId, UserId, UtcMillis};
use crate::rows::{AccountBoxRow, CredentialRow, CredentialVersionRow, ShareRow, WrapRow};

/// A credential that a user may have used, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The credential.
    pub credential: CredentialRow,
    /// By which share; `None` for an own one.
    pub share: Option<ShareRow>,
}

/// All that one reader needs to open one version of a credential, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRead {
    /// The credential.
    pub credential: CredentialRow,
    /// The wanted version.
    pub version: CredentialVersionRow,
    /// The data key, wrapped to the reader; `None` if nobody did.
    pub wrap: Option<WrapRow>,
    /// The data key under the reader's account key, if it is cached.
    pub account_box: Option<AccountBoxRow>,
    /// The share with the reader, expired ones too; `None` for the owner and for strangers.
    pub share: Option<ShareRow>,
}

/// Which credentials a user may have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCandidates {
    /// The user's organisation.
    pub org_id: OrgId,
    /// The user.
    pub user_id: UserId,
    /// Only credentials after this one.
    pub after: Option<RecordId>,
    /// Rows wanted, 1 to [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX); more is cut to that.
    pub limit: u32,
    /// The time by which a credential or a share counts as expired.
    pub now: UtcMillis,
}

/// Reads credentials.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// One credential of one owner, expired ones too.
    async fn credential(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
    ) -> Result<Option<CredentialRow>, StoreError>;

    /// Credentials of one owner by ascending id, after `after`, expired ones too.
    async fn credentials(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<CredentialRow>, StoreError>;

    /// A user's own credentials and those shared with the user, by ascending id, at one moment.
    /// Expired ones, and those of expired shares, are left out.
    async fn candidates(&self, list: ListCandidates) -> Result<Page<Candidate>, StoreError>;

    /// One version (`None`: the current one) of a credential of an organisation, with what
    /// `reader` needs to open it. `Ok(None)` if the credential or that version is absent.
    async fn read_credential(
        &self,
        org_id: OrgId,
        credential_id: RecordId,
        credential_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<CredentialRead>, StoreError>;

    /// Versions of one credential that are kept, ascending, after `after`. Empty for a credential
    /// that is absent.
    async fn credential_versions(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<CredentialVersionRow>, StoreError>;
}
