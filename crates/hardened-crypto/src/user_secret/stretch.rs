//! From a secret to a root key: HKDF-Extract for random bits, Argon2id for a passphrase.

use super::protection::SALT_BYTES;
use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ring::hmac;
use secrecy::{ExposeSecretMut, SecretBox};
use std::fmt;
use zeroize::Zeroize;

/// Cost of Argon2id, always inside the accepted window.
///
/// Floor: 12 MiB, and one pass only with 46 MiB or more (the OWASP equivalents). Ceiling:
/// 256 MiB, 10 passes, 4 lanes, so that no stored row is a memory bomb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseCost {
    /// 19 MiB, 2 passes, 1 lane: about 20 ms.
    pub const DEFAULT: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// 64 MiB, 3 passes, 1 lane: about 130 ms.
    pub const STRONG: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    const MEMORY_KIB_MIN: u32 = 12 * 1024;
    const MEMORY_KIB_MIN_ONE_PASS: u32 = 46 * 1024;
    const MEMORY_KIB_MAX: u32 = 256 * 1024;
    const PASSES_MAX: u32 = 10;
    const LANES_MAX: u32 = 4;

    /// Work of one hash: memory times passes, in KiB.
    #[must_use]
    pub const fn work(self) -> u64 {
        self.memory_kib as u64 * self.passes as u64
    }

    /// Whether `other` asks more of a guesser in memory or work, and less in neither.
    #[must_use]
    pub const fn is_below(self, other: Self) -> bool {
        let no_less = self.memory_kib <= other.memory_kib && self.work() <= other.work();
        no_less && (self.memory_kib < other.memory_kib || self.work() < other.work())
    }

    /// A cost of `memory_kib` KiB, `passes` and `lanes`.
    ///
    /// # Errors
    /// `Policy` outside the accepted window.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self> {
        let floor = if passes == 1 {
            Self::MEMORY_KIB_MIN_ONE_PASS
        } else {
            Self::MEMORY_KIB_MIN
        };
        let inside = memory_kib >= floor
            && memory_kib <= Self::MEMORY_KIB_MAX
            && passes >= 1
            && passes <= Self::PASSES_MAX
            && lanes >= 1
            && lanes <= Self::LANES_MAX;
        if inside {
            Ok(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(Error::policy("Argon2id cost outside the accepted window"))
        }
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Memory in KiB that an [`Argon2Arena`] keeps between calls at most: that of
/// [`PassphraseCost::STRONG`]. What one costlier row needed more is given back.
pub const ARENA_KEPT_KIB_MAX: u32 = 64 * 1024;

const KEPT_BLOCKS_MAX: usize = ARENA_KEPT_KIB_MAX as usize * 1024 / Block::SIZE;

/// Memory that Argon2id works in, kept from one call to the next and wiped after each.
///
/// Empty until first used; a generated secret never uses it. Between calls it holds at most
/// [`ARENA_KEPT_KIB_MAX`] KiB.
#[derive(Default)]
pub struct Argon2Arena {
    blocks: Vec<Block>,
}

impl Argon2Arena {
    fn take(&mut self, blocks: usize) -> Result<Working<'_>> {
        if let Some(missing) = blocks.checked_sub(self.blocks.len()) {
            self.blocks
                .try_reserve_exact(missing)
                .map_err(|_| Error::unavailable("no memory for Argon2id"))?;
            self.blocks.resize_with(blocks, Block::default);
        }
        Ok(Working {
            arena: self,
            blocks,
        })
    }
}

/// An arena in use. Dropping it wipes what was used and gives back what is too much to
/// keep, also on the way out of a panic.
struct Working<'a> {
    arena: &'a mut Argon2Arena,
    blocks: usize,
}

impl Working<'_> {
    fn blocks(&mut self) -> &mut [Block] {
        &mut self.arena.blocks[..self.blocks]
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.blocks().iter_mut().for_each(Zeroize::zeroize);
        let kept = &mut self.arena.blocks;
        if kept.len() > KEPT_BLOCKS_MAX {
            kept.truncate(KEPT_BLOCKS_MAX);
            kept.shrink_to_fit();
        }
    }
}

impl fmt::Debug for Argon2Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Arena").finish_non_exhaustive()
    }
}

/// HKDF-Extract-SHA256: HMAC(salt, secret). Enough for 256 random bits.
pub(crate) fn extract(salt: &[u8; SALT_BYTES], secret: &[u8; 32]) -> SecretBox<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let mut root = SecretBox::new(Box::new([0; 32]));
    // The tag holds the root, too, and ring gives no way to wipe it.
    root.expose_secret_mut()
        .copy_from_slice(hmac::sign(&key, secret).as_ref());
    root
}

/// Argon2id version 0x13 (RFC 9106), 32 bytes out.
pub(crate) fn argon2id(
    passphrase: &[u8],
    salt: &[u8; SALT_BYTES],
    cost: PassphraseCost,
    arena: &mut Argon2Arena,
) -> Result<SecretBox<[u8; 32]>> {
    const FAILED: Error = Error::unavailable("Argon2id failed");
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32));
    let argon2 = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        params.map_err(|_| FAILED)?,
    );
    let mut memory = arena.take(argon2.params().block_count())?;
    let mut root = SecretBox::new(Box::new([0; 32]));
    argon2
        .hash_password_into_with_memory(passphrase, salt, root.expose_secret_mut(), memory.blocks())
        .map_err(|_| FAILED)?;
    Ok(root)
}

#[cfg(test)]
#[path = "stretch/tests.rs"]
mod tests;

#[cfg(test)]
mod arena_tests {
    use super::*;

    fn hash(cost: PassphraseCost, arena: &mut Argon2Arena) {
        argon2id(b"passphrase", &[7; SALT_BYTES], cost, arena).unwrap();
    }

    fn is_wiped(arena: &Argon2Arena) -> bool {
        let words = |block: &Block| AsRef::<[u64]>::as_ref(block).iter().all(|word| *word == 0);
        arena.blocks.iter().all(words)
    }

    #[test]
    fn keeps_what_is_usual_and_gives_back_the_rest() {
        let mut arena = Argon2Arena::default();
        hash(PassphraseCost::DEFAULT, &mut arena);
        assert_eq!(arena.blocks.len(), 19 * 1024);
        assert!(is_wiped(&arena));

        hash(PassphraseCost::new(96 * 1024, 1, 1).unwrap(), &mut arena);
        assert_eq!(arena.blocks.len(), KEPT_BLOCKS_MAX);
        assert_eq!(arena.blocks.capacity(), KEPT_BLOCKS_MAX);
        assert!(is_wiped(&arena));
    }

    #[test]
    fn a_panic_wipes_the_arena() {
        let mut arena = Argon2Arena::default();
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut memory = arena.take(64).unwrap();
            AsMut::<[u64]>::as_mut(&mut memory.blocks()[63])[5] = 1;
            panic!("in the middle of a hash");
        }));
        assert!(unwound.is_err());
        assert_eq!(arena.blocks.len(), 64);
        assert!(is_wiped(&arena));
    }
}
