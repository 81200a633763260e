//! Organisations: root makes them.

use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, OrgRow};
use vault_store::{Change, OrgId, Page, UtcMillis};

use super::Vault;
use super::access;
use super::error::VaultError;
use super::principal::Principal;
use super::row_integrity::UNSIGNED;
use super::value_name::check_display_name;

/// An organisation as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its id.
    pub org_id: OrgId,
    /// Its display name.
    pub name: String,
    /// When it was made.
    pub created: UtcMillis,
}

impl From<OrgRow> for Org {
    fn from(row: OrgRow) -> Self {
        Self {
            org_id: row.org_id,
            name: row.name,
            created: row.created,
        }
    }
}

impl Vault {
    /// Makes an organisation without users.
    ///
    /// # Errors
    /// `Forbidden` for everybody but root; `Invalid` for an unusable name.
    pub async fn create_org(&self, caller: &Principal, name: &str) -> Result<Org, VaultError> {
        access::root(caller)?;
        check_display_name(name)?;
        let row = self.new_org_row(name);
        self.commit(Change::InsertOrg(row.clone())).await?;
        Ok(row.into())
    }

    /// Organisations in the order in which they were made, after `after`.
    ///
    /// # Errors
    /// `Forbidden` for everybody but root.
    pub async fn orgs(
        &self,
        caller: &Principal,
        after: Option<OrgId>,
        limit: u32,
    ) -> Result<Page<Org>, VaultError> {
        access::root(caller)?;
        let Page { rows, more } = self.store.orgs(after, limit).await?;
        for row in &rows {
            self.integrity.check(row)?;
        }
        Ok(Page {
            rows: rows.into_iter().map(Org::from).collect(),
            more,
        })
    }

    /// One organisation.
    ///
    /// # Errors
    /// `Forbidden` for users who are not its admins; `NotFound` for one that is not the caller's.
    pub async fn org(&self, caller: &Principal, org_id: OrgId) -> Result<Org, VaultError> {
        access::administrator(caller, org_id)?;
        self.org_row(org_id).await.map(Into::into)
    }

    /// A signed row of a new organisation; the name has been checked.
    pub(crate) fn new_org_row(&self, name: &str) -> OrgRow {
        self.integrity.sign(OrgRow {
            org_id: Uuid::now_v7().into(),
            name: name.to_owned(),
            created: self.clock.utc(),
            version: FIRST_VERSION,
            mac: UNSIGNED,
        })
    }

    /// An organisation's authenticated row.
    pub(crate) async fn org_row(&self, org_id: OrgId) -> Result<OrgRow, VaultError> {
        let row = self.store.org(org_id).await?.ok_or(VaultError::NotFound)?;
        self.integrity.check(&row)?;
        Ok(row)
    }
}
