//! Why a use case did not do as asked. What a client sees of it is chosen in `problem`.

use credential_injector::InjectError;
use hardened_crypto::ErrorKind;
use hardened_crypto::argon2_pool::PoolFull;
use vault_store::{RecordId, StoreError, conflict};

/// A reason a use case refused or failed. No text here holds input or stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Absent, deleted, expired, or another organisation's: the caller cannot tell which.
    #[error("there is no such thing for this caller")]
    NotFound,
    /// The caller is known and may not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// The caller may, but not with this API key or access token.
    #[error("the key may not do this")]
    OutOfScope,
    /// The user has no keys yet.
    #[error("the user has no keys yet")]
    KeysMissing,
    /// The user has keys already.
    #[error("the user has keys already")]
    KeysExist,
    /// The user has as many trustees as one can have.
    #[error("too many trustees")]
    TooManyTrustees,
    /// The waiting time of a restore is not over.
    #[error("a restore that still waits")]
    RestoreWaiting,
    /// A restore that does not hold the user's keys, or was made for another state of them.
    #[error("an unusable restore")]
    RestoreUnusable,
    /// The user has as many key pair generations as one can have.
    #[error("too many key pair generations")]
    TooManyGenerations,
    /// The recipient of a share has no keys yet.
    #[error("the recipient has no keys yet")]
    RecipientKeysMissing,
    /// The recipient's keys are not the ones that the caller expects.
    #[error("the recipient has other keys")]
    FingerprintMismatch,
    /// The organisation would be left without an admin who can do something.
    #[error("the last admin of the organisation")]
    LastAdmin,
    /// A key cannot erase itself.
    #[error("the API key that makes the call")]
    ApiKeyInUse,
    /// The user has as many API keys as one may have.
    #[error("too many API keys")]
    TooManyApiKeys,
    /// A record is shared with as many users as can be.
    #[error("too many shares")]
    TooManyShares,
    /// The secret is not the one that protects the user's keys.
    #[error("wrong user secret")]
    WrongUserSecret,
    /// The passphrase is not the one that protects the credential.
    #[error("wrong passphrase of a credential")]
    WrongPassphrase,
    /// What was granted has other keys by now, or none that the token could bring.
    #[error("the token does not hold the key")]
    TokenOutdated,
    /// The call needs the passphrase of the credential.
    #[error("the passphrase of a credential is missing")]
    PassphraseMissing,
    /// The call needs the user secret.
    #[error("the user secret is missing")]
    UserSecretMissing,
    /// No credential of the caller fits.
    #[error("no credential fits")]
    CredentialNotFound,
    /// These credentials fit equally well.
    #[error("several credentials fit")]
    CredentialAmbiguous(Vec<RecordId>),
    /// The credential cannot be injected there.
    #[error(transparent)]
    Inject(InjectError),
    /// Stored bytes or a stored row did not authenticate.
    #[error("{0} did not authenticate")]
    Tampered(&'static str),
    /// A condition that the caller set does not hold.
    #[error("a precondition does not hold")]
    PreconditionFailed,
    /// Somebody else changed the same thing meanwhile.
    #[error("the state changed meanwhile")]
    Conflict,
    /// Something is larger than its bound.
    #[error("too large")]
    TooLarge,
    /// A file is larger than allowed.
    #[error("a file is too large")]
    FileTooLarge,
    /// As many files are on their way as may be.
    #[error("too many files are on their way")]
    TooManyTransfers,
    /// As much is opened for answers as may be.
    #[error("too much is opened at once")]
    TooMuchOpened,
    /// The file system under the bodies of files failed.
    #[error("the storage of files failed: {0}")]
    FileStorage(std::io::ErrorKind),
    /// Input that no state could make acceptable.
    #[error("invalid input: {0:?}")]
    Invalid(Invalid),
    /// Too many wrong user secrets.
    #[error("too many wrong user secrets")]
    TooManyAttempts {
        /// Seconds after which another attempt is looked at; at least 1.
        retry_after_seconds: u32,
    },
    /// As many secrets of the user are being checked as may be at once.
    #[error("too many secrets of one user at once")]
    TooManyAtOnce,
    /// Too much work is waiting.
    #[error("too much work is waiting")]
    Overloaded,
    /// The store failed.
    #[error(transparent)]
    Storage(StoreError),
    /// Something happened that the code rules out, or the system gave no randomness.
    #[error("internal: {0}")]
    Internal(&'static str),
}

/// What is wrong with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// The name of a value.
    ValueName,
    /// The display name of an organisation or a user.
    DisplayName,
    /// The name of a file.
    FileName,
    /// The media type of a file.
    ContentType,
    /// An expiry that is not in the future.
    ExpiryInPast,
    /// Metadata that are not a JSON object.
    Metadata,
    /// A new user secret that cannot be accepted: its length, or a typing error in a
    /// generated one.
    SecretUnusable,
    /// A new user secret that is the old one.
    SecretUnchanged,
    /// A passphrase that cannot be accepted for a new credential.
    PassphraseUnusable,
    /// A host pattern that is none.
    HostPattern,
    /// A `contains:` pattern, which the operator has not enabled.
    ContainsPattern,
    /// A header that no credential may go into.
    Header,
    /// A query parameter that no credential may go into.
    QueryParameter,
    /// A template without exactly one placeholder.
    Template,
    /// A value that cannot stand in a header.
    CredentialValue,
    /// A passphrase for a credential that has none.
    NoPassphrase,
    /// A share of a credential under a passphrase.
    NotShareable,
    /// The caller has as many credentials as one may have.
    TooManyCredentials,
    /// The scope of a new API key.
    Scope,
    /// A time for which replaced API keys go on working that is too long.
    Grace,
    /// A share with oneself.
    SelfShare,
    /// A permission that no share of such a record gives.
    Permission,
    /// The alias of a share.
    Alias,
    /// Oneself as trustee.
    SelfTrustee,
    /// An empty half of a recovery share or a restore.
    SealedHalf,
    /// The hint for a trustee.
    Hint,
    /// The waiting time of a trustee's restores.
    WaitSeconds,
    /// The scope of a token.
    TokenScope,
    /// The life of a token.
    TokenLife,
    /// The caller has as many tokens as one may have.
    TooManyTokens,
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict {
                what: conflict::LAST_ADMIN,
            } => Self::LastAdmin,
            StoreError::Conflict { .. } => Self::Conflict,
            StoreError::Corrupt(_) => Self::Tampered("the stored data"),
            other => Self::Storage(other),
        }
    }
}

impl From<Invalid> for VaultError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<PoolFull> for VaultError {
    fn from(_: PoolFull) -> Self {
        Self::Overloaded
    }
}

/// Reads an error of an operation on stored bytes: only the check value says "wrong secret".
pub(crate) fn stored(what: &'static str) -> impl FnOnce(hardened_crypto::Error) -> VaultError {
    move |error| match error.kind() {
        ErrorKind::WrongSecret => VaultError::WrongUserSecret,
        ErrorKind::Unavailable => VaultError::Internal("the system gave no randomness or memory"),
        _ => VaultError::Tampered(what),
    }
}

/// Reads an error of an operation that makes something new from checked parts.
pub(crate) fn made(error: hardened_crypto::Error) -> VaultError {
    match error.kind() {
        ErrorKind::Unavailable => VaultError::Internal("the system gave no randomness or memory"),
        _ => VaultError::Internal("a new object was refused by its own rules"),
    }
}
