//! Writes: a list of typed changes that is applied whole or not at all.
//!
//! In: rows as they shall be, each with the state it expects to find. Out: a [`ChangeSet`] for
//! [`Store::commit`](crate::Store::commit), and afterwards [`Committed`].
//!
//! Promise: changes apply in order, each sees the ones before it; one failed precondition and
//! none of them has happened. Of two change sets that expect the same state exactly one succeeds.
//! Not here: checks that need only the change set itself (`change_set/check.rs`).

mod api_keys;
mod check;
mod credentials;
mod files;
mod recovery;
mod shares;
mod tokens;
mod wraps;

use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, RecordId, UserId};
use crate::rows::{
    AccountBoxRow, ApiKeyRow, AuditEntry, KeyPairRow, OrgRow, UserKeysRow, UserRow, ValueRow,
    ValueVersionRow, WrapRow,
};

pub use api_keys::ApiKeyChange;
pub use credentials::CredentialChange;
pub use files::FileChange;
pub use recovery::RecoveryChange;
pub use shares::ShareChange;
pub use tokens::TokenChange;
pub(crate) use wraps::conflict_on;
pub use wraps::{ReplaceWraps, WrapChange};

/// What every backend answers to a [`Change::ReplaceUserKeys`] that loses or alters a stored key
/// pair: that private key could never be used again.
pub(crate) const NOT_A_CONTINUATION: StoreError =
    StoreError::Invalid("key pairs that do not continue the stored ones");

/// Changes that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    changes: Vec<Change>,
    audit: Vec<AuditEntry>,
}

/// One change with its precondition.
///
/// "Insert" expects that no such row exists, and the row carries version 1. "Replace" expects the
/// row at `expected_version`, and the new row carries `expected_version + 1`; fields marked "never
/// changes" must be equal, anything else is a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Adds an organisation.
    InsertOrg(OrgRow),
    /// Replaces an organisation.
    ReplaceOrg {
        /// The version to replace.
        expected_version: u64,
        /// The new row.
        row: OrgRow,
    },
    /// Adds a user to an existing organisation.
    InsertUser(UserRow),
    /// Replaces a user.
    ReplaceUser {
        /// The version to replace.
        expected_version: u64,
        /// The new row.
        row: UserRow,
    },
    /// Adds an API key, of root or of an existing user.
    InsertApiKey(ApiKeyRow),
    /// Replaces an API key.
    ReplaceApiKey {
        /// The version to replace.
        expected_version: u64,
        /// The new row.
        row: ApiKeyRow,
    },
    /// Erases an API key.
    DeleteApiKey {
        /// Which key.
        key_id: KeyId,
        /// The version to erase.
        expected_version: u64,
    },
    /// Gives an existing user keys for the first time.
    InsertUserKeys {
        /// How they are protected.
        keys: UserKeysRow,
        /// One row per generation, the current one among them.
        pairs: Vec<KeyPairRow>,
    },
    /// Replaces how a user's keys are protected together with every key pair row (rekey), and may
    /// add generations (rotation). `expected_version` guards them all.
    ReplaceUserKeys {
        /// The version of the [`UserKeysRow`] to replace.
        expected_version: u64,
        /// The new protection.
        keys: UserKeysRow,
        /// One row for *every* stored generation, its public key and creation time unchanged and
        /// its version one higher; and new generations with version 1.
        pairs: Vec<KeyPairRow>,
    },
    /// Writes a new version of a value, the first one included. For a record without shares: with
    /// any, it is a conflict on [`SHARE_REVISION`](crate::conflict::SHARE_REVISION), so that no write can
    /// forget a recipient.
    PutValue(PutValue),
    /// Writes a new version of a value whose wraps were made for the recipients read at this share
    /// revision ([`ShareStore::recipients`](crate::ShareStore::recipients)); 0 for a new name.
    PutSharedValue {
        /// The write.
        put: PutValue,
        /// The record's share revision that must be stored.
        share_revision: u64,
    },
    /// Replaces the row of a value, not its contents: soft delete, undelete, new expiry.
    /// `current_version` stays as it is.
    ReplaceValue {
        /// The row version to replace.
        expected_version: u64,
        /// The new row.
        row: ValueRow,
    },
    /// Erases a value with all its versions, wraps and boxes. The name is free again.
    DestroyValue {
        /// The owner's organisation.
        org_id: OrgId,
        /// Whose value.
        owner: UserId,
        /// Which record.
        record_id: RecordId,
        /// The row version to erase.
        expected_version: u64,
    },
    /// Stores a box, replacing an older one, if its wrap still exists; otherwise does nothing.
    PutAccountBox(AccountBoxRow),
    /// Changes wraps or boxes of a record of any kind.
    Wrap(WrapChange),
    /// Changes a share.
    Share(ShareChange),
    /// Changes a file.
    File(FileChange),
    /// Changes a stored credential.
    Credential(CredentialChange),
    /// Changes access tokens.
    Token(TokenChange),
    /// Changes the scope or the noted use of an API key.
    ApiKey(ApiKeyChange),
    /// Changes trustees or staged restores.
    Recovery(RecoveryChange),
    /// Changes nothing, but expects that, beside this user, the organisation has an administrator
    /// who is not disabled. It sees the changes before it.
    ExpectOtherAdmin {
        /// The organisation.
        org_id: OrgId,
        /// Who does not count.
        user_id: UserId,
    },
    /// Changes nothing, but expects a user, the user's keys and one of the user's API keys to be
    /// as they were read. It sees the changes before it.
    ExpectStanding(Standing),
    /// Erases a user with everything that is the user's: keys, values, files, credentials, shares
    /// both ways, tokens, recovery both ways. The bodies of the files are left to be removed
    /// ([`FileStore::erased_bodies`](crate::FileStore::erased_bodies)). Audit entries stay.
    RemoveUser {
        /// The organisation.
        org_id: OrgId,
        /// Who.
        user_id: UserId,
        /// The version of the [`UserRow`] to erase.
        expected_version: u64,
    },
}

macro_rules! change_of_noun {
    ($($variant:ident($change:ty)),+ $(,)?) => {$(
        impl From<$change> for Change {
            fn from(change: $change) -> Self {
                Self::$variant(change)
            }
        }

        impl From<$change> for ChangeSet {
            fn from(change: $change) -> Self {
                Change::$variant(change).into()
            }
        }
    )+};
}

change_of_noun! {
    Wrap(WrapChange),
    Share(ShareChange),
    File(FileChange),
    Credential(CredentialChange),
    Token(TokenChange),
    ApiKey(ApiKeyChange),
    Recovery(RecoveryChange),
}

/// What a user was, could open and called with when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The organisation.
    pub org_id: OrgId,
    /// Who.
    pub user_id: UserId,
    /// The version of the [`UserRow`].
    pub user_version: u64,
    /// Secret version and current generation of the [`UserKeysRow`]; `None` without keys. Its row
    /// version also counts changes that keep both.
    pub keys: Option<(u32, u32)>,
    /// An API key of the user.
    pub key_id: KeyId,
    /// The version of its [`ApiKeyRow`].
    pub key_version: u64,
}

/// A new version of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutValue {
    /// What must be stored under the name.
    pub expected: Expect,
    /// The value's row; `current_version` is the version being written.
    pub row: ValueRow,
    /// The new version: 1 for a new name, otherwise one higher than the current one.
    pub version_row: ValueVersionRow,
    /// The data key, wrapped to each reader; one per recipient.
    pub wraps: Vec<WrapRow>,
    /// How many versions stay, this one included; at least 1. Older ones are erased with their
    /// wraps and boxes.
    pub versions_kept: u32,
}

/// What a [`PutValue`] expects under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing. A soft-deleted or expired value is not nothing: expect its row version.
    Absent,
    /// The same record with this row version.
    Version(u64),
}

/// What a commit did, beyond what it was told to do. Durable when it is returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// Old versions of values that [`PutValue::versions_kept`] erased.
    pub versions_erased: u64,
    /// Account boxes stored; the others had lost their wrap.
    pub account_boxes_stored: u64,
    /// Boxes of aliases stored; the others had lost their share.
    pub alias_boxes_stored: u64,
    /// Tokens that a [`TokenChange`] erased.
    pub tokens_erased: u64,
}

impl ChangeSet {
    /// A change set without changes and audit entries; committing it is [`StoreError::Invalid`].
    pub const fn new() -> Self {
        Self {
            changes: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// Only audit entries.
    pub const fn of_audit(audit: Vec<AuditEntry>) -> Self {
        Self {
            changes: Vec::new(),
            audit,
        }
    }

    /// Adds a change after the others.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds a change after the others.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Adds an audit entry after the others. It is committed with the changes or not at all.
    #[must_use]
    pub fn with_audit(mut self, entry: AuditEntry) -> Self {
        self.audit.push(entry);
        self
    }

    /// Adds an audit entry after the others.
    pub fn push_audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// The audit entries, in their order.
    pub fn audit(&self) -> &[AuditEntry] {
        &self.audit
    }

    /// The changes, in the order they apply.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Checks all that can be checked without looking at stored rows: bounds, versions, and that
    /// rows that belong together say so. Every backend calls it first. Returns the bytes that the
    /// rows take, roughly, for queues bounded in bytes.
    pub fn check(&self) -> Result<usize, StoreError> {
        check::change_set(self)
    }
}

impl From<Change> for ChangeSet {
    fn from(change: Change) -> Self {
        Self::new().with(change)
    }
}

impl FromIterator<Change> for ChangeSet {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self {
            changes: changes.into_iter().collect(),
            audit: Vec::new(),
        }
    }
}
