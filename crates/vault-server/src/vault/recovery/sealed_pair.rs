//! The two sealed halves that a client hands in, as they are stored, with the state of the
//! owner's keys at that moment.
//!
//! ```text
//! u8 format (1) | u32 secret version | u32 key pair generation
//!               | u32 length of the first half | first half | second half
//! ```

use vault_store::limits::RECOVERY_BYTES_MAX;

use crate::vault::error::{Invalid, VaultError};
use crate::vault::keys::CheckedRing;

/// Bytes of one half.
pub const HALF_BYTES_MAX: usize = 24 * 1024;

const FORMAT: u8 = 1;
const HEAD_BYTES: usize = 1 + 3 * 4;
const _: () = assert!(HEAD_BYTES + 2 * HALF_BYTES_MAX <= RECOVERY_BYTES_MAX);

/// Two opaque halves.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPair {
    /// The owner's secret version when they came.
    pub secret_version: u32,
    /// The owner's key pair generation when they came.
    pub generation: u32,
    /// What came for the P-256 key.
    pub ecc: Vec<u8>,
    /// What came for the ML-KEM key.
    pub kyber: Vec<u8>,
}

impl SealedPair {
    /// Halves that came just now, each of 1 to [`HALF_BYTES_MAX`] bytes.
    pub(super) fn new(ring: &CheckedRing, ecc: &[u8], kyber: &[u8]) -> Result<Self, VaultError> {
        if ecc.len() > HALF_BYTES_MAX || kyber.len() > HALF_BYTES_MAX {
            return Err(VaultError::TooLarge);
        }
        if ecc.is_empty() || kyber.is_empty() {
            return Err(VaultError::Invalid(Invalid::SealedHalf));
        }
        Ok(Self {
            secret_version: ring.keys.secret_version,
            generation: ring.keys.current_generation,
            ecc: ecc.to_vec(),
            kyber: kyber.to_vec(),
        })
    }

    /// Reads the stored form; `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let ([format], rest) = bytes.split_first_chunk()?;
        let (secret_version, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (ecc, kyber) = rest.split_at_checked(length)?;
        let sizes = 1..=HALF_BYTES_MAX;
        let fits = sizes.contains(&ecc.len()) && sizes.contains(&kyber.len());
        (*format == FORMAT && fits).then(|| Self {
            secret_version: u32::from_be_bytes(*secret_version),
            generation: u32::from_be_bytes(*generation),
            ecc: ecc.to_vec(),
            kyber: kyber.to_vec(),
        })
    }

    /// Reads what an authenticated row holds.
    pub(super) fn stored(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::parse(bytes).ok_or(VaultError::Tampered("a recovery share"))
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.ecc.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![FORMAT];
        for number in [self.secret_version, self.generation, length] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.ecc);
        bytes.extend_from_slice(&self.kyber);
        bytes
    }

    /// Whether the owner's secret or key pair has changed since.
    pub(super) fn is_stale(&self, ring: &CheckedRing) -> bool {
        (self.secret_version, self.generation) != ring.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_is_read_and_written() {
        let pair = SealedPair {
            secret_version: 7,
            generation: 3,
            ecc: vec![1, 2],
            kyber: vec![3],
        };
        let bytes = pair.to_bytes();
        assert!(SealedPair::parse(&bytes) == Some(pair));
        for cut in 0..bytes.len() {
            assert!(SealedPair::parse(&bytes[..cut]).is_none(), "{cut}");
        }
        for (at, byte) in [(0, 2), (12, 0), (12, 3), (12, 4), (9, 0xff)] {
            let mut changed = bytes.clone();
            changed[at] = byte;
            assert!(SealedPair::parse(&changed).is_none(), "{at} {byte}");
        }
    }
}
