//! The MAC of every row: made before it is stored, checked before it is believed.
//!
//! In: a row and the root keys, which are not in the database. Out: the row with its MAC, or
//! [`VaultError::Tampered`] whatever the user secret.
//!
//! Promise: the MAC covers the table's name and every column, taken apart by name below, so
//! that a new column does not compile until it is covered. Whoever can write the database
//! cannot swap public keys, plant API keys, raise a role or move contents between records.
//! Not here: wraps and account boxes, which authenticate their place by themselves, and
//! replay of a whole older row.

use std::sync::Arc;

use hardened_crypto::context::Context;
use hardened_crypto::root_key::RootKeyring;
use hardened_crypto::row_mac::{self, RowTag};
use vault_store::UtcMillis;
use vault_store::rows::{
    ApiKeyOwner, ApiKeyRow, KeyPairRow, OrgRow, RowMac, UserKeysRow, UserRow, ValueRow,
    ValueVersionRow,
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
        let RowMac { key_id, tag } = row.mac();
        let fields = row.bind(row_mac::row(R::TABLE));
        row_mac::verify(&self.ring, fields, &RowTag { key_id, tag }).map_err(|_| {
            tracing::error!(table = R::TABLE, "a stored row did not authenticate");
            VaultError::Tampered(R::TABLE)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use vault_store::{KeyId, OrgId, RecordId, UserId};

    fn integrity() -> RowIntegrity {
        let text = RootKeyring::make_text().unwrap();
        RowIntegrity::new(Arc::new(RootKeyring::parse(text.expose_secret()).unwrap()))
    }

    /// The row as made passes; each change on its own does not.
    fn check<R: GuardedRow + Clone>(row: R, changes: &[fn(&mut R)]) {
        let integrity = integrity();
        let signed = integrity.sign(row);
        assert!(integrity.check(&signed).is_ok());
        for (index, change) in changes.iter().enumerate() {
            let mut changed = signed.clone();
            change(&mut changed);
            assert_eq!(
                integrity.check(&changed),
                Err(VaultError::Tampered(R::TABLE)),
                "change {index} of {}",
                R::TABLE
            );
        }
        assert!(
            self::integrity().check(&signed).is_err(),
            "another root key"
        );
    }

    const ORG: OrgId = OrgId::from_bytes([1; 16]);
    const OTHER: OrgId = OrgId::from_bytes([9; 16]);
    const USER: UserId = UserId::from_bytes([2; 16]);

    #[test]
    fn every_column_of_orgs_and_users_counts() {
        let org = OrgRow {
            org_id: ORG,
            name: "o".into(),
            created: UtcMillis(1),
            version: 1,
            mac: UNSIGNED,
        };
        check(
            org,
            &[
                |row| row.org_id = OTHER,
                |row| row.name.push('x'),
                |row| row.created.0 = 2,
                |row| row.version = 2,
                |row| row.mac.key_id = 2,
                |row| row.mac.tag[31] ^= 1,
            ],
        );
        let user = UserRow {
            user_id: USER,
            org_id: ORG,
            name: "u".into(),
            is_admin: false,
            disabled: false,
            created: UtcMillis(1),
            version: 1,
            mac: UNSIGNED,
        };
        check(
            user,
            &[
                |row| row.user_id = UserId::from_bytes([3; 16]),
                |row| row.org_id = OTHER,
                |row| row.name.clear(),
                |row| row.is_admin = true,
                |row| row.disabled = true,
                |row| (row.is_admin, row.disabled) = (true, true),
                |row| row.created.0 = 2,
                |row| row.version = 2,
            ],
        );
    }

    #[test]
    fn every_column_of_api_keys_counts() {
        let key = ApiKeyRow {
            key_id: KeyId::parse("abcdefgh").unwrap(),
            owner: ApiKeyOwner::User {
                org_id: ORG,
                user_id: USER,
            },
            key_hash: [7; 32],
            created: UtcMillis(1),
            expires: None,
            version: 1,
            mac: UNSIGNED,
        };
        check(
            key,
            &[
                |row| row.key_id = KeyId::parse("abcdefgi").unwrap(),
                |row| row.owner = ApiKeyOwner::Root,
                |row| row.key_hash[0] ^= 1,
                |row| row.created.0 = 2,
                |row| row.expires = Some(UtcMillis(0)),
                |row| row.version = 2,
            ],
        );
    }

    #[test]
    fn every_column_of_keys_counts() {
        let keys = UserKeysRow {
            user_id: USER,
            org_id: ORG,
            protection: vec![1],
            secret_version: 1,
            account_key_box: vec![2],
            current_generation: 1,
            version: 1,
            mac: UNSIGNED,
        };
        check(
            keys,
            &[
                |row| row.user_id = UserId::from_bytes([3; 16]),
                |row| row.org_id = OTHER,
                |row| row.protection[0] = 9,
                |row| row.secret_version = 2,
                |row| row.account_key_box[0] = 9,
                |row| row.current_generation = 2,
                |row| row.version = 2,
                |row| std::mem::swap(&mut row.protection, &mut row.account_key_box),
            ],
        );
        let pair = KeyPairRow {
            user_id: USER,
            org_id: ORG,
            generation: 1,
            public_key: vec![1],
            ecc_box: vec![2],
            kyber_box: vec![3],
            created: UtcMillis(1),
            version: 1,
            mac: UNSIGNED,
        };
        check(
            pair,
            &[
                |row| row.user_id = UserId::from_bytes([3; 16]),
                |row| row.org_id = OTHER,
                |row| row.generation = 2,
                |row| row.public_key[0] = 9,
                |row| std::mem::swap(&mut row.ecc_box, &mut row.kyber_box),
                |row| row.kyber_box.clear(),
                |row| row.created.0 = 2,
                |row| row.version = 2,
            ],
        );
    }

    #[test]
    fn every_column_of_values_counts() {
        let value = ValueRow {
            record_id: RecordId::from_bytes([4; 16]),
            org_id: ORG,
            owner: USER,
            name: "n".into(),
            current_version: 1,
            created: UtcMillis(1),
            updated: UtcMillis(1),
            deleted: None,
            expires: None,
            version: 1,
            mac: UNSIGNED,
        };
        check(
            value,
            &[
                |row| row.record_id = RecordId::from_bytes([5; 16]),
                |row| row.org_id = OTHER,
                |row| row.owner = UserId::from_bytes([3; 16]),
                |row| row.name.push('x'),
                |row| row.current_version = 2,
                |row| row.created.0 = 2,
                |row| row.updated.0 = 2,
                |row| row.deleted = Some(UtcMillis(1)),
                |row| row.expires = Some(UtcMillis(1)),
                |row| row.version = 2,
            ],
        );
        let version = ValueVersionRow {
            record_id: RecordId::from_bytes([4; 16]),
            value_version: 1,
            header: vec![1],
            payload: vec![2],
            metadata_box: None,
            created: UtcMillis(1),
            expires: None,
            mac: UNSIGNED,
        };
        check(
            version,
            &[
                |row| row.record_id = RecordId::from_bytes([5; 16]),
                |row| row.value_version = 2,
                |row| row.header.clear(),
                |row| row.payload.push(0),
                |row| row.metadata_box = Some(Vec::new()),
                |row| row.created.0 = 2,
                |row| row.expires = Some(UtcMillis(1)),
                |row| std::mem::swap(&mut row.header, &mut row.payload),
            ],
        );
    }
}
