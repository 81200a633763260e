//! A recovery share wrapped to a trustee's public keys by HPKE.
//!
//! ```text
//! header (17) | u8 flags (1: masked) | u8 threshold | u8 count | u8 x | HPKE of 32 bytes
//! ```
//!
//! The four bytes are authenticated with the share, as are organisation, owner, trustee,
//! set, set version and the trustee's key pair. A wrap opens for its trustee, as the share it
//! was made from, and as nothing else.

use super::{RecoverySet, RecoveryShare, recovery_share::check_head, shamir::SECRET_BYTES};
use crate::{
    context::Domain,
    error::{Error, Result},
    hpke,
    ids::UserId,
    key_pair::{Fingerprint, PrivateKeys, PublicKeys},
    suite::{HEADER_BYTES, Header, ObjectKind},
    symmetric_box,
};
use secrecy::{ExposeSecretMut, SecretBox};
use std::fmt;

const HEAD_BYTES: usize = 4;
/// Bytes of a wrapped share.
pub const WRAPPED_SHARE_BYTES: usize =
    HEADER_BYTES + HEAD_BYTES + hpke::OVERHEAD_BYTES + SECRET_BYTES;

/// The place in which a trustee's share belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrusteeContext {
    /// The set and its owner.
    pub set: RecoverySet,
    /// Who may unwrap.
    pub trustee: UserId,
    /// Generation of the trustee's key pair.
    pub trustee_generation: u32,
}

impl TrusteeContext {
    fn aad(&self, header: Header, head: [u8; HEAD_BYTES], public: Fingerprint) -> Vec<u8> {
        let context = symmetric_box::context(Domain::RecoveryShare, header).bytes(&head);
        self.set
            .bind(context)
            .bytes(&self.trustee.0)
            .u32(self.trustee_generation)
            .bytes(&public.0)
            .finish()
    }
}

/// A wrapped share whose outer form has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedShare(Box<[u8; WRAPPED_SHARE_BYTES]>);

impl WrappedShare {
    /// Reads a wrapped share: exactly [`WRAPPED_SHARE_BYTES`] bytes with a readable header
    /// of this kind and the numbers of a possible split.
    ///
    /// # Errors
    /// `Malformed` for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: Box<[u8; WRAPPED_SHARE_BYTES]> = bytes
            .to_vec()
            .try_into()
            .map_err(|_| Error::malformed("a wrapped share has another length"))?;
        let wrapped = Self(bytes);
        let (_, head, _) = wrapped.split()?;
        check_head(head)?;
        Ok(wrapped)
    }

    /// Wraps a share to a trustee. Needs public keys only.
    ///
    /// # Errors
    /// `Policy` for a share of another set and for the owner as trustee; `Unavailable` when
    /// the system gives no randomness.
    pub fn wrap(
        share: &RecoveryShare,
        trustee: &PublicKeys,
        context: &TrusteeContext,
    ) -> Result<Self> {
        if !share.is_of(&context.set) {
            return Err(Error::policy("a share of another set"));
        }
        if context.trustee == context.set.owner {
            return Err(Error::policy("nobody is a trustee of his own"));
        }
        let header = Header::new(ObjectKind::RecoveryShare, context.trustee_generation);
        let head = share.head();
        let sealed = hpke::seal(
            trustee,
            &info(header),
            &context.aad(header, head, trustee.fingerprint()),
            share.expose(),
        )?;
        let mut bytes = Box::new([0; WRAPPED_SHARE_BYTES]);
        bytes[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        bytes[HEADER_BYTES..HEADER_BYTES + HEAD_BYTES].copy_from_slice(&head);
        bytes[HEADER_BYTES + HEAD_BYTES..].copy_from_slice(&sealed);
        Ok(Self(bytes))
    }

    /// Unwraps the share.
    ///
    /// # Errors
    /// `Tampered` for another key, altered bytes or another place, without saying which.
    pub fn unwrap(&self, trustee: &PrivateKeys, context: &TrusteeContext) -> Result<RecoveryShare> {
        let (header, head, sealed) = self.split()?;
        if header.key_version() != context.trustee_generation {
            return Err(Error::tampered("a share for another key generation"));
        }
        let plaintext = hpke::open(
            trustee,
            &info(header),
            &context.aad(header, head, trustee.public().fingerprint()),
            sealed,
        )?;
        let mut value = SecretBox::new(Box::new([0; SECRET_BYTES]));
        value.expose_secret_mut().copy_from_slice(&plaintext);
        RecoveryShare::from_parts(context.set.set, context.set.version, head, value)
    }

    fn split(&self) -> Result<(Header, [u8; HEAD_BYTES], &[u8])> {
        let (header, body) = Header::split(ObjectKind::RecoveryShare, self.0.as_ref())?;
        let (head, sealed) = body
            .split_first_chunk()
            .ok_or(Error::malformed("a wrapped share has another length"))?;
        Ok((header, *head, sealed))
    }

    /// The stored form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// HPKE `info`: the domain and the header with its suite.
fn info(header: Header) -> Vec<u8> {
    symmetric_box::context(Domain::RecoveryShare, header).finish()
}

impl fmt::Debug for WrappedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedShare").finish_non_exhaustive()
    }
}
