//! How many files are on their way at once: in all, and for one user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::vault::access::Member;
use crate::vault::error::VaultError;

/// Transfers of one direction.
pub(in crate::vault) struct Transfers {
    all_max: usize,
    per_user_max: usize,
    // Holds users with a transfer only, so it is as bounded as they are.
    running: Mutex<HashMap<Member, usize>>,
}

/// One transfer; over when dropped.
pub(in crate::vault) struct Transfer {
    transfers: Arc<Transfers>,
    whose: Member,
}

impl Transfers {
    pub(in crate::vault) fn new(all_max: usize, per_user_max: usize) -> Arc<Self> {
        Arc::new(Self {
            all_max,
            per_user_max,
            running: Mutex::default(),
        })
    }

    /// Begins a transfer, or refuses at once: nothing waits here.
    pub(super) fn begin(self: &Arc<Self>, whose: Member) -> Result<Transfer, VaultError> {
        let mut running = self.lock();
        let own = running.get(&whose).copied().unwrap_or_default();
        if own >= self.per_user_max || running.values().sum::<usize>() >= self.all_max {
            return Err(VaultError::TooManyTransfers);
        }
        running.insert(whose, own + 1);
        Ok(Transfer {
            transfers: Arc::clone(self),
            whose,
        })
    }

    /// No step under the lock can panic halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<Member, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let mut running = self.transfers.lock();
        match running.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault_store::{OrgId, UserId};

    fn user(number: u8) -> Member {
        Member {
            org_id: OrgId::from_bytes([1; 16]),
            user_id: UserId::from_bytes([number; 16]),
        }
    }

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let transfers = Transfers::new(3, 2);
        let first = transfers.begin(user(1)).unwrap();
        let second = transfers.begin(user(1)).unwrap();
        assert!(transfers.begin(user(1)).is_err(), "of one user");
        let third = transfers.begin(user(2)).unwrap();
        assert!(transfers.begin(user(3)).is_err(), "in all");
        drop(first);
        let again = transfers.begin(user(1)).unwrap();
        drop((second, third, again));
        assert!(transfers.lock().is_empty());
    }
}
