//! Use cases: a principal and typed input in, typed output out. No HTTP here.
//!
//! In: a [`Principal`](principal::Principal), checked input, and what a [`Vault`] was made of:
//! a store, the root keys, a pool for password hashes, a clock, limits. Out: rows committed
//! whole or not at all, and values in the clear for whoever holds their secret.
//!
//! Promise: authorise before decrypting, cheap checks before dear ones; every row is
//! authenticated before it is believed; errors hold no input.
//! Not here: JSON, header names, status codes (`api`, `problem`).

mod access;
pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod authentication;
pub mod bootstrap;
pub mod clock;
mod commit;
pub mod credentials;
pub mod error;
pub mod files;
mod hash_shares;
pub mod housekeeping;
mod key_uses;
pub mod keys;
pub mod limits;
pub mod opened_bytes;
pub mod orgs;
pub mod principal;
pub mod records;
pub mod recovery;
pub mod row_integrity;
pub mod scope;
pub mod shares;
mod snapshot;
pub mod tokens;
mod turns;
mod unlock;
pub mod users;
pub mod value_name;
pub mod values;

use std::fmt;
use std::sync::Arc;

use hardened_crypto::argon2_pool::Argon2Pool;
use hardened_crypto::root_key::RootKeyring;
use tokio::sync::Semaphore;
use vault_store::{BlobStore, KeyId, RecordId, Store};

use self::access::Member;
use self::attempts::AttemptLimiter;
use self::audit::AuditLog;
use self::authentication::KnownKey;
use self::clock::Clock;
use self::credentials::KnownCredential;
use self::files::Transfers;
use self::hash_shares::HashShares;
use self::key_uses::KeyUses;
use self::keys::Strengthening;
use self::limits::{
    API_KEYS_KEPT_MAX, CREDENTIALS_KEPT_MAX, DOWNLOADS, FILE_REKEYS, TOKENS_KEPT_MAX, UPLOADS,
    VaultLimits, WRONG_SECRET_USERS_MAX,
};
use self::opened_bytes::OpenedBytes;
use self::row_integrity::RowIntegrity;
use self::snapshot::{Age, Epoch, Snapshot};
use self::tokens::KnownToken;
use self::turns::Turns;
use self::unlock::WrongSecrets;

/// Account boxes being stored at once; further ones are left for the next opening.
const BOX_WRITES_MAX: usize = 64;

/// What a [`Vault`] works with.
pub struct VaultParts {
    /// Where rows are kept.
    pub store: Arc<dyn Store>,
    /// Where bodies of files are kept.
    pub blobs: Arc<dyn BlobStore>,
    /// Signs rows and hashes API keys.
    pub root_keys: Arc<RootKeyring>,
    /// Hashes passphrases.
    pub argon2: Arc<Argon2Pool>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Records calls. Over the same store.
    pub audit: Arc<AuditLog>,
    /// Bounds; see [`VaultLimits::out_of_range`].
    pub limits: VaultLimits,
}

/// The use cases over one store.
pub struct Vault {
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
    uploads: Arc<Transfers>,
    file_rekeys: Arc<Transfers>,
    downloads: Arc<Transfers>,
    root_keys: Arc<RootKeyring>,
    integrity: RowIntegrity,
    argon2: Arc<Argon2Pool>,
    clock: Arc<dyn Clock>,
    audit: Arc<AuditLog>,
    limits: VaultLimits,
    wrong_secrets: Arc<WrongSecrets>,
    wrong_passphrases: Arc<WrongSecrets>,
    turns: Turns,
    box_writes: Arc<Semaphore>,
    epoch: Arc<Epoch>,
    known_keys: Snapshot<KeyId, KnownKey>,
    known_tokens: Snapshot<KeyId, KnownToken>,
    known_credentials: Snapshot<(Member, RecordId), KnownCredential>,
    key_uses: KeyUses,
    hash_shares: HashShares,
    strengthening: Arc<Strengthening>,
    opened_bytes: OpenedBytes,
}

impl Vault {
    /// A vault over `parts`.
    #[must_use]
    pub fn new(parts: VaultParts) -> Self {
        let limiter = || {
            Arc::new(AttemptLimiter::new(
                parts.limits.wrong_secrets_max,
                parts.limits.wrong_secret_recovery,
                WRONG_SECRET_USERS_MAX,
            ))
        };
        let hash_shares = HashShares::new(parts.limits.hash_pool());
        let opened_bytes = OpenedBytes::new(parts.limits.opened_bytes_max);
        let (wrong_secrets, wrong_passphrases) = (limiter(), limiter());
        Self {
            integrity: RowIntegrity::new(Arc::clone(&parts.root_keys)),
            store: parts.store,
            blobs: parts.blobs,
            uploads: Transfers::new(UPLOADS),
            file_rekeys: Transfers::new(FILE_REKEYS),
            downloads: Transfers::new(DOWNLOADS),
            root_keys: parts.root_keys,
            argon2: parts.argon2,
            clock: parts.clock,
            audit: parts.audit,
            limits: parts.limits,
            wrong_secrets,
            wrong_passphrases,
            turns: Turns::new(),
            box_writes: Arc::new(Semaphore::new(BOX_WRITES_MAX)),
            epoch: Arc::default(),
            known_keys: Snapshot::new(API_KEYS_KEPT_MAX),
            known_tokens: Snapshot::new(TOKENS_KEPT_MAX),
            known_credentials: Snapshot::new(CREDENTIALS_KEPT_MAX),
            key_uses: KeyUses::new(),
            hash_shares,
            strengthening: Arc::new(Strengthening::new()),
            opened_bytes,
        }
    }

    /// How old a kept row may be now.
    fn age(&self) -> Age {
        Age {
            now: self.clock.monotonic(),
            lifetime: self.limits.snapshot_lifetime,
        }
    }

    /// Records calls of this vault.
    #[must_use]
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &VaultLimits {
        &self.limits
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}
