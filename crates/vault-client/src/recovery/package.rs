//! The two opaque halves of what a trustee holds.
//!
//! ```text
//! first half:  u8 format (1) | u32 set version
//!              | fingerprint of the trustee's keys (32) | u8 masked | [mask salt (16)]
//!              | wrapped share
//! second half: u8 format (1) | u8 number, then for each u32 generation, u16 length, envelope
//!              | u16 length, envelope of the account key
//! ```

use crate::error::ClientError;
use hardened_crypto::{
    key_pair::Fingerprint,
    recovery::{MASK_SALT_BYTES, MaskSalt, RESTORED_KEY_PAIRS_MAX, WrappedShare},
};

const FORMAT: u8 = 1;
const UNREADABLE: ClientError = ClientError::Answer("not a recovery share of this client");

/// One trustee's share, as it is stored.
#[derive(Debug)]
pub struct SharePackage {
    /// The version of the set.
    pub set_version: u32,
    /// The trustee's keys that it is wrapped to.
    pub trustee: Fingerprint,
    /// The salt of the mask, if one lies over the share.
    pub salt: Option<MaskSalt>,
    /// The share.
    pub wrapped: WrappedShare,
}

impl SharePackage {
    /// Reads the first half.
    ///
    /// # Errors
    /// [`ClientError::Answer`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClientError> {
        let ([format], rest) = take::<1>(bytes)?;
        let (set_version, rest) = take::<4>(rest)?;
        let (trustee, rest) = take::<32>(rest)?;
        let (salt, rest) = match take::<1>(rest)? {
            ([0], rest) => (None, rest),
            ([1], rest) => {
                let (salt, rest) = take::<MASK_SALT_BYTES>(rest)?;
                (Some(MaskSalt(salt)), rest)
            }
            _ => return Err(UNREADABLE),
        };
        if format != FORMAT {
            return Err(UNREADABLE);
        }
        Ok(Self {
            set_version: u32::from_be_bytes(set_version),
            trustee: Fingerprint(trustee),
            salt,
            wrapped: WrappedShare::parse(rest).map_err(|_| UNREADABLE)?,
        })
    }

    /// The first half.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.set_version.to_be_bytes());
        bytes.extend_from_slice(&self.trustee.0);
        bytes.push(self.salt.is_some().into());
        if let Some(salt) = &self.salt {
            bytes.extend_from_slice(&salt.0);
        }
        bytes.extend_from_slice(self.wrapped.as_bytes());
        bytes
    }
}

/// The owner's keys under the recovery key; the same for every trustee of a set.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Private keys of every generation, ascending.
    pub key_pairs: Vec<(u32, Vec<u8>)>,
    /// The account key.
    pub account_key: Vec<u8>,
}

impl Envelope {
    /// Reads the second half.
    ///
    /// # Errors
    /// [`ClientError::Answer`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClientError> {
        let ([format, count], mut rest) = take::<2>(bytes)?;
        let count = usize::from(count);
        if format != FORMAT || !(1..=RESTORED_KEY_PAIRS_MAX).contains(&count) {
            return Err(UNREADABLE);
        }
        let mut key_pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let (generation, after) = take::<4>(rest)?;
            let (sealed, after) = sized(after)?;
            key_pairs.push((u32::from_be_bytes(generation), sealed.to_vec()));
            rest = after;
        }
        let (account_key, rest) = sized(rest)?;
        if !rest.is_empty() || !key_pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(UNREADABLE);
        }
        Ok(Self {
            key_pairs,
            account_key: account_key.to_vec(),
        })
    }

    /// The second half.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for more generations than a recovery holds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ClientError> {
        const TOO_MANY: ClientError = ClientError::Usage("too many key pairs for a recovery");
        let count = u8::try_from(self.key_pairs.len()).map_err(|_| TOO_MANY)?;
        if !(1..=RESTORED_KEY_PAIRS_MAX).contains(&usize::from(count)) {
            return Err(TOO_MANY);
        }
        let mut bytes = vec![FORMAT, count];
        for (generation, sealed) in &self.key_pairs {
            bytes.extend_from_slice(&generation.to_be_bytes());
            put_sized(&mut bytes, sealed).ok_or(TOO_MANY)?;
        }
        put_sized(&mut bytes, &self.account_key).ok_or(TOO_MANY)?;
        Ok(bytes)
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), ClientError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(UNREADABLE)?;
    Ok((*head, rest))
}

fn sized(bytes: &[u8]) -> Result<(&[u8], &[u8]), ClientError> {
    let (length, rest) = take::<2>(bytes)?;
    let length = usize::from(u16::from_be_bytes(length));
    rest.split_at_checked(length).ok_or(UNREADABLE)
}

fn put_sized(bytes: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    let length = u16::try_from(part.len()).ok()?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_of_an_envelope_is_read_and_written() {
        let envelope = Envelope {
            key_pairs: vec![(1, vec![1, 2]), (4, vec![3])],
            account_key: vec![9],
        };
        let bytes = envelope.to_bytes().unwrap();
        assert_eq!(Envelope::parse(&bytes).unwrap(), envelope);
        for cut in 0..bytes.len() {
            assert!(Envelope::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Envelope::parse(&longer).is_err());
        let falling = Envelope {
            key_pairs: vec![(4, vec![1]), (1, vec![2])],
            account_key: vec![9],
        };
        assert!(Envelope::parse(&falling.to_bytes().unwrap()).is_err());
    }
}
