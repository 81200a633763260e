//! The store's traits, carried to the reader threads and the writer thread.

use async_trait::async_trait;

use super::failure::store_error;
use super::{SqliteStore, api_keys, keys, orgs, users, values};
use crate::change_set::{ChangeSet, Committed};
use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, RecordId, UserId};
use crate::limits::BATCH_MAX;
use crate::rows::{ApiKeyRow, KeyPairRow, OrgRow, UserRow, ValueRow, WrapRow};
use crate::store::{
    ApiKeyAndUser, KeyRing, KeyStore, ListValues, OrgStore, Page, Store, UserAndPublicKey,
    UserStore, ValueName, ValueRead, ValueStore, ValueVersionInfo,
};

#[async_trait]
impl OrgStore for SqliteStore {
    async fn org(&self, org_id: OrgId) -> Result<Option<OrgRow>, StoreError> {
        self.readers.run(move |db| orgs::one(db, org_id)).await
    }

    async fn orgs(&self, after: Option<OrgId>, limit: u32) -> Result<Page<OrgRow>, StoreError> {
        self.readers
            .run(move |db| orgs::list(db, after, limit))
            .await
    }
}

#[async_trait]
impl UserStore for SqliteStore {
    async fn user(&self, org_id: OrgId, user_id: UserId) -> Result<Option<UserRow>, StoreError> {
        self.readers
            .run(move |db| users::one(db, org_id, user_id))
            .await
    }

    async fn users(
        &self,
        org_id: OrgId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<UserAndPublicKey>, StoreError> {
        self.readers
            .run(move |db| users::list(db, org_id, after, limit))
            .await
    }
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn api_key(&self, key_id: KeyId) -> Result<Option<ApiKeyAndUser>, StoreError> {
        self.readers.run(move |db| api_keys::one(db, key_id)).await
    }

    async fn api_keys(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError> {
        self.readers
            .run(move |db| api_keys::list(db, org_id, user_id, after, limit))
            .await
    }

    async fn root_api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError> {
        self.readers
            .run(move |db| api_keys::list_root(db, after, limit))
            .await
    }

    async fn key_ring(
        &self,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<Option<KeyRing>, StoreError> {
        self.readers
            .run(move |db| {
                // Two statements: a transaction gives both the same snapshot.
                let transaction = db.transaction().map_err(store_error)?;
                keys::ring(&transaction, org_id, user_id)
            })
            .await
    }

    async fn current_key_pair(
        &self,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<Option<KeyPairRow>, StoreError> {
        self.readers
            .run(move |db| keys::current_pair(db, org_id, user_id))
            .await
    }
}

#[async_trait]
impl ValueStore for SqliteStore {
    async fn value(&self, name: ValueName<'_>) -> Result<Option<ValueRow>, StoreError> {
        let ValueName {
            org_id,
            owner,
            name,
        } = name;
        let name = name.to_owned();
        self.readers
            .run(move |db| {
                values::one(
                    db,
                    ValueName {
                        org_id,
                        owner,
                        name: &name,
                    },
                )
            })
            .await
    }

    async fn read_value(
        &self,
        name: ValueName<'_>,
        value_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<ValueRead>, StoreError> {
        let ValueName {
            org_id,
            owner,
            name,
        } = name;
        let name = name.to_owned();
        self.readers
            .run(move |db| {
                let name = ValueName {
                    org_id,
                    owner,
                    name: &name,
                };
                values::read(db, name, value_version, reader)
            })
            .await
    }

    async fn values(&self, list: ListValues<'_>) -> Result<Page<ValueRow>, StoreError> {
        let ListValues {
            org_id,
            owner,
            prefix,
            after,
            limit,
            now,
        } = list;
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.readers
            .run(move |db| {
                let (prefix, after) = (prefix.as_str(), after.as_deref());
                values::list(
                    db,
                    ListValues {
                        org_id,
                        owner,
                        prefix,
                        after,
                        limit,
                        now,
                    },
                )
            })
            .await
    }

    async fn read_values(
        &self,
        names: &[ValueName<'_>],
        reader: UserId,
    ) -> Result<Vec<Option<ValueRead>>, StoreError> {
        if names.len() > BATCH_MAX {
            return Err(StoreError::TooLarge("values of a batch read"));
        }
        let owned: Vec<_> = names
            .iter()
            .map(|one| (one.org_id, one.owner, one.name.to_owned()))
            .collect();
        self.readers
            .run(move |db| {
                let names: Vec<_> = owned
                    .iter()
                    .map(|(org_id, owner, name)| ValueName {
                        org_id: *org_id,
                        owner: *owner,
                        name,
                    })
                    .collect();
                let transaction = db.transaction().map_err(store_error)?;
                values::read_many(&transaction, &names, reader)
            })
            .await
    }

    async fn versions(
        &self,
        name: ValueName<'_>,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<ValueVersionInfo>, StoreError> {
        let ValueName {
            org_id,
            owner,
            name,
        } = name;
        let name = name.to_owned();
        self.readers
            .run(move |db| {
                let name = ValueName {
                    org_id,
                    owner,
                    name: &name,
                };
                values::versions(db, name, after, limit)
            })
            .await
    }

    async fn wraps(
        &self,
        record_id: RecordId,
        value_version: u64,
    ) -> Result<Vec<WrapRow>, StoreError> {
        self.readers
            .run(move |db| values::wraps(db, record_id, value_version))
            .await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        self.writer.commit(changes).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer.check()?;
        self.readers
            .run(|db| {
                db.query_row("SELECT 1", [], |_| Ok(()))
                    .map_err(store_error)
            })
            .await
    }
}
