//! Finds the credential for a target, opens it and binds it to that target.

use credential_injector::{HostPattern, Outbound, Selection, Target, select};
use secrecy::SecretSlice;
use vault_store::rows::CredentialRow;
use vault_store::{ListCandidates, Page, RecordId};

use super::{InjectionPlace, sealed_place};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{VaultError, stored};
use crate::vault::limits::LIST_LIMIT_MAX;
use crate::vault::principal::Principal;

impl Vault {
    /// A request to `target` with a credential of the caller: the one named, or the one whose
    /// pattern matches the target most narrowly.
    ///
    /// # Errors
    /// `CredentialNotFound` for none, an unknown and an expired one; `CredentialAmbiguous`;
    /// `Inject(OffOrigin)` for a named one of another host; `PassphraseMissing`; then
    /// `TooManyAttempts`, `WrongPassphrase`, `Tampered`.
    pub async fn outbound_with_credential(
        &self,
        caller: &Principal,
        target: Target,
        named: Option<RecordId>,
        passphrase: Option<&SecretSlice<u8>>,
    ) -> Result<Outbound, VaultError> {
        let owner = access::member(caller)?;
        let chosen = match named {
            Some(id) => id,
            None => self.find_credential(owner, &target).await?,
        };
        let read = self.sealed_credential(owner, chosen, None).await;
        let (row, sealed) = read.map_err(not_found)?;
        if !row.is_live(self.clock.utc()) {
            return Err(VaultError::CredentialNotFound);
        }
        // The row that is used decides, also when it changed since the list was read.
        let texts = (&row.host_pattern, &row.header, &row.template);
        if texts != (&sealed.host_pattern, &sealed.header, &sealed.template) {
            return Err(VaultError::Tampered("credential_versions"));
        }
        let place = InjectionPlace::parse(&row.host_pattern, &row.header, &row.template)
            .map_err(|_| VaultError::Tampered("the place of a credential"))?;
        if !place.pattern().matches_target(&target) {
            return Err(VaultError::Inject(
                credential_injector::InjectError::OffOrigin,
            ));
        }
        let passphrase = passphrase.ok_or(VaultError::PassphraseMissing)?;
        let key = self.unlock_credential(owner, &row, passphrase).await?;
        let value = key
            .open(&sealed_place(owner, &sealed), &sealed.sealed)
            .map_err(stored("a credential"))?;
        let secret = SecretSlice::from(value.expose().to_vec());
        Outbound::with_credential(target, place.pattern(), place.injection(), &secret)
            .map_err(VaultError::Inject)
    }

    /// The caller's own credential for a target.
    async fn find_credential(
        &self,
        owner: Member,
        target: &Target,
    ) -> Result<RecordId, VaultError> {
        let rows = self.matching(owner, target).await?;
        let candidates = rows.iter().map(|(id, pattern)| (*id, pattern));
        match select(candidates, target) {
            Selection::One(id) => Ok(id),
            Selection::None => Err(VaultError::CredentialNotFound),
            Selection::Ambiguous(ids) => Err(VaultError::CredentialAmbiguous(ids)),
        }
    }

    /// Live credentials of the owner that match, from authenticated rows.
    pub(super) async fn matching(
        &self,
        owner: Member,
        target: &Target,
    ) -> Result<Vec<(RecordId, HostPattern)>, VaultError> {
        let mut matching = Vec::new();
        let mut after = None;
        loop {
            let list = ListCandidates {
                org_id: owner.org_id,
                user_id: owner.user_id,
                after,
                limit: LIST_LIMIT_MAX,
                now: self.clock.utc(),
            };
            let Page { rows, more } = self.store.candidates(list).await?;
            after = rows.last().map(|row| row.credential.credential_id);
            let own = rows.into_iter().filter(|row| row.share.is_none());
            for candidate in own {
                let (id, pattern) = self.checked_pattern(&candidate.credential)?;
                if pattern.matches_target(target) {
                    matching.push((id, pattern));
                }
            }
            if !more || after.is_none() {
                return Ok(matching);
            }
        }
    }

    fn checked_pattern(&self, row: &CredentialRow) -> Result<(RecordId, HostPattern), VaultError> {
        self.integrity.check(row)?;
        let pattern = HostPattern::parse(&row.host_pattern)
            .map_err(|_| VaultError::Tampered("the host pattern of a credential"))?;
        Ok((row.credential_id, pattern))
    }
}

fn not_found(error: VaultError) -> VaultError {
    match error {
        VaultError::NotFound => VaultError::CredentialNotFound,
        other => other,
    }
}
