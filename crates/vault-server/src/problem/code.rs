//! The closed table of error codes: name on the wire, status, title.

use http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $status:ident, $title:literal;)+) => {
        /// A stable, snake_case error code with its status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            #[must_use]
            pub const fn all() -> &'static [Code] {
                &[$(Code::$variant,)+]
            }

            /// The name that clients compare against.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// The status that goes with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)+ }
            }

            /// A short summary that never varies.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// Syntax, types, encodings, repeated headers.
    MalformedRequest, "malformed_request", BAD_REQUEST, "Malformed request";
    /// A header that this call needs is absent or empty.
    MissingHeader, "missing_header", BAD_REQUEST, "Missing header";
    /// The user has no key pair yet.
    KeysMissing, "keys_missing", BAD_REQUEST, "No keys yet";
    /// Stored bytes did not authenticate.
    Tampered, "tampered", BAD_REQUEST, "Stored data did not authenticate";
    /// An expiry that is not in the future.
    ExpiryInPast, "expiry_in_past", BAD_REQUEST, "Expiry in the past";
    /// A new user secret of a length that is not accepted, or with a typing error.
    UserSecretUnusable, "user_secret_unusable", BAD_REQUEST, "Unusable user secret";
    /// A new user secret that is the old one.
    UserSecretUnchanged, "user_secret_unchanged", BAD_REQUEST, "User secret unchanged";
    /// The recipient of a share has no key pair yet.
    RecipientKeysMissing, "recipient_keys_missing", BAD_REQUEST, "Recipient without keys";
    /// A share with oneself.
    SelfShare, "self_share", BAD_REQUEST, "Share with oneself";
    /// Oneself as trustee.
    SelfTrustee, "self_trustee", BAD_REQUEST, "Trustee of oneself";
    /// A restore that does not hold the user's keys, or was made for another state of them.
    RestoreUnusable, "restore_unusable", BAD_REQUEST, "Unusable restore";
    /// `X-Target-URL` is not a target.
    TargetInvalid, "target_invalid", BAD_REQUEST, "Invalid target";
    /// The target is this very server.
    TargetIsSelf, "target_is_self", BAD_REQUEST, "Target is this server";
    /// One of Sealgate's own keys or secrets would travel to an upstream.
    KeyInRequest, "key_in_request", BAD_REQUEST, "Own key in the request";
    /// Two ways to name a credential in one request.
    TwoCredentials, "two_credentials", BAD_REQUEST, "Two credentials";
    /// No API key, or one that is not known; the answer is the same.
    ApiKeyInvalid, "api_key_invalid", UNAUTHORIZED, "API key needed";
    /// The user secret does not open the keys.
    WrongUserSecret, "wrong_user_secret", UNAUTHORIZED, "Wrong user secret";
    /// The passphrase does not open the credential.
    WrongPassphrase, "wrong_passphrase", UNAUTHORIZED, "Wrong passphrase";
    /// Known, but not allowed.
    Forbidden, "forbidden", FORBIDDEN, "Not allowed";
    /// Allowed to the user, but not with this API key or access token.
    OutOfScope, "out_of_scope", FORBIDDEN, "Outside the scope of the key";
    /// What a token was granted has other keys by now.
    TokenOutdated, "token_outdated", FORBIDDEN, "Token outdated";
    /// The egress rules refuse the target.
    TargetForbidden, "target_forbidden", FORBIDDEN, "Target not allowed";
    /// Absent, or not the caller's to know about.
    NotFound, "not_found", NOT_FOUND, "Not found";
    /// No stored credential fits.
    CredentialNotFound, "credential_not_found", NOT_FOUND, "Credential not found";
    /// The address exists, the method does not.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The body came too slowly.
    RequestTimeout, "request_timeout", REQUEST_TIMEOUT, "Request too slow";
    /// The state does not allow it.
    Conflict, "conflict", CONFLICT, "Conflict";
    /// Several stored credentials fit equally well.
    CredentialAmbiguous, "credential_ambiguous", CONFLICT, "Several credentials fit";
    /// A key pair exists already.
    KeysExist, "keys_exist", CONFLICT, "Keys exist";
    /// The user has as many trustees as one can have.
    TooManyTrustees, "too_many_trustees", CONFLICT, "Too many trustees";
    /// The waiting time of a restore is not over.
    RestoreWaiting, "restore_waiting", CONFLICT, "Restore still waits";
    /// The user has as many key pair generations as one can have.
    TooManyGenerations, "too_many_generations", CONFLICT, "Too many generations";
    /// The recipient's keys are not the ones that the caller pinned.
    FingerprintMismatch, "fingerprint_mismatch", CONFLICT, "Other fingerprint";
    /// A record has as many shares as it can have.
    TooManyShares, "too_many_shares", CONFLICT, "Too many shares";
    /// The organisation would be left without an enabled admin.
    LastAdmin, "last_admin", CONFLICT, "Last admin";
    /// The API key of the very call.
    ApiKeyInUse, "api_key_in_use", CONFLICT, "API key in use";
    /// A user has as many API keys as one can have.
    TooManyApiKeys, "too_many_api_keys", CONFLICT, "Too many API keys";
    /// `If-Match` or `If-None-Match` did not hold.
    PreconditionFailed, "precondition_failed", PRECONDITION_FAILED, "Precondition failed";
    /// The body is over its limit.
    TooLarge, "too_large", PAYLOAD_TOO_LARGE, "Too large";
    /// The range is not within the file.
    RangeNotSatisfiable, "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "Range not satisfiable";
    /// A body of this type is not read here.
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// Too many wrong attempts.
    TooManyAttempts, "too_many_attempts", TOO_MANY_REQUESTS, "Too many attempts";
    /// A fault of the server.
    Internal, "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// Protocol upgrades are not carried.
    UpgradeUnsupported, "upgrade_unsupported", NOT_IMPLEMENTED, "Upgrade not supported";
    /// Name resolution, dialling or the connection failed.
    UpstreamUnreachable, "upstream_unreachable", BAD_GATEWAY, "Upstream unreachable";
    /// The upstream's certificate or handshake was refused.
    UpstreamTls, "upstream_tls", BAD_GATEWAY, "Upstream TLS failed";
    /// The upstream's answer is not HTTP.
    UpstreamProtocol, "upstream_protocol", BAD_GATEWAY, "Upstream answer unusable";
    /// The upstream's answer repeats the credential that was sent to it.
    UpstreamEcho, "upstream_echo", BAD_GATEWAY, "Upstream repeated the credential";
    /// More requests in flight than allowed.
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Overloaded";
    /// The database does not answer.
    StorageUnavailable, "storage_unavailable", SERVICE_UNAVAILABLE, "Storage unavailable";
    /// The audit log cannot be written.
    AuditUnavailable, "audit_unavailable", SERVICE_UNAVAILABLE, "Audit unavailable";
    /// There is no room for a file.
    StorageFull, "storage_full", INSUFFICIENT_STORAGE, "Storage full";
    /// The upstream took too long.
    UpstreamTimeout, "upstream_timeout", GATEWAY_TIMEOUT, "Upstream too slow";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_snake_case_and_every_status_is_an_error() {
        let mut seen = HashSet::new();
        for code in Code::all() {
            let name = code.as_str();
            assert!(seen.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(!code.title().is_empty());
        }
    }
}
