//! The memory that opened values may take until their answers are gone: together, and those of
//! one user.
//!
//! In: a user, and the contents to open for them. Out: an [`OpenedShare`] that is held as long as
//! what was opened, or [`VaultError::TooMuchOpened`], at once: nothing waits here. So a reader who
//! takes answers slowly, or never, holds no more than a share.
//!
//! Promise: what is larger than a share takes a whole one, so every stored value can be read,
//! whatever the bound is. Who holds nothing has no entry.
//! Not here: contents that are opened to be written again, which no answer holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::access::Member;
use super::error::VaultError;

/// One user can hold one part in so many.
const PARTS: usize = 2;
/// What an answer holds for one value beside its contents: the longest name, escaped, and a frame.
const FRAME_BYTES: usize = 4 * 1024;

/// Counts the bytes of opened values.
pub(crate) struct OpenedBytes {
    bytes_max: usize,
    per_user_max: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    all: usize,
    of: HashMap<Member, usize>,
}

/// Room for what one call opens, given back when dropped.
pub struct OpenedShare {
    whose: Member,
    bytes: usize,
    held: Arc<Mutex<Held>>,
}

/// What was opened, with its share. Whoever takes it apart holds the share as long as the bytes.
#[derive(Debug)]
pub struct Opened<T> {
    /// What was opened.
    pub content: T,
    /// Its share.
    pub share: OpenedShare,
}

impl OpenedBytes {
    /// Room for `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            per_user_max: bytes_max.div_ceil(PARTS),
            held: Arc::default(),
        }
    }

    /// Room for opening contents of these sizes, and for an answer that holds them in base64.
    ///
    /// # Errors
    /// `TooMuchOpened`.
    pub(crate) fn take(
        &self,
        whose: Member,
        contents: impl IntoIterator<Item = usize>,
    ) -> Result<OpenedShare, VaultError> {
        let bytes: usize = contents.into_iter().map(answer_bytes).sum();
        let bytes = bytes.min(self.per_user_max);
        let mut held = lock(&self.held);
        let own = held.of.get(&whose).copied().unwrap_or_default() + bytes;
        if own > self.per_user_max || held.all + bytes > self.bytes_max {
            return Err(VaultError::TooMuchOpened);
        }
        held.all += bytes;
        held.of.insert(whose, own);
        Ok(OpenedShare {
            whose,
            bytes,
            held: Arc::clone(&self.held),
        })
    }
}

/// The contents, and once more in base64.
fn answer_bytes(content: usize) -> usize {
    content + content.div_ceil(3) * 4 + FRAME_BYTES
}

impl OpenedShare {
    /// Keeps room for `bytes` and gives the rest back.
    pub(crate) fn keep(&mut self, bytes: usize) {
        let kept = bytes.min(self.bytes);
        self.give_back(self.bytes - kept);
    }

    fn give_back(&mut self, bytes: usize) {
        let mut held = lock(&self.held);
        self.bytes -= bytes;
        held.all -= bytes;
        match held.of.get_mut(&self.whose) {
            Some(own) if *own > bytes => *own -= bytes,
            _ => {
                held.of.remove(&self.whose);
            }
        }
    }
}

impl Drop for OpenedShare {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

impl fmt::Debug for OpenedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedShare")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// No step under the lock can panic halfway.
fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const KIB: usize = 1024;

    fn member(number: u128) -> Member {
        Member {
            org_id: Uuid::from_u128(1).into(),
            user_id: Uuid::from_u128(number).into(),
        }
    }

    #[test]
    fn one_user_holds_a_share_and_leaves_the_rest() {
        // Room for two values of 3 KiB, which take 11 KiB each, and one of them is a share.
        let opened = OpenedBytes::new(22 * KIB);
        let one = opened.take(member(1), [3 * KIB]).unwrap();
        let refused = opened.take(member(1), [0]).unwrap_err();
        assert_eq!(refused, VaultError::TooMuchOpened);
        let other = opened.take(member(2), [3 * KIB]).unwrap();
        assert!(opened.take(member(3), [0]).is_err());
        drop(one);
        drop(opened.take(member(1), [3 * KIB]).unwrap());
        drop(other);
        assert_eq!(lock(&opened.held).all, 0);
        assert!(lock(&opened.held).of.is_empty());
    }

    #[test]
    fn what_an_answer_does_not_hold_is_given_back() {
        let opened = OpenedBytes::new(22 * KIB);
        let mut kept = opened.take(member(1), [3 * KIB]).unwrap();
        kept.keep(7 * KIB);
        let rest = opened.take(member(1), [0]).unwrap();
        assert!(opened.take(member(1), [0]).is_err());
        kept.keep(9 * KIB);
        drop(rest);
        kept.keep(0);
        assert!(lock(&opened.held).of.is_empty());
        drop(kept);
        assert_eq!(lock(&opened.held).all, 0);
    }

    #[test]
    fn what_is_larger_than_a_share_takes_a_whole_one() {
        let opened = OpenedBytes::new(22 * KIB);
        let whole = opened.take(member(1), [100 * KIB, 1]).unwrap();
        assert!(opened.take(member(1), [0]).is_err());
        drop(opened.take(member(2), [100 * KIB]).unwrap());
        drop(whole);
        assert!(lock(&opened.held).of.is_empty());
    }
}
