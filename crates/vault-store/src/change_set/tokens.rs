//! Changes to access tokens.

use crate::ids::{KeyId, OrgId, UserId, UtcMillis};
use crate::rows::TokenRow;

/// One change to tokens. How many were erased is in [`Committed`](crate::Committed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenChange {
    /// Adds a token of an existing user.
    Insert(TokenRow),
    /// Erases a token of a user.
    Delete {
        /// The user's organisation.
        org_id: OrgId,
        /// Whose token.
        user_id: UserId,
        /// Which token.
        key_id: KeyId,
    },
    /// Erases all tokens of a user; there may be none.
    DeleteAll {
        /// The user's organisation.
        org_id: OrgId,
        /// Whose tokens.
        user_id: UserId,
    },
    /// Erases tokens that are expired at `now`, the oldest expiry first; there may be none.
    SweepExpired {
        /// The time.
        now: UtcMillis,
        /// How many at most, 1 to [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX); more is cut
        /// to that.
        limit: u32,
    },
}
