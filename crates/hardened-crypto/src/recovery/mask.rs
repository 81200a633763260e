//! The answer mask: an optional second lock on a share, that the answer to a hint takes off.
//!
//! `mask = HKDF-Expand(Argon2id(answer, salt, 64 MiB, 3 passes), owner, trustee, set,
//! component, x)`, XORed onto the share before it is wrapped. Each share has a salt of its
//! own: the API makes it, and consumes the share, so that no mask covers two shares.
//!
//! Promise: answer bytes themselves are never XORed onto anything; that form does not exist
//! here. A wrong answer looks like a right one until the envelope refuses: a share alone
//! gives no way to test guesses.
//!
//! Not here: the hint. It is stored elsewhere than the salt and is no secret.

use super::{RecoverySet, RecoveryShare};
use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    ids::UserId,
    random,
    user_secret::{Argon2Arena, PassphraseCost, ProtectionKind, SALT_BYTES, argon2id, expand_key},
};
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;
use zeroize::Zeroizing;

/// Longest normalised answer in bytes.
pub const ANSWER_BYTES_MAX: usize = 256;
/// Bytes of a mask's salt.
pub const MASK_SALT_BYTES: usize = SALT_BYTES;

const COST: PassphraseCost = PassphraseCost::STRONG;
/// What is masked. Private keys are never masked themselves, so there is one component.
const COMPONENT_RECOVERY_KEY: u8 = 1;

/// The answer to a hint, normalised.
///
/// Normal form: each run of white space is one space, none at the ends; each character in
/// Unicode lower case, a final sigma as any other sigma. Accents count, and an accent typed
/// as a character of its own is another answer than one typed together with its letter: no
/// Unicode composition is done, whose tables would have to stay the same for ever.
///
/// An answer has few bits. Whoever holds both the masked share and the rest that opens the
/// envelope tests one guess in about 130 ms: ten thousand names of dogs take 22 minutes. The
/// mask is a delay, not a lock.
pub struct Answer(Zeroizing<String>);

impl Answer {
    /// Normalises an answer.
    ///
    /// # Errors
    /// `Policy` when it is empty or longer than [`ANSWER_BYTES_MAX`] bytes in normal form.
    pub fn new(typed: &str) -> Result<Self> {
        const LENGTH: Error = Error::policy("an answer is 1 to 256 bytes long");
        // Sized first, so that no copy is left behind by growing.
        let mut normal = Zeroizing::new(String::with_capacity(ANSWER_BYTES_MAX));
        for word in typed.split_whitespace() {
            let gap = (!normal.is_empty()).then_some(' ');
            let letters = word.chars().flat_map(char::to_lowercase);
            for letter in gap.into_iter().chain(letters) {
                let letter = if letter == 'ς' { 'σ' } else { letter };
                if normal.len() + letter.len_utf8() > ANSWER_BYTES_MAX {
                    return Err(LENGTH);
                }
                normal.push(letter);
            }
        }
        if normal.is_empty() {
            return Err(LENGTH);
        }
        Ok(Self(normal))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// The random salt of one mask; stored beside the wrapped share, apart from the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskSalt(pub [u8; MASK_SALT_BYTES]);

impl RecoveryShare {
    /// Masks the share for `trustee` with an answer, under a fresh salt. Takes about as long
    /// as the costlier setting of a passphrase (see [`PassphraseCost::STRONG`]).
    ///
    /// # Errors
    /// `Policy` when it is masked already or of another set; `Unavailable` when the system
    /// gives no randomness or memory.
    pub fn mask(
        self,
        answer: &Answer,
        set: &RecoverySet,
        trustee: UserId,
        arena: &mut Argon2Arena,
    ) -> Result<(Self, MaskSalt)> {
        if self.is_masked() {
            return Err(Error::policy("the share is masked already"));
        }
        let salt = MaskSalt(random::bytes()?);
        let mask = derive(&self, answer, &salt, set, trustee, arena)?;
        Ok((self.toggle_mask(&mask), salt))
    }

    /// Takes the mask off. A wrong answer gives a wrong share, which the envelope refuses.
    ///
    /// # Errors
    /// `Policy` when it is not masked or of another set; `Unavailable` when the system gives
    /// no memory.
    pub fn unmask(
        self,
        answer: &Answer,
        salt: &MaskSalt,
        set: &RecoverySet,
        trustee: UserId,
        arena: &mut Argon2Arena,
    ) -> Result<Self> {
        if !self.is_masked() {
            return Err(Error::policy("the share is not masked"));
        }
        let mask = derive(&self, answer, salt, set, trustee, arena)?;
        Ok(self.toggle_mask(&mask))
    }
}

fn derive(
    share: &RecoveryShare,
    answer: &Answer,
    salt: &MaskSalt,
    set: &RecoverySet,
    trustee: UserId,
    arena: &mut Argon2Arena,
) -> Result<SecretBox<[u8; 32]>> {
    if !share.is_of(set) {
        return Err(Error::policy("a share of another set"));
    }
    let root = argon2id(answer.0.as_bytes(), &salt.0, COST, arena)?;
    let context = ProtectionKind::Passphrase(COST).bind(Context::new(Domain::RecoveryMask));
    let context = set
        .bind(context)
        .bytes(&trustee.0)
        .u8(COMPONENT_RECOVERY_KEY)
        .u8(share.x())
        .finish();
    // Expose: the root keys this one expansion.
    expand_key(root.expose_secret(), &context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_normalised() {
        for (typed, normal) in [
            ("Rex", "rex"),
            ("  Rex \t the\n  DOG ", "rex the dog"),
            ("R\u{a0}e x", "r e x"),
            ("ÄNNCHEN", "ännchen"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("οδυσσευς", "οδυσσευσ"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(Answer::new(typed).unwrap().0.as_str(), normal);
        }
    }

    #[test]
    fn answers_are_bounded_after_normalising() {
        for empty in ["", " ", "\u{2003}\t"] {
            assert!(Answer::new(empty).is_err());
        }
        let longest = "x".repeat(ANSWER_BYTES_MAX);
        assert!(Answer::new(&format!("  {longest}  ")).is_ok());
        assert!(Answer::new(&format!("{longest}x")).is_err());
        // Lower case may be longer than upper case.
        assert!(Answer::new(&"İ".repeat(ANSWER_BYTES_MAX / 2)).is_err());
    }
}
