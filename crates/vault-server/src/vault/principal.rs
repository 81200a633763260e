//! Who is calling, once a key has been recognised.

use std::sync::Arc;

use vault_store::{KeyId, OrgId, UserId, UtcMillis};

use super::scope::KeyScope;
use super::tokens::Grant;

/// The owner of an API key or access token, as established by an [`Authenticator`](crate::layers::Authenticator).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Public id of the API key or access token, not the key itself.
    pub key_id: KeyId,
    /// What its owner may do.
    pub role: Role,
    /// What the key may do, if that is less.
    pub scope: Option<Arc<KeyScope>>,
    /// When the key ends, if ever.
    pub expires: Option<UtcMillis>,
    /// What an access token is confined to; `None` for an API key.
    pub grant: Option<Grant>,
}

/// The two kinds of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The key of the first start: creates organisations and their first admin.
    Root,
    /// One user of one organisation.
    User {
        /// The organisation.
        org_id: OrgId,
        /// The user inside it.
        user_id: UserId,
        /// May administer the organisation's users and keys.
        is_admin: bool,
    },
}

impl Principal {
    /// The owner of a key without a scope that does not end.
    #[must_use]
    pub fn unlimited(key_id: KeyId, role: Role) -> Self {
        Self {
            key_id,
            role,
            scope: None,
            expires: None,
            grant: None,
        }
    }

    /// Whether the key reaches the value of this name, as far as its scope goes.
    #[must_use]
    pub fn reaches_name(&self, name: &str) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|scope| scope.permits_name(name))
    }

    /// The caller's organisation; the root key belongs to none.
    #[must_use]
    pub fn org_id(&self) -> Option<OrgId> {
        match self.role {
            Role::Root => None,
            Role::User { org_id, .. } => Some(org_id),
        }
    }
}
