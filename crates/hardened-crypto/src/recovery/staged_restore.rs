//! Restored keys that wait for their owner.
//!
//! In: what trustees recovered, boxed under a new secret of the owner. Out: two blobs that
//! are stored beside the active boxes and replace nothing. Opening them is the check: the
//! secret must open them, they must hold the private half of every stored public key, and
//! the owner's secret must not have changed since.
//!
//! ```text
//! first blob:  u8 format (1) | u8 flags (1: account key) | protection | key pairs
//!              | [account key box]
//! second blob: u8 format (1) | key pairs
//! key pairs:   u8 number, then for each u32 generation and a box:
//!              P-256 in the first blob, ML-KEM in the second
//! ```

use crate::{
    account_key::AccountKey,
    error::{Error, Result},
    hybrid_kem::{ml_kem, p256},
    key_pair::{PrivateKeyBoxes, PrivateKeys, PublicKeys},
    symmetric_box::BOX_OVERHEAD_BYTES,
    user_secret::{Argon2Arena, Kek, PROTECTION_BYTES, Protection, SecretOwner, UserSecret},
};
use std::fmt;

/// Most generations of a key pair in one restore.
pub const RESTORED_KEY_PAIRS_MAX: usize = 64;

const FORMAT: u8 = 1;
const WITH_ACCOUNT_KEY: u8 = 1;
const P256_BOX_BYTES: usize = BOX_OVERHEAD_BYTES + p256::SCALAR_BYTES;
const ML_KEM_BOX_BYTES: usize = BOX_OVERHEAD_BYTES + ml_kem::SEED_BYTES;
const ACCOUNT_KEY_BOX_BYTES: usize = BOX_OVERHEAD_BYTES + 32;

const UNREADABLE: Error = Error::malformed("not a staged restore");

/// What is stored about the owner, to hold a restore against.
#[derive(Clone, Copy, Debug)]
pub struct StoredIdentity<'a> {
    /// Whose keys they are.
    pub owner: SecretOwner,
    /// Version of the owner's secret now; a restore is made for the next one.
    pub secret_version: u32,
    /// Every generation of the key pair that is still needed, rising.
    pub public: &'a [(u32, PublicKeys)],
}

/// A restore that nobody has accepted yet.
#[derive(Clone, PartialEq, Eq)]
pub struct StagedRestore {
    protection: Protection,
    key_pairs: Vec<(u32, PrivateKeyBoxes)>,
    account_key: Option<Vec<u8>>,
}

/// A restore that its secret has opened and that holds the right keys.
#[derive(Debug)]
pub struct OpenedRestore {
    /// Key encryption key of the new secret.
    pub kek: Kek,
    /// Every key pair asked for, with its generation.
    pub key_pairs: Vec<(u32, PrivateKeys)>,
    /// The account key, if the recovery set held one.
    pub account_key: Option<AccountKey>,
}

impl StagedRestore {
    /// Boxes restored keys under `kek`; `protection` was made with it.
    ///
    /// # Errors
    /// `Policy` for no or too many key pairs, generations that do not rise, or a
    /// `protection` of another version than `kek`; `Unavailable` when the system gives no
    /// randomness.
    pub fn make(
        kek: &Kek,
        protection: Protection,
        key_pairs: &[(u32, PrivateKeys)],
        account_key: Option<&AccountKey>,
    ) -> Result<Self> {
        if protection.secret_version() != kek.secret_version() {
            return Err(Error::policy("a protection of another secret version"));
        }
        let generations = key_pairs.iter().map(|(generation, _)| *generation);
        if !is_accepted(generations) {
            return Err(Error::policy(
                "key pairs must be few, with rising generations",
            ));
        }
        let seal = |(generation, keys): &(u32, PrivateKeys)| {
            Ok((*generation, keys.seal(kek, *generation)?))
        };
        Ok(Self {
            protection,
            key_pairs: key_pairs.iter().map(seal).collect::<Result<_>>()?,
            account_key: account_key.map(|key| key.seal(kek)).transpose()?,
        })
    }

    /// Opens the restore with the owner's new secret and checks it against what is stored.
    ///
    /// # Errors
    /// `WrongSecret` when it is another secret; `Policy` when the stored secret has changed
    /// since, a stored generation is missing, or the cost is outside the accepted window;
    /// `Malformed` or `Tampered` when a box does not open or holds other keys than the
    /// stored public ones; `Unavailable` when the system gives no memory.
    pub fn open(
        &self,
        secret: &UserSecret,
        stored: &StoredIdentity<'_>,
        arena: &mut Argon2Arena,
    ) -> Result<OpenedRestore> {
        if stored.secret_version.checked_add(1) != Some(self.protection.secret_version()) {
            return Err(Error::policy("a restore of another secret version"));
        }
        let kek = secret.unlock(stored.owner, &self.protection, arena)?;
        let open = |(generation, public): &(u32, PublicKeys)| {
            let boxes = self.key_pairs.iter().find(|pair| pair.0 == *generation);
            let (_, boxes) = boxes.ok_or(Error::policy("a restore without a stored key pair"))?;
            Ok((*generation, boxes.open(&kek, *generation, public)?))
        };
        let key_pairs = stored.public.iter().map(open).collect::<Result<_>>()?;
        let account_key = self
            .account_key
            .as_deref()
            .map(|sealed| AccountKey::open(&kek, sealed))
            .transpose()?;
        Ok(OpenedRestore {
            kek,
            key_pairs,
            account_key,
        })
    }

    /// How its secret is checked; stored as the owner's own when the restore is accepted.
    #[must_use]
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Its boxes, stored as the owner's own when the restore is accepted.
    #[must_use]
    pub fn key_pairs(&self) -> &[(u32, PrivateKeyBoxes)] {
        &self.key_pairs
    }

    /// The box of the account key.
    #[must_use]
    pub fn account_key(&self) -> Option<&[u8]> {
        self.account_key.as_deref()
    }

    /// The two blobs: P-256 and everything else, then ML-KEM.
    #[must_use]
    pub fn to_blobs(&self) -> (Vec<u8>, Vec<u8>) {
        let flags = if self.account_key.is_some() {
            WITH_ACCOUNT_KEY
        } else {
            0
        };
        let count = u8::try_from(self.key_pairs.len()).expect("at most 64, checked when made");
        let mut first = vec![FORMAT, flags];
        first.extend_from_slice(&self.protection.to_bytes());
        first.push(count);
        let mut second = vec![FORMAT, count];
        for (generation, boxes) in &self.key_pairs {
            first.extend_from_slice(&generation.to_be_bytes());
            first.extend_from_slice(&boxes.p256);
            second.extend_from_slice(&generation.to_be_bytes());
            second.extend_from_slice(&boxes.ml_kem);
        }
        first.extend_from_slice(self.account_key.as_deref().unwrap_or_default());
        (first, second)
    }

    /// Reads the two blobs. Exactly one pair of blobs stands for one restore.
    ///
    /// # Errors
    /// `Malformed` for anything else; `Policy` for a cost outside the accepted window.
    pub fn parse(first: &[u8], second: &[u8]) -> Result<Self> {
        let FirstBlob {
            protection,
            scalars,
            account_key,
        } = FirstBlob::parse(first)?;
        let seeds = parse_second(second)?;
        if !scalars
            .iter()
            .map(|one| one.0)
            .eq(seeds.iter().map(|one| one.0))
        {
            return Err(UNREADABLE);
        }
        let join = |((generation, scalar), (_, seed)): (Boxed<'_>, Boxed<'_>)| {
            let boxes = PrivateKeyBoxes {
                p256: scalar.to_vec(),
                ml_kem: seed.to_vec(),
            };
            (generation, boxes)
        };
        Ok(Self {
            protection,
            key_pairs: scalars.into_iter().zip(seeds).map(join).collect(),
            account_key: account_key.map(<[u8]>::to_vec),
        })
    }
}

/// A box and the generation in front of it.
type Boxed<'a> = (u32, &'a [u8]);

struct FirstBlob<'a> {
    protection: Protection,
    scalars: Vec<Boxed<'a>>,
    account_key: Option<&'a [u8]>,
}

impl<'a> FirstBlob<'a> {
    fn parse(blob: &'a [u8]) -> Result<Self> {
        let ([format, flags], rest) = blob.split_first_chunk().ok_or(UNREADABLE)?;
        if *format != FORMAT {
            return Err(UNREADABLE);
        }
        let (protection, rest) = rest.split_at_checked(PROTECTION_BYTES).ok_or(UNREADABLE)?;
        let (scalars, rest) = parse_boxes(rest, P256_BOX_BYTES)?;
        let account_key = match (*flags, rest.len()) {
            (0, 0) => None,
            (WITH_ACCOUNT_KEY, ACCOUNT_KEY_BOX_BYTES) => Some(rest),
            _ => return Err(UNREADABLE),
        };
        Ok(Self {
            protection: Protection::parse(protection)?,
            scalars,
            account_key,
        })
    }
}

fn parse_second(second: &[u8]) -> Result<Vec<Boxed<'_>>> {
    match second.split_first() {
        Some((&FORMAT, rest)) => match parse_boxes(rest, ML_KEM_BOX_BYTES)? {
            (boxes, []) => Ok(boxes),
            _ => Err(UNREADABLE),
        },
        _ => Err(UNREADABLE),
    }
}

fn is_accepted(generations: impl Iterator<Item = u32> + Clone) -> bool {
    let count = generations.clone().count();
    (1..=RESTORED_KEY_PAIRS_MAX).contains(&count) && generations.is_sorted_by(|a, b| a < b)
}

/// Reads a number of generations with boxes of `box_bytes`; gives back what is behind them.
fn parse_boxes(bytes: &[u8], box_bytes: usize) -> Result<(Vec<Boxed<'_>>, &[u8])> {
    let (&count, rest) = bytes.split_first().ok_or(UNREADABLE)?;
    let entry_bytes = 4 + box_bytes;
    let (entries, rest) = rest
        .split_at_checked(usize::from(count) * entry_bytes)
        .ok_or(UNREADABLE)?;
    let boxes: Vec<Boxed<'_>> = entries
        .chunks_exact(entry_bytes)
        .filter_map(<[u8]>::split_first_chunk)
        .map(|(generation, sealed)| (u32::from_be_bytes(*generation), sealed))
        .collect();
    if is_accepted(boxes.iter().map(|one| one.0)) {
        Ok((boxes, rest))
    } else {
        Err(UNREADABLE)
    }
}

impl fmt::Debug for StagedRestore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedRestore").finish_non_exhaustive()
    }
}
