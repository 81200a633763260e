//! Bounds of what is stored and of work done for secrets, with their defaults.

use std::time::Duration;

use credential_injector::SubstringPatterns;
use hardened_crypto::argon2_pool::{POOL_QUEUE_MAX, POOL_THREADS_MAX};
use hardened_crypto::user_secret::{PASSPHRASE_BYTES_MAX, PassphraseCost, PassphrasePolicy};

/// Bytes of a value, decoded.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// The most that [`VaultLimits::value_bytes_max`] may be raised to.
pub const VALUE_BYTES_CEILING: usize = 16 * 1024 * 1024;
/// Bytes of a value's metadata as JSON text.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The most that [`VaultLimits::file_bytes_max`] may be raised to.
pub const FILE_BYTES_CEILING: u64 = 1024 * FILE_BYTES_MAX;
/// How many transfers of one kind run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferPlaces {
    /// In all.
    pub all_max: usize,
    /// For the users of one organisation together.
    pub per_org_max: usize,
    /// For one user.
    pub per_user_max: usize,
}

/// Files on their way in at once. Each takes some 400 KiB of memory.
pub const UPLOADS: TransferPlaces = TransferPlaces {
    all_max: 64,
    per_org_max: 32,
    per_user_max: 16,
};
/// Files that are sealed anew at once, because a share of theirs ends. Their places are their own:
/// however many uploads there are, whoever must not read on can be shut out. Each takes some 500 KiB
/// of memory, and is over as soon as the disk has done it.
pub const FILE_REKEYS: TransferPlaces = UPLOADS;
/// Files on their way out at once. Each takes some 250 KiB of memory.
pub const DOWNLOADS: TransferPlaces = TransferPlaces {
    all_max: 256,
    per_org_max: 128,
    per_user_max: 64,
};
/// Bytes of opened values in memory at once, until their answers are sent. Those of one user can
/// take half of it.
pub const OPENED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Versions of a value that stay readable.
pub const VERSIONS_KEPT: u32 = 100;
/// Shortest passphrase that is accepted as a new user secret, in bytes.
pub const PASSPHRASE_BYTES_MIN: usize = 1;
/// Password hashes waiting for a thread, per thread.
pub const HASH_QUEUE_PER_THREAD: usize = 64;
/// Wrong user secrets in a row before a user has to wait.
pub const WRONG_SECRETS_MAX: u32 = 10;
/// Time that earns one more attempt.
pub const WRONG_SECRET_RECOVERY: Duration = Duration::from_secs(6);
/// Users whose wrong attempts are remembered at once.
pub const WRONG_SECRET_USERS_MAX: usize = 65_536;
/// How long rows that requests start with are kept in memory. Only another writer of the database is
/// seen as late as that; commits of this process at once.
pub const SNAPSHOT_LIFETIME: Duration = Duration::from_secs(1);
/// The most that [`VaultLimits::snapshot_lifetime`] may be raised to.
pub const SNAPSHOT_LIFETIME_MAX: Duration = Duration::from_secs(60);
/// API keys kept in memory at once.
pub const API_KEYS_KEPT_MAX: usize = 16_384;
/// Access tokens kept in memory at once, each with its boxes.
pub const TOKENS_KEPT_MAX: usize = 1_024;
/// Sealed credentials of tokens kept in memory at once.
pub const CREDENTIALS_KEPT_MAX: usize = 1_024;
/// Rows in one page of a list when the caller asks for no number.
pub const LIST_LIMIT_DEFAULT: u32 = 100;
/// Rows in one page of a list at most.
pub const LIST_LIMIT_MAX: u32 = vault_store::limits::LIST_LIMIT_MAX;

/// The bounds in force.
#[derive(Debug, Clone)]
pub struct VaultLimits {
    /// Bytes of a value, decoded.
    pub value_bytes_max: usize,
    /// Bytes of a file.
    pub file_bytes_max: u64,
    /// Bytes of opened values in memory at once.
    pub opened_bytes_max: usize,
    /// Versions of a value that stay readable.
    pub versions_kept: u32,
    /// Shortest passphrase that is accepted as a new user secret, in bytes.
    pub passphrase_bytes_min: usize,
    /// Cost of hashing a passphrase.
    pub passphrase_cost: PassphraseCost,
    /// Password hashes that run at once; `None` is one per core.
    pub hash_threads: Option<usize>,
    /// Password hashes that wait while all threads are busy; `None` is
    /// [`HASH_QUEUE_PER_THREAD`] for each thread.
    pub hash_queue: Option<usize>,
    /// Wrong user secrets in a row before a user has to wait.
    pub wrong_secrets_max: u32,
    /// Time that earns one more attempt.
    pub wrong_secret_recovery: Duration,
    /// How long rows that requests start with are kept in memory; zero keeps none.
    pub snapshot_lifetime: Duration,
    /// Whether credentials may be for every host whose name contains a text.
    pub substring_patterns: SubstringPatterns,
}

impl Default for VaultLimits {
    fn default() -> Self {
        Self {
            value_bytes_max: VALUE_BYTES_MAX,
            file_bytes_max: FILE_BYTES_MAX,
            opened_bytes_max: OPENED_BYTES_MAX,
            versions_kept: VERSIONS_KEPT,
            passphrase_bytes_min: PASSPHRASE_BYTES_MIN,
            passphrase_cost: PassphraseCost::DEFAULT,
            hash_threads: None,
            hash_queue: None,
            wrong_secrets_max: WRONG_SECRETS_MAX,
            wrong_secret_recovery: WRONG_SECRET_RECOVERY,
            snapshot_lifetime: SNAPSHOT_LIFETIME,
            substring_patterns: SubstringPatterns::Refused,
        }
    }
}

impl VaultLimits {
    /// The name of the first bound that is out of range, if there is one.
    #[must_use]
    pub fn out_of_range(&self) -> Option<&'static str> {
        let checks = [
            (
                "value_bytes_max",
                (1..=VALUE_BYTES_CEILING).contains(&self.value_bytes_max),
            ),
            (
                "file_bytes_max",
                (1..=FILE_BYTES_CEILING).contains(&self.file_bytes_max),
            ),
            (
                "opened_bytes_max",
                self.opened_bytes_max >= self.value_bytes_max,
            ),
            (
                "versions_kept",
                (1..=vault_store::limits::VERSIONS_KEPT_MAX).contains(&self.versions_kept),
            ),
            (
                "passphrase_bytes_min",
                (1..=PASSPHRASE_BYTES_MAX).contains(&self.passphrase_bytes_min),
            ),
            (
                "hash_threads",
                self.hash_threads
                    .is_none_or(|n| (1..=POOL_THREADS_MAX).contains(&n)),
            ),
            (
                "hash_queue",
                self.hash_queue.is_none_or(|n| n <= POOL_QUEUE_MAX),
            ),
            ("wrong_secrets_max", self.wrong_secrets_max > 0),
            (
                "wrong_secret_recovery",
                !self.wrong_secret_recovery.is_zero(),
            ),
            (
                "snapshot_lifetime",
                self.snapshot_lifetime <= SNAPSHOT_LIFETIME_MAX,
            ),
        ];
        checks.iter().find(|(_, fine)| !fine).map(|(name, _)| *name)
    }

    /// Threads for password hashing, and how many hashes may wait for them.
    #[must_use]
    pub fn hash_pool(&self) -> hardened_crypto::argon2_pool::PoolSize {
        let threads = self.hash_threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, |n| n.get().min(POOL_THREADS_MAX))
        });
        hardened_crypto::argon2_pool::PoolSize {
            threads,
            queue: self.hash_queue.unwrap_or(threads * HASH_QUEUE_PER_THREAD),
        }
    }

    pub(crate) fn passphrase_policy(&self) -> PassphrasePolicy {
        PassphrasePolicy {
            bytes_min: self.passphrase_bytes_min,
        }
    }
}
