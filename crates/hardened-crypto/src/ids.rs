//! Identifiers that bind ciphertexts to their place, one type for each meaning.

macro_rules! id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        ///
        /// 16 raw bytes (a UUID in network order). Two spellings of one UUID are the same
        /// id, since only the raw bytes ever enter a context.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
        }
    )*};
}

id! {
    /// An organisation: the outermost boundary between tenants.
    OrgId,
    /// A user of one organisation.
    UserId,
    /// A value, a file or any other sealed record.
    RecordId,
    /// A share of one record with one recipient.
    ShareId,
    /// A stored upstream credential.
    CredentialId,
    /// An access token.
    TokenId,
    /// One set of recovery shares; a new set makes the older ones useless.
    RecoverySetId,
}
