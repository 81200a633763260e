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

/// Memory that Argon2id works in, kept from one call to the next and wiped after each.
///
/// Empty until first used; a generated secret never uses it.
#[derive(Default)]
pub struct Argon2Arena {
    blocks: Vec<Block>,
}

impl Argon2Arena {
    fn take(&mut self, blocks: usize) -> Result<&mut [Block]> {
        if let Some(missing) = blocks.checked_sub(self.blocks.len()) {
            self.blocks
                .try_reserve_exact(missing)
                .map_err(|_| Error::unavailable("no memory for Argon2id"))?;
            self.blocks.resize_with(blocks, Block::default);
        }
        Ok(&mut self.blocks[..blocks])
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
    let blocks = arena.take(argon2.params().block_count())?;
    let mut root = SecretBox::new(Box::new([0; 32]));
    let hashed = argon2.hash_password_into_with_memory(
        passphrase,
        salt,
        root.expose_secret_mut(),
        &mut *blocks,
    );
    for block in blocks {
        block.zeroize();
    }
    hashed.map_err(|_| FAILED)?;
    Ok(root)
}

#[cfg(test)]
#[path = "stretch/tests.rs"]
mod tests;
