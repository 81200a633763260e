//! Who may do what: decided before anything is looked up or opened.

use hardened_crypto::user_secret::SecretOwner;
use vault_store::{OrgId, UserId};

use super::error::VaultError;
use super::principal::{Principal, Role};

/// A user of an organisation, as opposed to root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) org_id: OrgId,
    pub(crate) user_id: UserId,
}

impl Member {
    /// The same ids, as the cryptography binds them.
    pub(crate) fn owner(self) -> SecretOwner {
        SecretOwner {
            org: (*self.org_id.as_bytes()).into(),
            user: (*self.user_id.as_bytes()).into(),
        }
    }
}

/// The caller's role. A token has none: it reaches what it was granted, and only use cases that
/// ask for its grant serve it.
fn role(caller: &Principal) -> Result<&Role, VaultError> {
    match &caller.grant {
        None => Ok(&caller.role),
        Some(_) => Err(VaultError::Forbidden),
    }
}

/// The caller as a user. Root has no keys and no values, and reads none.
pub(crate) fn member(caller: &Principal) -> Result<Member, VaultError> {
    match *role(caller)? {
        Role::User {
            org_id, user_id, ..
        } => Ok(Member { org_id, user_id }),
        Role::Root => Err(VaultError::Forbidden),
    }
}

/// Only root.
pub(crate) fn root(caller: &Principal) -> Result<(), VaultError> {
    match role(caller)? {
        Role::Root => Ok(()),
        Role::User { .. } => Err(VaultError::Forbidden),
    }
}

/// An admin of this organisation. Root makes first admins and changes nobody.
pub(crate) fn admin(caller: &Principal, of: OrgId) -> Result<(), VaultError> {
    match administrator(caller, of)? {
        Administers::AsAdmin => Ok(()),
        Administers::AsRoot => Err(VaultError::Forbidden),
    }
}

/// A key that could be made anew as it is: handing out a full API key is for those that have one.
pub(crate) fn unlimited(caller: &Principal) -> Result<(), VaultError> {
    if caller.scope.is_none() && caller.expires.is_none() {
        Ok(())
    } else {
        Err(VaultError::OutOfScope)
    }
}

/// How a caller administers one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Administers {
    AsRoot,
    AsAdmin,
}

/// Root, or an admin of this organisation. To users of others it does not exist.
pub(crate) fn administrator(caller: &Principal, of: OrgId) -> Result<Administers, VaultError> {
    match *role(caller)? {
        Role::Root => Ok(Administers::AsRoot),
        Role::User { org_id, .. } if org_id != of => Err(VaultError::NotFound),
        Role::User { is_admin: true, .. } => Ok(Administers::AsAdmin),
        Role::User { .. } => Err(VaultError::Forbidden),
    }
}
