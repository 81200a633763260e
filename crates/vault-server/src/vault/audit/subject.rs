//! What a change set is about, as an entry tells it.
//!
//! In: changes. Out: the first object that they make, replace or erase, and its new version, and
//! the API keys and shares that they end beside it: with these a row that was put back from an
//! older time contradicts its chain.

use uuid::Uuid;
use vault_store::{
    Change, ChangeSet, CredentialChange, FileChange, OrgId, RecoveryChange, ShareChange,
    TokenChange,
};

/// An API key that was erased beside what the entry is about.
pub(crate) const ENDED_KEY: &str = "ended-key";
/// An API key that was given an end, beside what the entry is about.
pub(crate) const LIMITED_KEY: &str = "limited-key";
/// A share that was erased beside what the entry is about.
pub(crate) const ENDED_SHARE: &str = "ended-share";

/// One object.
pub(super) struct Subject {
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) version: Option<u64>,
    /// The organisation that the change makes.
    pub(super) new_org: Option<OrgId>,
}

impl Subject {
    fn new(kind: &'static str, id: impl Into<Uuid>, version: Option<u64>) -> Self {
        Self {
            kind,
            id: id.into().to_string(),
            version,
            new_org: None,
        }
    }

    pub(super) fn of(changes: &ChangeSet) -> Option<Self> {
        changes.changes().iter().find_map(of_change)
    }
}

/// What ends beside the subject, as kind and id.
pub(super) fn ended_beside(changes: &ChangeSet) -> impl Iterator<Item = (&'static str, String)> {
    changes.changes().iter().skip(1).filter_map(ended)
}

fn ended(change: &Change) -> Option<(&'static str, String)> {
    match change {
        Change::DeleteApiKey { key_id, .. } => Some((ENDED_KEY, key_id.to_string())),
        Change::ReplaceApiKey { row, .. } => Some((LIMITED_KEY, row.key_id.to_string())),
        Change::Share(ShareChange::Delete { share_id, .. }) => {
            Some((ENDED_SHARE, share_id.to_string()))
        }
        _ => None,
    }
}

fn of_change(change: &Change) -> Option<Subject> {
    let subject = match change {
        Change::InsertOrg(row) => Subject {
            new_org: Some(row.org_id),
            ..Subject::new("org", row.org_id, Some(row.version))
        },
        Change::ReplaceOrg { row, .. } => Subject::new("org", row.org_id, Some(row.version)),
        Change::InsertUser(row) | Change::ReplaceUser { row, .. } => {
            Subject::new("user", row.user_id, Some(row.version))
        }
        Change::RemoveUser { user_id, .. } => Subject::new("user", *user_id, None),
        Change::InsertUserKeys { keys, .. } | Change::ReplaceUserKeys { keys, .. } => {
            Subject::new("keys", keys.user_id, Some(keys.version))
        }
        Change::PutValue(put) | Change::PutSharedValue { put, .. } => {
            Subject::new("value", put.row.record_id, Some(put.row.current_version))
        }
        Change::ReplaceValue { row, .. } => {
            Subject::new("value", row.record_id, Some(row.current_version))
        }
        Change::DestroyValue { record_id, .. } => Subject::new("value", *record_id, None),
        Change::InsertApiKey(row) | Change::ReplaceApiKey { row, .. } => Subject {
            kind: "key",
            id: row.key_id.to_string(),
            version: Some(row.version),
            new_org: None,
        },
        Change::DeleteApiKey { key_id, .. } => Subject {
            kind: "key",
            id: key_id.to_string(),
            version: None,
            new_org: None,
        },
        Change::Share(change) => of_share(change)?,
        Change::Credential(change) => of_credential(change),
        Change::File(change) => of_file(change)?,
        Change::Token(change) => of_token(change)?,
        Change::Recovery(change) => of_recovery(change)?,
        _ => return None,
    };
    Some(subject)
}

fn of_share(change: &ShareChange) -> Option<Subject> {
    match change {
        ShareChange::Insert { row, .. } | ShareChange::Replace { row, .. } => {
            Some(Subject::new("share", row.share_id, Some(row.version)))
        }
        ShareChange::Delete { share_id, .. } => Some(Subject::new("share", *share_id, None)),
        _ => None,
    }
}

fn of_credential(change: &CredentialChange) -> Subject {
    match change {
        CredentialChange::Insert { row, .. }
        | CredentialChange::PutVersion { row, .. }
        | CredentialChange::Replace { row, .. } => {
            Subject::new("credential", row.credential_id, Some(row.version))
        }
        CredentialChange::Delete { credential_id, .. } => {
            Subject::new("credential", *credential_id, None)
        }
        _ => Subject::new("credential", Uuid::nil(), None),
    }
}

fn of_file(change: &FileChange) -> Option<Subject> {
    match change {
        FileChange::Insert { row, .. } | FileChange::ReplaceBody { row, .. } => {
            Some(Subject::new("file", row.file_id, Some(row.version)))
        }
        FileChange::Delete { file_id, .. } => Some(Subject::new("file", *file_id, None)),
        _ => None,
    }
}

fn of_token(change: &TokenChange) -> Option<Subject> {
    match change {
        TokenChange::Insert(row) => Some(Subject::new("token", row.token_id, Some(row.version))),
        TokenChange::DeleteAll { user_id, .. } => Some(Subject::new("user", *user_id, None)),
        _ => None,
    }
}

fn of_recovery(change: &RecoveryChange) -> Option<Subject> {
    Some(match change {
        RecoveryChange::InsertTrustee(row) | RecoveryChange::ReplaceTrustee { row, .. } => {
            Subject::new("trustee", row.trustee, Some(row.version))
        }
        RecoveryChange::DeleteTrustee { trustee, .. } => Subject::new("trustee", *trustee, None),
        RecoveryChange::InsertRestore(row) | RecoveryChange::ReplaceRestore { row, .. } => {
            Subject::new("restore", row.restore_id, Some(row.version))
        }
        RecoveryChange::DeleteRestore { restore_id, .. } => {
            Subject::new("restore", *restore_id, None)
        }
        _ => return None,
    })
}
