//! Holds the rows of a database against what its audit log tells of them.
//!
//! In: the links of a whole chain, and then the rows, both of one moment. Out: every row that is
//! older than its log, or there although it was erased: a genuine row of an earlier day that was
//! put back. Not here: rows that are missing, and whether a row is genuine at all, which its MAC
//! tells the server.

use std::collections::BTreeMap;

use hardened_crypto::audit_chain::ChainLink;
use uuid::Uuid;
use vault_store::rows::FIRST_VERSION;
use vault_store::{KeyId, OrgId, RowOf, StoredVersion};

use super::source::{AuditSource, SourceError};
use crate::vault::audit::{ENDED_KEY, ENDED_SHARE, LIMITED_KEY};

/// Rows that are named, of one chain.
pub const OLD_ROWS_MAX: usize = 1_000;

const OK: &str = "ok";
const VALUE: &str = "value";
const FILE: &str = "file";
const CREDENTIAL: &str = "credential";
const SHARE: &str = "share";
const USER: &str = "user";
const KEYS: &str = "keys";
const KEY: &str = "key";
const TOKEN: &str = "token";

/// What an action does to its row.
#[derive(Clone, Copy)]
enum Does {
    Write,
    /// Writes when a version is told.
    WriteIfTold,
    /// Hides a value, or erases it when no version is told.
    Delete,
    Erase,
}

/// Actions, the kinds of the objects that they change, and how. The version of an entry is that
/// of the written one.
const ACTIONS: &[(&str, &str, Does)] = &[
    ("kv.write", VALUE, Does::Write),
    ("kv.rollback", VALUE, Does::Write),
    ("kv.undelete", VALUE, Does::Write),
    ("kv.delete", VALUE, Does::Delete),
    ("file.create", FILE, Does::Write),
    ("file.delete", FILE, Does::Erase),
    ("credential.create", CREDENTIAL, Does::Write),
    ("credential.change", CREDENTIAL, Does::Write),
    ("credential.rotate", CREDENTIAL, Does::Write),
    ("credential.rollback", CREDENTIAL, Does::Write),
    ("credential.delete", CREDENTIAL, Does::Erase),
    ("share.create", SHARE, Does::Write),
    ("share.revoke", SHARE, Does::Erase),
    // With a new data key: the only one whose entry tells a version.
    ("share.revoke", VALUE, Does::WriteIfTold),
    ("share.revoke", FILE, Does::WriteIfTold),
    ("share.leave", SHARE, Does::Erase),
    ("user.create", USER, Does::Write),
    ("user.change", USER, Does::Write),
    ("user.remove", USER, Does::Erase),
    ("keys.generate", KEYS, Does::Write),
    ("keys.rekey", KEYS, Does::Write),
    ("keys.rotate", KEYS, Does::Write),
    ("keys.strengthen", KEYS, Does::Write),
    ("recovery.activate", KEYS, Does::Write),
    ("key.create", KEY, Does::Write),
    ("key.rotate", KEY, Does::Write),
    ("key.erase", KEY, Does::Erase),
    ("token.create", TOKEN, Does::Write),
    ("token.revoke", TOKEN, Does::Erase),
];

/// A row that contradicts the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} is an older row than entry {entry} tells of")]
pub struct OldRow {
    /// The object, as `kind:id`.
    pub object: String,
    /// The entry that knows better.
    pub entry: u64,
}

/// What the log tells of one object.
#[derive(Clone, Copy)]
struct Told {
    version: u64,
    state: State,
    entry: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    There,
    Hidden,
    Erased,
}

/// What the log of one organisation tells, gathered link by link.
#[derive(Default)]
pub(super) struct ToldRows(BTreeMap<String, Told>);

impl ToldRows {
    /// Takes up the next link.
    pub(super) fn note(&mut self, link: &ChainLink) {
        let event = &link.entry.event;
        if event.outcome.as_str() != OK {
            return;
        }
        let action = event.action.as_str();
        for (_, kind, does) in ACTIONS.iter().filter(|known| known.0 == action) {
            self.note_action(link, kind, *does);
        }
        for (kind, id) in event.target.as_str().split(' ').filter_map(kind_and_id) {
            match kind {
                ENDED_KEY => self.note_end(KEY, id, link),
                ENDED_SHARE => self.note_end(SHARE, id, link),
                LIMITED_KEY => self.note_limit(id, link),
                _ => {}
            }
        }
    }

    /// What the action does to the one object of this kind.
    fn note_action(&mut self, link: &ChainLink, kind: &str, does: Does) {
        let event = &link.entry.event;
        let items = event.target.as_str().split(' ');
        let mut of_kind = items.filter(|item| kind_and_id(item).is_some_and(|one| one.0 == kind));
        let (Some(object), None) = (of_kind.next(), of_kind.next()) else {
            return;
        };
        let state = match (does, event.new_version) {
            (Does::WriteIfTold, None) => return,
            (Does::Write | Does::WriteIfTold, _) => State::There,
            (Does::Delete, Some(_)) => State::Hidden,
            (Does::Delete, None) | (Does::Erase, _) => State::Erased,
        };
        let known = self.version(object);
        let told = Told {
            version: known.max(event.new_version.unwrap_or(0)),
            state,
            entry: link.entry.sequence,
        };
        self.0.insert(object.to_owned(), told);
    }

    /// An object that was erased beside what the entry is about.
    fn note_end(&mut self, kind: &str, id: &str, link: &ChainLink) {
        let object = format!("{kind}:{id}");
        let told = Told {
            version: self.version(&object),
            state: State::Erased,
            entry: link.entry.sequence,
        };
        self.0.insert(object, told);
    }

    /// An API key that was given an end: its row counts up by one each time.
    fn note_limit(&mut self, id: &str, link: &ChainLink) {
        let object = format!("{KEY}:{id}");
        let known = self.0.get(&object);
        if known.is_some_and(|told| told.state == State::Erased) {
            return;
        }
        let told = Told {
            version: self.version(&object).max(FIRST_VERSION) + 1,
            state: State::There,
            entry: link.entry.sequence,
        };
        self.0.insert(object, told);
    }

    /// The newest version that is told of.
    fn version(&self, object: &str) -> u64 {
        self.0.get(object).map_or(0, |told| told.version)
    }

    /// The first [`OLD_ROWS_MAX`] rows that are older than the log.
    pub(super) fn compare(
        &self,
        source: &dyn AuditSource,
        org_id: OrgId,
    ) -> Result<Vec<OldRow>, SourceError> {
        let mut old = Vec::new();
        for (object, told) in &self.0 {
            let Some(row) = row_of(org_id, object) else {
                continue;
            };
            if source
                .row(row)?
                .is_some_and(|stored| told.contradicts(stored))
            {
                old.push(OldRow {
                    object: object.clone(),
                    entry: told.entry,
                });
            }
            if old.len() == OLD_ROWS_MAX {
                break;
            }
        }
        Ok(old)
    }
}

impl Told {
    fn contradicts(self, stored: StoredVersion) -> bool {
        let shown_again = self.state == State::Hidden && !stored.hidden;
        self.state == State::Erased || shown_again || stored.version < self.version
    }
}

fn kind_and_id(item: &str) -> Option<(&str, &str)> {
    item.split_once(':')
}

fn row_of(org_id: OrgId, object: &str) -> Option<RowOf> {
    let (kind, id) = kind_and_id(object)?;
    if kind == KEY {
        return KeyId::parse(id).map(RowOf::ApiKey);
    }
    let id = Uuid::try_parse(id).ok()?;
    Some(match kind {
        VALUE => RowOf::Value(id.into()),
        FILE => RowOf::File(id.into()),
        CREDENTIAL => RowOf::Credential(id.into()),
        SHARE => RowOf::Share(id.into()),
        USER => RowOf::User(id.into()),
        KEYS => RowOf::Keys(org_id, id.into()),
        TOKEN => RowOf::Token(id.into()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::ACTIONS;
    use crate::api::actions;

    /// Calls that are not reads and change no row that is held against the log: they change
    /// nothing, make an organisation, or are about trustees and restores.
    const OTHERS: [&str; 7] = [
        "kv.read_many",
        "proxy.explain",
        "org.create",
        "recovery.entrust",
        "recovery.withdraw",
        "recovery.restore",
        "recovery.veto",
    ];

    #[test]
    fn every_call_that_changes_rows_is_known() {
        let calls = actions::ACTIONS.iter().filter(|call| call.0 != "GET");
        for (method, path, action) in calls {
            let is_known = ACTIONS.iter().any(|known| known.0 == *action);
            assert!(
                is_known != OTHERS.contains(action),
                "{method} {path} is {action}"
            );
        }
    }

    #[test]
    fn every_action_is_one_of_a_call_or_of_the_server() {
        for (action, ..) in ACTIONS {
            let is_call = actions::ACTIONS.iter().any(|call| call.2 == *action);
            assert!(is_call || *action == "keys.strengthen", "{action}");
        }
    }
}
