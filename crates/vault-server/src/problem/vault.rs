//! What clients see of the errors of use cases.

use std::io::ErrorKind;

use super::{Code, Problem};
use crate::vault::error::{Invalid, VaultError};

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::new(Code::NotFound, "There is nothing at this address."),
            VaultError::Forbidden => {
                Self::new(Code::Forbidden, "The caller is not allowed to do this.")
            }
            VaultError::OutOfScope => Self::new(
                Code::OutOfScope,
                "The API key or access token is not allowed to do this; another may be.",
            ),
            VaultError::KeysMissing => Self::new(
                Code::KeysMissing,
                "The user has no keys yet; POST /v1/keys/generate makes them.",
            ),
            VaultError::KeysExist => Self::new(Code::KeysExist, "The user has keys already."),
            VaultError::TooManyTrustees => Self::new(
                Code::TooManyTrustees,
                "The user has as many trustees as one can have.",
            ),
            VaultError::RestoreWaiting => Self::new(
                Code::RestoreWaiting,
                "The waiting time of this restore is not over; notBeforeUtc tells when it is.",
            ),
            VaultError::RestoreUnusable => Self::new(
                Code::RestoreUnusable,
                "The restore does not hold the user's keys, or was made before they changed.",
            ),
            VaultError::TooManyGenerations => Self::new(
                Code::TooManyGenerations,
                "The user has as many key pair generations as one can have.",
            ),
            VaultError::RecipientKeysMissing => {
                Self::new(Code::RecipientKeysMissing, "The recipient has no keys yet.")
            }
            VaultError::FingerprintMismatch => Self::new(
                Code::FingerprintMismatch,
                "The recipient's keys have another fingerprint.",
            ),
            VaultError::LastAdmin => Self::new(
                Code::LastAdmin,
                "The organisation needs another enabled admin first.",
            ),
            VaultError::ApiKeyInUse => Self::new(
                Code::ApiKeyInUse,
                "An API key cannot erase itself; another one can.",
            ),
            VaultError::TooManyApiKeys => Self::new(
                Code::TooManyApiKeys,
                "The user has as many API keys as allowed.",
            ),
            VaultError::TooManyShares => Self::new(
                Code::TooManyShares,
                "It is shared with as many users as can be.",
            ),
            VaultError::WrongUserSecret => Self::new(
                Code::WrongUserSecret,
                "The user secret is not the one that protects the user's keys.",
            ),
            VaultError::WrongPassphrase => Self::new(
                Code::WrongPassphrase,
                "The passphrase is not the one that protects the credential.",
            ),
            VaultError::TokenOutdated => Self::new(
                Code::TokenOutdated,
                "The token does not hold the key of this version; its user opens a value once, or makes a new token.",
            ),
            VaultError::PassphraseMissing => Self::new(
                Code::MissingHeader,
                "This call needs the X-Proxy-Master-Key header.",
            ),
            VaultError::UserSecretMissing => Self::new(
                Code::MissingHeader,
                "This call needs the X-User-Secret header.",
            ),
            VaultError::CredentialNotFound => Self::new(
                Code::CredentialNotFound,
                "No stored credential fits this request.",
            ),
            VaultError::CredentialAmbiguous(ids) => Self::new(
                Code::CredentialAmbiguous,
                "Several credentials fit this target; X-Credential-ID names one.",
            )
            .with_ids(ids.into_iter().map(Into::into).collect()),
            VaultError::Inject(error) => error.into(),
            VaultError::Tampered(_) => Self::new(
                Code::Tampered,
                "Stored data are not as the server wrote them.",
            ),
            VaultError::PreconditionFailed => Self::new(
                Code::PreconditionFailed,
                "If-Match or If-None-Match does not hold.",
            ),
            VaultError::Conflict => {
                Self::new(Code::Conflict, "The state was changed at the same time.")
            }
            VaultError::TooLarge => Self::new(
                Code::TooLarge,
                "The value or its metadata are larger than allowed.",
            ),
            VaultError::FileTooLarge => {
                Self::new(Code::TooLarge, "The file is larger than allowed.")
            }
            VaultError::TooManyTransfers => Self::new(
                Code::Overloaded,
                "As many files are on their way as the server allows.",
            ),
            VaultError::TooMuchOpened => Self::new(
                Code::Overloaded,
                "As many opened values wait to be sent as the server allows, in all or for this user.",
            ),
            VaultError::FileStorage(kind) => file_storage(kind),
            VaultError::Invalid(invalid) => invalid.into(),
            VaultError::TooManyAttempts {
                retry_after_seconds,
            } => Self::new(Code::TooManyAttempts, "Too many wrong secrets.")
                .with_retry_after_seconds(retry_after_seconds),
            VaultError::TooManyAtOnce => Self::new(
                Code::TooManyAttempts,
                "Too many secrets of this user are being checked at once.",
            ),
            VaultError::Overloaded => {
                Self::new(Code::Overloaded, "Too many password hashes are waiting.")
            }
            VaultError::Storage(error) => {
                tracing::error!(%error, "the store failed");
                Self::new(
                    Code::StorageUnavailable,
                    "The database does not answer at the moment.",
                )
            }
            VaultError::Internal(what) => {
                tracing::error!(what, "a use case failed");
                Self::new(Code::Internal, "The server could not complete the request.")
            }
        }
    }
}

fn file_storage(kind: ErrorKind) -> Problem {
    tracing::error!(%kind, "the storage of files failed");
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Problem::new(Code::StorageFull, "There is no room to store the file.")
        }
        _ => Problem::new(
            Code::StorageUnavailable,
            "The storage of files does not answer at the moment.",
        ),
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let (code, detail) = match invalid {
            Invalid::ValueName => (
                Code::MalformedRequest,
                "The name must be 1 to 512 bytes of printable UTF-8 and not reserved.",
            ),
            Invalid::DisplayName => (
                Code::MalformedRequest,
                "The name must be 1 to 512 bytes of printable UTF-8.",
            ),
            Invalid::SelfTrustee => (Code::SelfTrustee, "Nobody is a trustee of their own."),
            Invalid::SealedHalf => (
                Code::MalformedRequest,
                "Neither half of a recovery share or a restore may be empty.",
            ),
            Invalid::Hint => (
                Code::MalformedRequest,
                "xorSaltHint must be at most 256 bytes of printable UTF-8.",
            ),
            Invalid::WaitSeconds => (
                Code::MalformedRequest,
                "waitSeconds must be at most 7776000.",
            ),
            Invalid::FileName => (
                Code::MalformedRequest,
                "fileName must be 1 to 1024 bytes of printable UTF-8, without slashes, not . or ..",
            ),
            Invalid::ContentType => (
                Code::MalformedRequest,
                "contentType must be a media type of at most 255 visible characters.",
            ),
            Invalid::ExpiryInPast => (Code::ExpiryInPast, "expiresUtc must be in the future."),
            Invalid::Metadata => (Code::MalformedRequest, "metadata must be a JSON object."),
            Invalid::SecretUnusable => (
                Code::UserSecretUnusable,
                "The new user secret has a typing error or a length that is not accepted.",
            ),
            Invalid::PassphraseUnusable => (
                Code::MalformedRequest,
                "The passphrase has a typing error or a length that is not accepted.",
            ),
            Invalid::HostPattern => (
                Code::MalformedRequest,
                "hostPattern must be a host, a host with a port, or *. and a domain.",
            ),
            Invalid::ContainsPattern => (
                Code::MalformedRequest,
                "contains: patterns are not enabled on this server.",
            ),
            Invalid::QueryParameter => (
                Code::MalformedRequest,
                "queryParameter must be 1 to 64 letters, digits, '-', '.', '_' or '~'.",
            ),
            Invalid::Header => (
                Code::MalformedRequest,
                "header must name a header that a credential may go into.",
            ),
            Invalid::Template => (
                Code::MalformedRequest,
                "template must be printable and hold {{secret}} or {{secret|base64}} once.",
            ),
            Invalid::CredentialValue => (
                Code::MalformedRequest,
                "value must be 1 to 8192 bytes without control characters and edge spaces.",
            ),
            Invalid::NoPassphrase => (
                Code::MalformedRequest,
                "The credential has no passphrase; it is sealed to its owner's keys.",
            ),
            Invalid::NotShareable => (
                Code::MalformedRequest,
                "A credential under a passphrase cannot be shared.",
            ),
            Invalid::TooManyCredentials => (
                Code::Conflict,
                "The user has as many credentials as allowed.",
            ),
            Invalid::SecretUnchanged => (
                Code::UserSecretUnchanged,
                "The new user secret is the old one.",
            ),
            Invalid::Scope => (
                Code::MalformedRequest,
                "methods, kv and hosts must be lists of what they name; useOnly excludes kv.",
            ),
            Invalid::Grace => (
                Code::MalformedRequest,
                "graceSeconds must be between 0 and 604800, and 0 where everything ends.",
            ),
            Invalid::SelfShare => (Code::SelfShare, "The recipient is the owner."),
            Invalid::Permission => (
                Code::MalformedRequest,
                "Values and files are shared to `read`, credentials to `use`.",
            ),
            Invalid::TokenScope => (
                Code::MalformedRequest,
                "A token needs credentials or kv; hosts, methods and paths go with credentials.",
            ),
            Invalid::TokenLife => (
                Code::MalformedRequest,
                "ttlSeconds must be between 1 and 7776000.",
            ),
            Invalid::TooManyTokens => (Code::Conflict, "The user has as many tokens as allowed."),
            Invalid::Alias => (
                Code::MalformedRequest,
                "An alias must be 1 to 254 bytes of printable UTF-8.",
            ),
        };
        Self::new(code, detail)
    }
}
