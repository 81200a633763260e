//! Changes users, shuts them out, removes them.
//!
//! Promise: an organisation keeps an admin who is not disabled, also when its admins act against
//! each other at once; whoever is disabled, removed or given another role loses every token in
//! the same step, and their API keys are judged anew on the next request.

use vault_store::rows::UserRow;
use vault_store::{Change, ChangeSet, OrgId, TokenChange, UserId};

use super::User;
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::value_name::check_display_name;

/// What shall change; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserPatch<'a> {
    /// The display name.
    pub name: Option<&'a str>,
    /// Whether the user administers the organisation.
    pub is_admin: Option<bool>,
    /// Whether the user is shut out.
    pub disabled: Option<bool>,
}

impl UserPatch<'_> {
    fn applied_to(&self, row: &UserRow) -> UserRow {
        UserRow {
            name: self.name.map_or_else(|| row.name.clone(), str::to_owned),
            is_admin: self.is_admin.unwrap_or(row.is_admin),
            disabled: self.disabled.unwrap_or(row.disabled),
            ..row.clone()
        }
    }
}

impl Vault {
    /// Changes a user.
    ///
    /// # Errors
    /// `Forbidden` for everybody but admins of the organisation; `OutOfScope` for a limited API key
    /// that makes an admin or enables a user; `NotFound`; `Invalid` for an unusable name; `LastAdmin`; `Conflict` when others were faster many times.
    pub async fn patch_user(
        &self,
        caller: &Principal,
        org_id: OrgId,
        user_id: UserId,
        patch: UserPatch<'_>,
    ) -> Result<User, VaultError> {
        access::admin(caller, org_id)?;
        if patch.is_admin == Some(true) || patch.disabled == Some(false) {
            // What is given here outlives the caller's own key.
            access::unlimited(caller)?;
        }
        self.judge_again(caller).await?;
        if let Some(name) = patch.name {
            check_display_name(name)?;
        }
        let whose = Member { org_id, user_id };
        let attempt = || self.try_patch_user(whose, patch);
        self.turns.retry(whose, attempt).await?;
        self.user_with_keys(whose).await
    }

    /// Erases a user with everything that is the user's. Shares with others end.
    ///
    /// # Errors
    /// As [`Vault::patch_user`].
    pub async fn remove_user(
        &self,
        caller: &Principal,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<(), VaultError> {
        access::admin(caller, org_id)?;
        self.judge_again(caller).await?;
        let whose = Member { org_id, user_id };
        let attempt = || self.try_remove_user(whose);
        self.turns.retry(whose, attempt).await
    }

    async fn try_patch_user(&self, whose: Member, patch: UserPatch<'_>) -> Result<(), VaultError> {
        let row = self.user_row(whose).await?;
        let patched = patch.applied_to(&row);
        if patched == row {
            return Ok(());
        }
        let loses_tokens = (patched.disabled && !row.disabled) || patched.is_admin != row.is_admin;
        let needs_successor = is_acting_admin(&row) && !is_acting_admin(&patched);
        let mut changes = ChangeSet::from(Change::ReplaceUser {
            expected_version: row.version,
            row: self.integrity.sign(UserRow {
                version: row.version + 1,
                ..patched
            }),
        });
        if needs_successor {
            changes.push(expect_successor(whose));
        }
        if loses_tokens {
            changes.push(Change::Token(TokenChange::DeleteAll {
                org_id: whose.org_id,
                user_id: whose.user_id,
            }));
        }
        self.commit(changes).await?;
        Ok(())
    }

    async fn try_remove_user(&self, whose: Member) -> Result<(), VaultError> {
        let row = self.user_row(whose).await?;
        let mut changes = ChangeSet::from(Change::RemoveUser {
            org_id: whose.org_id,
            user_id: whose.user_id,
            expected_version: row.version,
        });
        if is_acting_admin(&row) {
            changes.push(expect_successor(whose));
        }
        self.commit(changes).await?;
        Ok(())
    }
}

fn is_acting_admin(row: &UserRow) -> bool {
    row.is_admin && !row.disabled
}

fn expect_successor(whose: Member) -> Change {
    Change::ExpectOtherAdmin {
        org_id: whose.org_id,
        user_id: whose.user_id,
    }
}
