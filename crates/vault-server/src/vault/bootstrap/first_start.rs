//! The rows that a new installation starts with.

use hardened_crypto::user_secret::UserSecret;
use secrecy::SecretString;
use vault_store::rows::ApiKeyOwner;
use vault_store::{Change, ChangeSet, Page};

use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::{VaultError, made};
use crate::vault::limits::LIST_LIMIT_MAX;

/// What the organisation and the user of a development server are called.
const DEV_NAME: &str = "dev";

/// What is shown once, at the first start of a development server.
pub(super) struct FirstKeys {
    pub(super) api_key: SecretString,
    pub(super) root_key: SecretString,
    pub(super) user_secret: SecretString,
}

impl FirstKeys {
    /// An organisation, an admin with an API key and keys under a generated secret, and a root
    /// API key, all in one change set that is still to be committed.
    pub(super) async fn prepare(vault: &Vault) -> Result<(Self, ChangeSet), VaultError> {
        let org = vault.new_org_row(DEV_NAME);
        let user = vault.new_user_row(org.org_id, DEV_NAME, true);
        let whose = Member {
            org_id: org.org_id,
            user_id: user.user_id,
        };
        let (secret, user_secret) = UserSecret::make().map_err(made)?;
        let (keys, pair) = vault.new_key_rows(whose, secret).await?;
        let (root_row, root_key) = vault.new_api_key(ApiKeyOwner::Root)?;
        let owner = ApiKeyOwner::User {
            org_id: whose.org_id,
            user_id: whose.user_id,
        };
        let (user_row, api_key) = vault.new_api_key(owner)?;
        let changes = ChangeSet::new()
            .with(Change::InsertOrg(org))
            .with(Change::InsertUser(user))
            .with(Change::InsertApiKey(root_row))
            .with(Change::InsertApiKey(user_row))
            .with(Change::InsertUserKeys {
                keys,
                pairs: vec![pair],
            });
        let keys = Self {
            api_key,
            root_key,
            user_secret,
        };
        Ok((keys, changes))
    }
}

/// A root API key, and the change set that is still to be committed. Earlier ones end with it.
pub(super) async fn prepare_root_api_key(
    vault: &Vault,
) -> Result<(SecretString, ChangeSet), VaultError> {
    let (row, key) = vault.new_api_key(ApiKeyOwner::Root)?;
    let changes = without_root_api_keys(vault).await?;
    Ok((key, changes.with(Change::InsertApiKey(row))))
}

/// What erases every API key of root.
pub(super) async fn without_root_api_keys(vault: &Vault) -> Result<ChangeSet, VaultError> {
    let mut changes = ChangeSet::new();
    let mut after = None;
    loop {
        let Page { rows, more } = vault.store.root_api_keys(after, LIST_LIMIT_MAX).await?;
        after = rows.last().map(|old| old.key_id);
        for old in rows {
            changes.push(Change::DeleteApiKey {
                key_id: old.key_id,
                expected_version: old.version,
            });
        }
        if !more {
            return Ok(changes);
        }
    }
}
