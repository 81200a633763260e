//! Whether a user, the user's keys and an API key are as they were read.

use rusqlite::Connection;

use super::one;
use crate::change_set::Standing;
use crate::error::{StoreError, conflict};
use crate::rows::ApiKeyOwner;
use crate::sqlite::{api_keys, keys};

pub(in crate::sqlite) fn expect_standing(
    db: &Connection,
    standing: &Standing,
) -> Result<(), StoreError> {
    let (org_id, user_id) = (standing.org_id, standing.user_id);
    let user = one(db, org_id, user_id)?.map(|row| row.version);
    require(user == Some(standing.user_version), conflict::USER)?;
    let keys = keys::state(db, org_id, user_id)?;
    require(keys == standing.keys, conflict::USER_KEYS)?;
    let key = api_keys::one(db, standing.key_id)?.map(|found| (found.key.owner, found.key.version));
    let owner = ApiKeyOwner::User { org_id, user_id };
    require(
        key == Some((owner, standing.key_version)),
        conflict::API_KEY,
    )
}

fn require(holds: bool, what: &'static str) -> Result<(), StoreError> {
    if holds {
        Ok(())
    } else {
        Err(StoreError::conflict(what))
    }
}
