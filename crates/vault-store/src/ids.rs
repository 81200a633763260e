//! Identifiers and points in time, each meaning with its own type.
//!
//! In: 16 random bytes made elsewhere, the public id of an API key, a clock reading. Out: types
//! that cannot be mixed up: an `OrgId` is never a `UserId`. Not here: making an id or reading a
//! clock; both come from the caller.

use std::fmt;

use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps the 16 bytes of an id, big endian as in RFC 9562 section 4.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The id as a UUID, for display and parsing.
            pub const fn as_uuid(&self) -> Uuid {
                Uuid::from_bytes(self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid.into_bytes())
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.as_uuid()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.as_uuid(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_uuid())
            }
        }
    };
}

uuid_id! {
    /// An organisation.
    OrgId
}
uuid_id! {
    /// A user. Unique over all organisations.
    UserId
}
uuid_id! {
    /// One stored record: a value, a file or a credential. It stays the same through all versions.
    RecordId
}
uuid_id! {
    /// A share of a record with another user.
    ShareId
}
uuid_id! {
    /// The body of a file, kept outside the database. A new body has a new id.
    BlobId
}
uuid_id! {
    /// An access token, as its box knows it. Its public id is a [`KeyId`].
    TokenId
}
uuid_id! {
    /// One set of recovery shares. A new set makes the older ones useless.
    RecoverySetId
}
uuid_id! {
    /// One staged restore of a user's private keys.
    RestoreId
}

/// Characters in a [`KeyId`].
pub const KEY_ID_CHARS: usize = 8;

/// The public id of an API key: exactly eight printable ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_CHARS]);

impl KeyId {
    /// Reads an id. `None` unless it is exactly eight printable ASCII characters without space.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; KEY_ID_CHARS] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_graphic)
            .then_some(Self(bytes))
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a KeyId is made of ASCII characters only")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.as_str())
    }
}

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMillis(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_way_through_uuid() {
        let id = OrgId::from_bytes(*b"0123456789abcdef");
        assert_eq!(OrgId::from(Uuid::from(id)), id);
        assert_eq!(id.to_string(), id.as_uuid().to_string());
    }

    #[test]
    fn key_ids_are_eight_printable_characters() {
        assert_eq!(
            KeyId::parse("abCD_-09").map(|id| id.to_string()).as_deref(),
            Some("abCD_-09")
        );
        for refused in [
            "",
            "abcdefg",
            "abcdefghi",
            "abcdef h",
            "abcdef\u{0}h",
            "abcdef\u{7f}h",
            "abcdefé",
        ] {
            assert_eq!(KeyId::parse(refused), None, "{refused:?}");
        }
    }
}
