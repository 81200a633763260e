//! Removes a user from every table in memory.

use super::Tables;
use super::apply::{Applied, require};
use crate::error::conflict;
use crate::ids::{OrgId, UserId};
use crate::rows::ApiKeyOwner;

impl Tables {
    pub(super) fn expect_other_admin(&self, org_id: OrgId, user_id: UserId) -> Applied {
        let other = self.users.values().any(|user| {
            user.org_id == org_id && user.user_id != user_id && user.is_admin && !user.disabled
        });
        require(other, conflict::LAST_ADMIN)
    }

    pub(super) fn remove_user(&mut self, org_id: OrgId, user_id: UserId, expected: u64) -> Applied {
        let place = (org_id, user_id);
        let stored = self.users.get(&place).map(|row| row.version);
        require(stored == Some(expected), conflict::USER)?;
        self.erase_records_of(org_id, user_id);
        let inbound: Vec<_> = self
            .shares
            .values()
            .filter(|share| share.recipient == user_id)
            .map(|share| share.share_id)
            .collect();
        for share_id in inbound {
            self.erase_share(share_id);
        }
        self.wraps.retain(|place, _| place.2 != user_id);
        self.account_boxes.retain(|place, _| place.2 != user_id);
        self.erase_tokens_of(org_id, user_id);
        self.erase_recovery_of(org_id, user_id);
        let owner = ApiKeyOwner::User { org_id, user_id };
        let keys = self.api_keys.values().filter(|key| key.owner == owner);
        for key_id in keys.map(|key| key.key_id).collect::<Vec<_>>() {
            self.erase_api_key(key_id);
        }
        self.user_keys.remove(&place);
        self.key_pairs
            .retain(|place, _| (place.0, place.1) != (org_id, user_id));
        self.users.remove(&place);
        Ok(())
    }

    fn erase_records_of(&mut self, org_id: OrgId, owner: UserId) {
        let values = self.values.values();
        let values = values.filter(|row| (row.org_id, row.owner) == (org_id, owner));
        for record_id in values.map(|row| row.record_id).collect::<Vec<_>>() {
            self.erase_value(record_id);
        }
        let files = self.files.values();
        let files = files.filter(|row| (row.org_id, row.owner) == (org_id, owner));
        for file_id in files.map(|row| row.file_id).collect::<Vec<_>>() {
            self.erase_file(file_id);
        }
        let credentials = self.credentials.values();
        let credentials = credentials.filter(|row| (row.org_id, row.owner) == (org_id, owner));
        for id in credentials.map(|row| row.credential_id).collect::<Vec<_>>() {
            self.erase_credential(id);
        }
    }
}
