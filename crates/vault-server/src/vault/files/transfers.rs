//! How many files are on their way at once: in all, for one organisation, and for one user.
//!
//! Promise: no organisation takes more than half of the places, so that the others have some.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::vault::access::Member;
use crate::vault::error::VaultError;
use crate::vault::limits::TransferPlaces;

/// Transfers of one kind.
pub(in crate::vault) struct Transfers {
    places: TransferPlaces,
    // Holds users with a transfer only, so it is as bounded as they are.
    running: Mutex<HashMap<Member, usize>>,
}

/// One transfer; over when dropped.
pub(in crate::vault) struct Transfer {
    transfers: Arc<Transfers>,
    whose: Member,
}

impl Transfers {
    pub(in crate::vault) fn new(places: TransferPlaces) -> Arc<Self> {
        Arc::new(Self {
            places,
            running: Mutex::default(),
        })
    }

    /// Begins a transfer, or refuses at once: nothing waits here.
    pub(super) fn begin(self: &Arc<Self>, whose: Member) -> Result<Transfer, VaultError> {
        let mut running = self.lock();
        let own = running.get(&whose).copied().unwrap_or_default();
        let of_org = running
            .iter()
            .filter(|(member, _)| member.org_id == whose.org_id);
        let of_org: usize = of_org.map(|(_, count)| count).sum();
        let all: usize = running.values().sum();
        let TransferPlaces {
            all_max,
            per_org_max,
            per_user_max,
        } = self.places;
        if own >= per_user_max || of_org >= per_org_max || all >= all_max {
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

    fn user(org: u8, number: u8) -> Member {
        Member {
            org_id: OrgId::from_bytes([org; 16]),
            user_id: UserId::from_bytes([number; 16]),
        }
    }

    #[test]
    fn every_bound_holds_and_places_come_back() {
        let transfers = Transfers::new(TransferPlaces {
            all_max: 5,
            per_org_max: 3,
            per_user_max: 2,
        });
        let begin = |org, number| transfers.begin(user(org, number));
        let first = begin(1, 1).unwrap();
        let second = begin(1, 1).unwrap();
        assert!(begin(1, 1).is_err(), "of one user");
        let third = begin(1, 2).unwrap();
        assert!(begin(1, 3).is_err(), "of one organisation");
        let others = [begin(2, 1).unwrap(), begin(2, 2).unwrap()];
        assert!(begin(3, 1).is_err(), "in all");
        drop(first);
        let again = begin(1, 3).unwrap();
        drop((second, third, again, others));
        assert!(transfers.lock().is_empty());
    }
}
