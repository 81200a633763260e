//! A name that an entry can hold without telling it.
//!
//! In: the name of a value, and whose it is. Out: a tag that is the same for the same name of
//! the same owner, and that tells nothing to whoever lacks the root key. With the root key a
//! guessed name can be checked, so this hides names from readers of the log, not from the
//! operator.

use super::line::hex;
use crate::{
    context::{Context, Domain},
    ids::{OrgId, UserId},
    root_key::{Purpose, RootKeyring},
};
use ring::hmac;
use std::fmt;

const TAG_BYTES: usize = 16;

/// The first half of an HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameTag([u8; TAG_BYTES]);

/// Makes the tag of a name with the current root key: another root key, another tag.
#[must_use]
pub fn tag_name(ring: &RootKeyring, org: OrgId, owner: UserId, name: &str) -> NameTag {
    let named = Context::new(Domain::Audit)
        .text("name")
        .bytes(&org.0)
        .bytes(&owner.0)
        .text(name)
        .finish();
    let tag = hmac::sign(ring.current().of(Purpose::AuditName), &named);
    let mut bytes = [0; TAG_BYTES];
    bytes.copy_from_slice(&tag.as_ref()[..TAG_BYTES]);
    NameTag(bytes)
}

impl fmt::Display for NameTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_tag_is_of_one_name_one_owner_and_one_root_key() {
        let ring = || RootKeyring::parse(RootKeyring::make_text().unwrap().expose_secret());
        let (ring, other) = (ring().unwrap(), ring().unwrap());
        let (org, user) = (OrgId([1; 16]), UserId([2; 16]));
        let tag = tag_name(&ring, org, user, "db/main");
        assert_eq!(tag, tag_name(&ring, org, user, "db/main"));
        assert_eq!(tag.to_string().len(), 32);
        for another in [
            tag_name(&ring, org, user, "db/main2"),
            tag_name(&ring, org, UserId([3; 16]), "db/main"),
            tag_name(&ring, OrgId([2; 16]), user, "db/main"),
            tag_name(&other, org, user, "db/main"),
        ] {
            assert_ne!(tag, another);
        }
    }
}
