//! The MAC of every row: made before it is stored, checked before it is believed.
//!
//! In: a row and the root keys, which are not in the database. Out: the row with its MAC, or
//! [`VaultError::Tampered`] whatever the user secret.
//!
//! Promise: the MAC covers the table's name and every column, taken apart by name below, so
//! that a new column does not compile until it is covered. Whoever can write the database
//! cannot swap public keys, plant API keys, raise a role or move contents between records.
//! Not here: wraps and account boxes, which authenticate their place by themselves; the
//! store's own share counter, which only orders writes; and replay of a whole older row.

use std::sync::Arc;

use hardened_crypto::context::Context;
use hardened_crypto::root_key::RootKeyring;
use hardened_crypto::row_mac::{self, RowTag};
use vault_store::UtcMillis;
use vault_store::rows::{
    ApiKeyOwner, ApiKeyRow, ApiKeyScopeRow, CredentialRow, CredentialVersionRow, KeyPairRow,
    OrgRow, RowMac, ShareRow, StagedRestoreRow, TokenRow, TrusteeRow, UserKeysRow, UserRow,
    ValueRow, ValueVersionRow,
};

use super::error::VaultError;

/// Stands in a row until it is signed; no row is stored with it.
pub const UNSIGNED: RowMac = RowMac {
    key_id: 0,
    tag: [0; 32],
};

/// A row under a MAC.
pub trait GuardedRow {
    /// The table's name, as it enters the MAC.
    const TABLE: &'static str;

    /// Every column but the MAC, appended to `fields` in a fixed order.
    fn bind(&self, fields: Context) -> Context;

    /// The stored MAC.
    fn mac(&self) -> RowMac;

    /// Puts the MAC in its place.
    fn set_mac(&mut self, mac: RowMac);
}

/// Signs and checks rows with the root keys.
#[derive(Debug, Clone)]
pub struct RowIntegrity {
    ring: Arc<RootKeyring>,
}

impl RowIntegrity {
    /// Uses the newest key of `ring` to sign, and any to check.
    #[must_use]
    pub fn new(ring: Arc<RootKeyring>) -> Self {
        Self { ring }
    }

    /// The row with its MAC.
    #[must_use]
    pub fn sign<R: GuardedRow>(&self, mut row: R) -> R {
        let tag = row_mac::sign(&self.ring, row.bind(row_mac::row(R::TABLE)));
        row.set_mac(RowMac {
            key_id: tag.key_id,
            tag: tag.tag,
        });
        row
    }

    /// Checks a stored row.
    ///
    /// # Errors
    /// [`VaultError::Tampered`] with the table's name; an operator's alarm goes to the log.
    pub fn check<R: GuardedRow>(&self, row: &R) -> Result<(), VaultError> {
        self.verify(R::TABLE, row.bind(row_mac::row(R::TABLE)), row.mac())
    }

    /// The row of an API key with its MAC, which covers the scope that goes with it, too. Without
    /// one it is the MAC of the row alone.
    #[must_use]
    pub fn sign_api_key(&self, mut key: ApiKeyRow, scope: Option<&ApiKeyScopeRow>) -> ApiKeyRow {
        let tag = row_mac::sign(&self.ring, key_with_scope(&key, scope));
        key.set_mac(RowMac {
            key_id: tag.key_id,
            tag: tag.tag,
        });
        key
    }

    /// Checks an API key with the scope that was found beside it, or that none was: a scope that
    /// was dropped, altered or given to another key is noticed.
    ///
    /// # Errors
    /// As [`RowIntegrity::check`].
    pub fn check_api_key(
        &self,
        key: &ApiKeyRow,
        scope: Option<&ApiKeyScopeRow>,
    ) -> Result<(), VaultError> {
        if let Some(scope) = scope {
            self.check(scope)?;
        }
        self.verify(ApiKeyRow::TABLE, key_with_scope(key, scope), key.mac)
    }

    fn verify(&self, table: &'static str, row: Context, mac: RowMac) -> Result<(), VaultError> {
        let RowMac { key_id, tag } = mac;
        row_mac::verify(&self.ring, row, &RowTag { key_id, tag }).map_err(|_| {
            tracing::error!(table, "a stored row did not authenticate");
            VaultError::Tampered(table)
        })
    }
}

fn key_with_scope(key: &ApiKeyRow, scope: Option<&ApiKeyScopeRow>) -> Context {
    let fields = key.bind(row_mac::row(ApiKeyRow::TABLE));
    match scope {
        None => fields,
        Some(scope) => scope.bind(fields.text(ApiKeyScopeRow::TABLE)),
    }
}

macro_rules! mac_field {
    () => {
        fn mac(&self) -> RowMac {
            self.mac
        }

        fn set_mac(&mut self, mac: RowMac) {
            self.mac = mac;
        }
    };
}

fn time(fields: Context, time: UtcMillis) -> Context {
    fields.optional_i64(Some(time.0))
}

fn optional_time(fields: Context, time: Option<UtcMillis>) -> Context {
    fields.optional_i64(time.map(|time| time.0))
}

impl GuardedRow for OrgRow {
    const TABLE: &'static str = "orgs";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            org_id,
            name,
            created,
            version,
            mac: _,
        } = self;
        time(fields.bytes(org_id.as_bytes()).text(name), *created).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for UserRow {
    const TABLE: &'static str = "users";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            user_id,
            org_id,
            name,
            is_admin,
            disabled,
            created,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(user_id.as_bytes())
            .bytes(org_id.as_bytes())
            .text(name)
            .u8((*is_admin).into())
            .u8((*disabled).into());
        time(fields, *created).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for ApiKeyRow {
    const TABLE: &'static str = "api_keys";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            key_id,
            owner,
            key_hash,
            created,
            expires,
            version,
            mac: _,
        } = self;
        let fields = fields.text(key_id.as_str());
        let fields = match owner {
            ApiKeyOwner::Root => fields.bytes(&[]).bytes(&[]),
            ApiKeyOwner::User { org_id, user_id } => {
                fields.bytes(org_id.as_bytes()).bytes(user_id.as_bytes())
            }
        };
        let fields = time(fields.bytes(key_hash), *created);
        optional_time(fields, *expires).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for ApiKeyScopeRow {
    const TABLE: &'static str = "api_key_scopes";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            key_id,
            scope,
            version,
            mac: _,
        } = self;
        fields.text(key_id.as_str()).bytes(scope).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for UserKeysRow {
    const TABLE: &'static str = "user_keys";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            user_id,
            org_id,
            protection,
            secret_version,
            account_key_box,
            current_generation,
            version,
            mac: _,
        } = self;
        fields
            .bytes(user_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(protection)
            .u32(*secret_version)
            .bytes(account_key_box)
            .u32(*current_generation)
            .u64(*version)
    }

    mac_field!();
}

impl GuardedRow for KeyPairRow {
    const TABLE: &'static str = "key_pairs";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            user_id,
            org_id,
            generation,
            public_key,
            ecc_box,
            kyber_box,
            created,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(user_id.as_bytes())
            .bytes(org_id.as_bytes())
            .u32(*generation)
            .bytes(public_key)
            .bytes(ecc_box)
            .bytes(kyber_box);
        time(fields, *created).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for ValueRow {
    const TABLE: &'static str = "vault_values";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            record_id,
            org_id,
            owner,
            name,
            current_version,
            created,
            updated,
            deleted,
            expires,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(record_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(owner.as_bytes())
            .text(name)
            .u64(*current_version);
        let fields = time(time(fields, *created), *updated);
        optional_time(optional_time(fields, *deleted), *expires).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for ValueVersionRow {
    const TABLE: &'static str = "value_versions";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            record_id,
            value_version,
            header,
            payload,
            metadata_box,
            created,
            expires,
            mac: _,
        } = self;
        let fields = fields
            .bytes(record_id.as_bytes())
            .u64(*value_version)
            .bytes(header)
            .bytes(payload)
            .u8(metadata_box.is_some().into())
            .bytes(metadata_box.as_deref().unwrap_or_default());
        optional_time(time(fields, *created), *expires)
    }

    mac_field!();
}

impl GuardedRow for CredentialRow {
    const TABLE: &'static str = "credentials";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            credential_id,
            org_id,
            owner,
            name,
            host_pattern,
            header,
            template,
            echo,
            protection,
            current_version,
            newest_version,
            created,
            updated,
            expires,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(credential_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(owner.as_bytes())
            .text(name)
            .text(host_pattern)
            .text(header)
            .text(template)
            .u8(*echo)
            .u8(protection.is_some().into())
            .bytes(protection.as_deref().unwrap_or_default())
            .u64(*current_version)
            .u64(*newest_version);
        let fields = time(time(fields, *created), *updated);
        optional_time(fields, *expires).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for CredentialVersionRow {
    const TABLE: &'static str = "credential_versions";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            credential_id,
            credential_version,
            host_pattern,
            header,
            template,
            sealed,
            created,
            mac: _,
        } = self;
        let fields = fields
            .bytes(credential_id.as_bytes())
            .u64(*credential_version)
            .text(host_pattern)
            .text(header)
            .text(template)
            .bytes(sealed);
        time(fields, *created)
    }

    mac_field!();
}

impl GuardedRow for ShareRow {
    const TABLE: &'static str = "shares";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            share_id,
            org_id,
            kind,
            record_id,
            owner,
            recipient,
            permission,
            created,
            expires,
            alias_wrap,
            owner_alias_box,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(share_id.as_bytes())
            .bytes(org_id.as_bytes())
            .u8(kind.number())
            .bytes(record_id.as_bytes())
            .bytes(owner.as_bytes())
            .bytes(recipient.as_bytes())
            .u8(permission.number());
        optional_time(time(fields, *created), *expires)
            .u8(alias_wrap.is_some().into())
            .bytes(alias_wrap.as_deref().unwrap_or_default())
            .u8(owner_alias_box.is_some().into())
            .bytes(owner_alias_box.as_deref().unwrap_or_default())
            .u64(*version)
    }

    mac_field!();
}

impl GuardedRow for TokenRow {
    const TABLE: &'static str = "tokens";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            key_id,
            token_id,
            org_id,
            user_id,
            key_hash,
            scope,
            boxes,
            created,
            expires,
            version,
            mac: _,
        } = self;
        let fields = fields
            .text(key_id.as_str())
            .bytes(token_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(user_id.as_bytes())
            .bytes(key_hash)
            .bytes(scope)
            .bytes(boxes);
        time(time(fields, *created), *expires).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for TrusteeRow {
    const TABLE: &'static str = "trustees";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            org_id,
            owner,
            trustee,
            set_id,
            blobs,
            xor_applied,
            hint,
            secret_version,
            waiting_seconds,
            created,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(org_id.as_bytes())
            .bytes(owner.as_bytes())
            .bytes(trustee.as_bytes())
            .bytes(set_id.as_bytes())
            .bytes(blobs)
            .u8((*xor_applied).into())
            .text(hint)
            .u32(*secret_version)
            .u32(*waiting_seconds);
        time(fields, *created).u64(*version)
    }

    mac_field!();
}

impl GuardedRow for StagedRestoreRow {
    const TABLE: &'static str = "staged_restores";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            restore_id,
            org_id,
            owner,
            trustee,
            blobs,
            submitted,
            not_before,
            state,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(restore_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(owner.as_bytes())
            .bytes(trustee.as_bytes())
            .bytes(blobs);
        time(time(fields, *submitted), *not_before)
            .u8(state.number())
            .u64(*version)
    }

    mac_field!();
}

// Behind the macro that they use.
mod files;

#[cfg(test)]
mod tests;
