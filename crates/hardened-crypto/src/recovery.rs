//! Recovery: how a user's private keys survive the loss of the secret that protects them.
//!
//! In: the private keys while they can be opened, and the public keys of trustees. Out: an
//! envelope for the owner's side, and one wrapped share for each trustee. Later: shares that
//! trustees unwrapped in, the private keys out, and a staged restore for the owner to accept.
//!
//! ```text
//! random recovery key ──boxes──▶ private keys, account key          (envelope)
//!          └──split k of n, or whole──▶ [answer mask] ──HPKE──▶ trustees   (wrapped shares)
//! ```
//!
//! Promise: private keys are never split or masked themselves. Fewer than `k` trustees learn
//! nothing. Shares, envelopes and wraps of one set are useless in another; a restore
//! replaces nothing until a secret opens it and it holds the very keys whose public half is
//! stored.
//!
//! What to know before choosing: a lone trustee who can read the database recovers whenever
//! he likes, so `k >= 2` is the better default. A trustee who holds a masked share can guess
//! the answer: the mask is a delay, not a lock (see [`Answer`]).
//!
//! Not here: waiting times, notices, vetoes, and which set is the current one (the server).
//!
//! # Example
//!
//! ```
//! use hardened_crypto::{
//!     ids::{OrgId, RecoverySetId, UserId},
//!     key_pair::PrivateKeys,
//!     recovery::{self, RecoveryKey, RecoverySet, Split, TrusteeContext, WrappedShare},
//! };
//!
//! let set = RecoverySet {
//!     org: OrgId([1; 16]),
//!     owner: UserId([2; 16]),
//!     set: RecoverySetId([3; 16]),
//!     version: 1,
//! };
//! let lost = PrivateKeys::make()?;
//! let trustees = [PrivateKeys::make()?, PrivateKeys::make()?, PrivateKeys::make()?];
//! let place = |number: u8| TrusteeContext {
//!     set,
//!     trustee: UserId([10 + number; 16]),
//!     trustee_generation: 1,
//! };
//!
//! // The owner, while all is well: any two of three.
//! let key = RecoveryKey::make()?;
//! let envelope = recovery::seal_private_keys(&key, &set, 1, &lost)?;
//! let shares = key.split(&set, Split::new(2, 3)?)?;
//! let mut wrapped = Vec::new();
//! for (number, share) in (0..).zip(&shares) {
//!     let to = trustees[usize::from(number)].public();
//!     wrapped.push(WrappedShare::wrap(share, to, &place(number))?);
//! }
//!
//! // Two trustees, when it is needed.
//! let shares = [
//!     wrapped[0].unwrap(&trustees[0], &place(0))?,
//!     wrapped[2].unwrap(&trustees[2], &place(2))?,
//! ];
//! let key = RecoveryKey::combine(&set, &shares)?;
//! let restored = recovery::open_private_keys(&key, &set, 1, lost.public(), &envelope)?;
//! assert_eq!(restored.public().fingerprint(), lost.public().fingerprint());
//! # Ok::<(), hardened_crypto::Error>(())
//! ```

mod envelope;
mod mask;
mod recovery_key;
mod recovery_share;
mod shamir;
mod staged_restore;
mod trustee;

pub use envelope::{open_account_key, open_private_keys, seal_account_key, seal_private_keys};
pub use mask::{ANSWER_BYTES_MAX, Answer, MASK_SALT_BYTES, MaskSalt};
pub use recovery_key::{RecoveryKey, SHARES_MAX, SHARES_MIN, Split};
pub use recovery_share::{RecoveryShare, SHARE_TEXT_CHARS};
pub use staged_restore::{OpenedRestore, RESTORED_KEY_PAIRS_MAX, StagedRestore, StoredIdentity};
pub use trustee::{TrusteeContext, WRAPPED_SHARE_BYTES, WrappedShare};

use crate::{
    context::Context,
    ids::{OrgId, RecoverySetId, UserId},
};

/// One set of recovery shares and whose it is; part of every context below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecoverySet {
    /// Organisation of owner and trustees.
    pub org: OrgId,
    /// Whose keys are recovered.
    pub owner: UserId,
    /// The set. A new one makes the older ones useless.
    pub set: RecoverySetId,
    /// Counts the owner's sets, from 1.
    pub version: u32,
}

impl RecoverySet {
    fn bind(&self, context: Context) -> Context {
        context
            .bytes(&self.org.0)
            .bytes(&self.owner.0)
            .bytes(&self.set.0)
            .u32(self.version)
    }
}

#[cfg(test)]
#[path = "recovery/tests.rs"]
mod tests;
