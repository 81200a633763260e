//! The memory that collected bodies may take: together, and those of one user.
//!
//! In: a caller, and bytes to hold for them. Out: a `BodyShare` that is held as long as the
//! bytes are, or `overloaded`, at once: nothing waits here. Lengths count as soon as they are
//! announced, so a caller who sends slowly, or nothing, holds no more than a share.
//!
//! Who holds nothing has no entry, so the entries are as bounded as the budget.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault_store::{OrgId, UserId};

use crate::problem::{Code, Problem};
use crate::vault::principal::{Principal, Role};

/// One user can hold one part in so many.
const PARTS: usize = 2;

tokio::task_local! {
    static CURRENT: Purse;
}

/// Whose bytes: a user, or nobody in particular.
type Holder = Option<(OrgId, UserId)>;

/// The memory that collected bodies may take together. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    bytes: Arc<Semaphore>,
    shares: Arc<Shares>,
}

#[derive(Debug)]
struct Shares {
    bytes_max: usize,
    held: Mutex<HashMap<Holder, usize>>,
}

/// The budget of one call.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    budget: BodyBudget,
    holder: Holder,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(super) struct BodyShare {
    shares: Arc<Shares>,
    holder: Holder,
    bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl BodyBudget {
    /// A budget of `bytes_max` bytes. One user can hold half of it, and in any case one body of
    /// `body_bytes_max`.
    #[must_use]
    pub fn new(bytes_max: usize, body_bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS);
        let share = (bytes_max / PARTS).max(body_bytes_max).min(bytes_max);
        Self {
            bytes: Arc::new(Semaphore::new(bytes_max)),
            shares: Arc::new(Shares {
                bytes_max: share,
                held: Mutex::default(),
            }),
        }
    }

    /// Holds [`read_body`](super::read_body) to this budget and to the share of `caller` within
    /// `work`, tasks that it spawns excluded.
    pub fn govern<F: Future>(
        &self,
        caller: Option<&Principal>,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let purse = Purse {
            budget: self.clone(),
            holder: caller.and_then(holder),
        };
        CURRENT.scope(purse, work)
    }
}

fn holder(caller: &Principal) -> Holder {
    match caller.role {
        Role::Root => None,
        Role::User {
            org_id, user_id, ..
        } => Some((org_id, user_id)),
    }
}

impl Purse {
    /// That of the current call; there is none outside of a server.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// `overloaded`.
    pub(super) fn take(&self, bytes: usize) -> Result<BodyShare, Problem> {
        let shares = &self.budget.shares;
        let mut held = shares.lock();
        let sum = held.get(&self.holder).copied().unwrap_or_default() + bytes;
        if sum > shares.bytes_max {
            return Err(overloaded(
                "The server holds as many request bodies of this user as it allows.",
            ));
        }
        let permits = u32::try_from(bytes).ok();
        let permit = permits
            .and_then(|permits| {
                let all = Arc::clone(&self.budget.bytes);
                all.try_acquire_many_owned(permits).ok()
            })
            .ok_or_else(|| {
                overloaded("The server holds as many request bodies in memory as it allows.")
            })?;
        held.insert(self.holder, sum);
        Ok(BodyShare {
            shares: Arc::clone(shares),
            holder: self.holder,
            bytes,
            _permit: permit,
        })
    }
}

fn overloaded(detail: &'static str) -> Problem {
    Problem::new(Code::Overloaded, detail)
}

impl Shares {
    /// No step under the lock can panic halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        match held.get_mut(&self.holder) {
            Some(bytes) if *bytes > self.bytes => *bytes -= self.bytes,
            _ => {
                held.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn purse(budget: &BodyBudget, user: u128) -> Purse {
        let id = Uuid::from_u128;
        Purse {
            budget: budget.clone(),
            holder: Some((id(1).into(), id(user).into())),
        }
    }

    #[test]
    fn one_user_holds_a_share_and_leaves_the_rest() {
        let budget = BodyBudget::new(1_000, 10);
        let (one, other) = (purse(&budget, 1), purse(&budget, 2));
        let first = one.take(300).unwrap();
        let second = one.take(200).unwrap();
        assert_eq!(one.take(1).unwrap_err().code(), Code::Overloaded);
        let rest = other.take(500).unwrap();
        let third = purse(&budget, 3);
        assert_eq!(third.take(1).unwrap_err().code(), Code::Overloaded);
        drop(first);
        drop(one.take(300).unwrap());
        drop((second, rest));
        assert!(budget.shares.lock().is_empty());
        assert_eq!(budget.bytes.available_permits(), 1_000);
    }

    #[test]
    fn a_share_holds_one_body_at_least() {
        let budget = BodyBudget::new(1_000, 900);
        drop(purse(&budget, 1).take(900).unwrap());
        assert!(purse(&budget, 1).take(901).is_err());
    }
}
