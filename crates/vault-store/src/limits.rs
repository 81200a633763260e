//! Every bound of the store, in one place.
//!
//! The bounds on bytes of a column stand again as `CHECK` constraints in the migrations: raising
//! one needs a migration too.

/// Rows in one page of a list. A higher limit is answered with this many.
pub const LIST_LIMIT_MAX: u32 = 1_000;

/// Rows in one page of versions of a credential, which carry their sealed value.
pub const CREDENTIAL_VERSIONS_PAGE_MAX: u32 = 100;

/// Rows in one page of tokens, which carry their boxes.
pub const TOKENS_PAGE_MAX: u32 = 100;
/// Rows in one page of trustees or restores, which carry what they hold.
pub const RECOVERY_PAGE_MAX: u32 = 100;
/// Bytes of blocks after which a page of audit blocks ends.
pub const AUDIT_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Changes in one change set.
pub const CHANGES_MAX: usize = 10_000;
/// Bytes of all rows in one change set.
pub const CHANGE_SET_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Generations of one user's key pair.
pub const GENERATIONS_MAX: usize = 1_000;
/// Wrapped keys of one version: its owner and all its recipients.
pub const WRAPS_MAX: usize = 10_000;
/// Shares of one record.
pub const SHARES_PER_RECORD_MAX: u32 = 1_000;
/// Values in one batch read.
pub const BATCH_MAX: usize = 100;
/// Bytes of contents in one batch read.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Restores staged by one trustee for one owner.
pub const RESTORES_MAX: u32 = 20;
/// Audit entries of one change set.
pub const AUDIT_ENTRIES_MAX: usize = 1_000;
/// Bytes of all audit entries of one change set.
pub const AUDIT_BYTES_MAX: usize = 1024 * 1024;
/// Versions of a value that can be kept.
pub const VERSIONS_KEPT_MAX: u32 = 10_000;

/// Bytes in the display name of an organisation or a user.
pub const DISPLAY_NAME_BYTES_MAX: usize = 512;
/// Bytes in the name of a value.
pub const VALUE_NAME_BYTES_MAX: usize = 512;
/// Bytes in the description of how private keys are protected.
pub const PROTECTION_BYTES_MAX: usize = 1_024;
/// Bytes in an encoded hybrid public key.
pub const PUBLIC_KEY_BYTES_MAX: usize = 4_096;
/// Bytes in a sealed key: account key, private half, or data key under the account key.
pub const KEY_BOX_BYTES_MAX: usize = 4_096;
/// Bytes in an envelope header.
pub const HEADER_BYTES_MAX: usize = 1_024;
/// Bytes in a sealed value.
pub const PAYLOAD_BYTES_MAX: usize = 17 * 1024 * 1024;
/// Bytes in sealed metadata.
pub const METADATA_BOX_BYTES_MAX: usize = 1024 * 1024;
/// Bytes in the sealed name and type of a file.
pub const LABEL_BOX_BYTES_MAX: usize = 8 * 1024;
/// Bytes in a sealed credential.
pub const CREDENTIAL_SEALED_BYTES_MAX: usize = 32 * 1024;
/// Bytes in the host pattern of a credential.
pub const HOST_PATTERN_BYTES_MAX: usize = 512;
/// Bytes in the name of the header that carries a credential.
pub const HEADER_NAME_BYTES_MAX: usize = 256;
/// Bytes in what a credential is filled into.
pub const TEMPLATE_BYTES_MAX: usize = 1_024;
/// Bytes in the encoded scope of a token or an API key.
pub const SCOPE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of all boxes of one token.
pub const TOKEN_BOXES_BYTES_MAX: usize = 64 * 1024;
/// Bytes in what a trustee holds or hands in.
pub const RECOVERY_BYTES_MAX: usize = 64 * 1024;
/// Bytes in the hint for a trustee.
pub const HINT_BYTES_MAX: usize = 1_024;
/// Bytes in one audit entry.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 16 * 1024;
/// Bytes in one sealed block of audit entries: more than a group commit can bring.
pub const AUDIT_BLOCK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes in a wrapped data key.
pub const WRAP_BYTES_MAX: usize = 4_096;

/// Change sets waiting for the writer; further ones wait to get in.
pub const WRITE_QUEUE_MAX: usize = 1_024;
/// Bytes of all change sets waiting for the writer; further ones wait to get in.
pub const WRITE_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Change sets that share one transaction and one fsync.
pub const GROUP_COMMIT_MAX: usize = 256;
/// Bytes after which a group is closed. One larger change set goes alone.
pub const GROUP_COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Reads waiting for a reader; further ones wait to get in.
pub const READ_QUEUE_MAX: usize = 1_024;
/// Reader connections of one store.
pub const READERS_MAX: usize = 64;
/// Ends of audit chains that the writer remembers.
pub const AUDIT_HEADS_CACHED_MAX: usize = 10_000;
